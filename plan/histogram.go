package plan

import (
	"math/bits"
	"time"
)

// histogram counts latencies in buckets that are at most 0.2 % wide: 512 to each power of
// two, each nanosecond below 1024 ns. Its memory does not grow with the length of a run.
type histogram struct {
	buckets []uint64
	n       uint64
	sum     float64
	max     time.Duration
}

const bucketBits = 9

func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	shift := max(bits.Len64(v)-bucketBits-1, 0)
	return shift<<bucketBits + int(v>>shift)
}

// upper is the largest latency of a bucket.
func upper(bucket int) time.Duration {
	shift := max(bucket>>bucketBits-1, 0)
	return time.Duration((uint64(bucket-shift<<bucketBits)+1)<<shift - 1)
}

func (h *histogram) add(d time.Duration) {
	i := bucketOf(d)
	if i >= len(h.buckets) {
		h.buckets = append(h.buckets, make([]uint64, i+1-len(h.buckets))...)
	}
	h.buckets[i]++
	h.n++
	h.sum += float64(d)
	h.max = max(h.max, d)
}

// quantile is by nearest rank among n of which all that were not added are larger than any.
// ok is false if it is one of those.
func (h *histogram) quantile(q float64, n uint64) (d time.Duration, ok bool) {
	rank := uint64(q * float64(n))
	if float64(rank) < q*float64(n)-1e-9 || rank == 0 {
		rank++
	}
	var below uint64
	for i, c := range h.buckets {
		if below += c; below >= rank {
			return min(upper(i), h.max), true
		}
	}
	return 0, false
}

// within counts what is at most d; the bucket that d is in counts if all of it is.
func (h *histogram) within(d time.Duration) uint64 {
	if h.max <= d {
		return h.n
	}
	var below uint64
	for i, c := range h.buckets {
		if upper(i) > d {
			break
		}
		below += c
	}
	return below
}

func (h *histogram) mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.n))
}
