package features

import (
	"math/bits"
	"sync/atomic"
)

// A histogram has four buckets for each doubling, so a value is known to a fifth. Values are whole numbers: nanoseconds
// of a latency, milliseconds of an age.
const (
	lowBits = 6  // values below 2^lowBits are in the first bucket
	octaves = 32 // above them; values that are larger still are in the last bucket
	buckets = 1 + 4*octaves
)

// bucketOf is the bucket of a value.
func bucketOf(v int64) int {
	if v < 1<<lowBits {
		return 0
	}
	top := bits.Len64(uint64(v)) - 1
	return min(1+4*(top-lowBits)+int(v>>(top-2)&3), buckets-1)
}

// UpTo is the bound of a bucket of a Histogram: what it counts is smaller.
func UpTo(bucket int) int64 {
	if bucket == 0 {
		return 1 << lowBits
	}
	octave, quarter := (bucket-1)/4, int64((bucket-1)%4)
	return (5 + quarter) << (octave + lowBits - 2)
}

// histogram counts values; any number of goroutines may add to it.
type histogram struct {
	counts [buckets]atomic.Uint64
	sum    atomic.Uint64
}

func (h *histogram) add(v int64) {
	h.counts[bucketOf(v)].Add(1)
	h.sum.Add(uint64(max(v, 0)))
}

func (h *histogram) read() Histogram {
	r := Histogram{Sum: h.sum.Load(), Counts: make([]uint64, buckets)}
	for i := range r.Counts {
		r.Counts[i] = h.counts[i].Load()
	}
	return r
}

// Histogram is how often values were in each bucket. The bounds are those of UpTo.
type Histogram struct {
	Counts []uint64
	// Sum is that of the values.
	Sum uint64
}

// Count is how many values there are.
func (h Histogram) Count() (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Quantile is a bound that the given share of the values do not reach; 0 if there are no values.
func (h Histogram) Quantile(share float64) int64 {
	n := h.Count()
	if n == 0 {
		return 0
	}
	want := min(uint64(share*float64(n)), n-1)
	for i, c := range h.Counts {
		if c > want {
			return UpTo(i)
		}
		want -= c
	}
	return UpTo(buckets - 1)
}
