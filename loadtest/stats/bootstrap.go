package stats

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

const (
	// minBlocks is the least number of blocks that an interval is made of.
	minBlocks = 5
	// maxBlocks bounds the work: in a longer run a block is of several seconds.
	maxBlocks = 300
)

// bucketBits makes buckets at most 0.1 % wide: 1024 to each power of two.
const bucketBits = 10

func bucketOf(ns int64) int {
	v := uint64(max(ns, 0))
	shift := max(bits.Len64(v)-bucketBits-1, 0)
	return shift<<bucketBits + int(v>>shift)
}

// middle is the middle of a bucket.
func middle(bucket int) float64 {
	shift := max(bucket>>bucketBits-1, 0)
	return (float64(bucket-shift<<bucketBits)+0.5)*float64(uint64(1)<<shift) - 0.5
}

// blocks are the histograms of a run's blocks, cumulative, in the form that makes a
// resample's quantile cheap: for each bucket that any block uses, one count per block of
// samples up to it. A resample is then a weight per block; how many of its samples lie up to
// a bucket is one scalar product, and its quantile a binary search over the buckets.
type blocks struct {
	n      int // blocks
	bucket []int
	upTo   []uint32 // [bucket][block]
}

// newBlocks sorts samples into blocks by the second that each belongs to.
func newBlocks(ns []int64, second []int32, seconds int) *blocks {
	per := (seconds + maxBlocks - 1) / maxBlocks
	b := &blocks{n: seconds / max(per, 1)}
	if b.n < minBlocks {
		return nil
	}
	var used []int32 // 1 if a sample is there, then the row
	for _, v := range ns {
		k := bucketOf(v)
		if k >= len(used) {
			used = append(used, make([]int32, k+1-len(used))...)
		}
		used[k] = 1
	}
	for k, u := range used {
		if u > 0 {
			used[k] = int32(len(b.bucket))
			b.bucket = append(b.bucket, k)
		}
	}
	b.upTo = make([]uint32, len(b.bucket)*b.n)
	for i, v := range ns {
		block := min(int(second[i])/per, b.n-1) // the rest of a run goes with its last whole block
		b.upTo[int(used[bucketOf(v)])*b.n+block]++
	}
	for i := b.n; i < len(b.upTo); i++ {
		b.upTo[i] += b.upTo[i-b.n]
	}
	return b
}

// within counts a resample's samples up to a row's bucket.
func (b *blocks) within(row int, weight []uint32) (n uint64) {
	counts := b.upTo[row*b.n : (row+1)*b.n]
	weight = weight[:len(counts)]
	for i, c := range counts {
		n += uint64(c) * uint64(weight[i])
	}
	return n
}

// intervals are the 95 % percentile intervals of quantiles, in nanoseconds.
func (b *blocks) intervals(quantiles []float64, resamples int, seed uint64) [][2]float64 {
	random := rand.New(rand.NewPCG(seed, 0x626c6f636b73))
	found := make([][]float64, len(quantiles))
	weight := make([]uint32, b.n)
	for range resamples {
		clear(weight)
		for range b.n {
			weight[random.IntN(b.n)]++
		}
		n := b.within(len(b.bucket)-1, weight)
		if n == 0 {
			continue // only blocks without a sample were drawn
		}
		for i, q := range quantiles {
			want := uint64(rank(q, int64(n)))
			lo, hi := 0, len(b.bucket)-1
			for lo < hi {
				if mid := (lo + hi) / 2; b.within(mid, weight) >= want {
					hi = mid
				} else {
					lo = mid + 1
				}
			}
			found[i] = append(found[i], middle(b.bucket[lo]))
		}
	}
	ends := make([][2]float64, len(quantiles))
	for i, v := range found {
		if len(v) > 0 {
			slices.Sort(v)
			ends[i] = [2]float64{v[rank(0.025, int64(len(v)))-1], v[rank(0.975, int64(len(v)))-1]}
		}
	}
	return ends
}

// rank is the nearest rank of a quantile among n, from 1. What is left of a product that
// should be whole does not count.
func rank(q float64, n int64) int64 {
	const rounding = 1e-6
	return min(max(int64(math.Ceil(q*float64(n)-rounding)), 1), n)
}
