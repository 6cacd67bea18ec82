package shadow

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// traffic counts live answers by how long they took, while somebody measures. It is written on the request path: one addition an answer.
type traffic struct {
	on      atomic.Bool
	buckets [octaves * perOctave]atomic.Uint32
}

const (
	// perOctave buckets to each doubling of the time: one is at most 1/64 wide, 1.6 %.
	perOctave = 64
	// octaves reach from nanoseconds to 2^38 of them, four and a half minutes.
	octaves = 33
)

func (t *traffic) add(took time.Duration) {
	if t.on.Load() {
		t.buckets[bucketOf(took)].Add(1)
	}
}

// bucketOf is the bucket of a time: below 64 ns its own, and then the first six bits behind the leading one.
func bucketOf(took time.Duration) int {
	n := uint64(max(took, 0))
	shift := max(bits.Len64(n)-7, 0)
	return min(shift*perOctave+int(n>>shift), octaves*perOctave-1)
}

// lowest is the least time of a bucket.
func lowest(bucket int) time.Duration {
	shift := max(bucket/perOctave-1, 0)
	return time.Duration(uint64(bucket-shift*perOctave) << shift)
}

// begin starts to count anew.
func (t *traffic) begin() {
	t.on.Store(false)
	for i := range t.buckets {
		t.buckets[i].Store(0)
	}
	t.on.Store(true)
}

// end stops counting, and returns how many answers there were and how long the slowest hundredth took at least.
func (t *traffic) end() (answers int64, p99 time.Duration) {
	t.on.Store(false)
	for i := range t.buckets {
		answers += int64(t.buckets[i].Load())
	}
	left := answers / 100
	for i := len(t.buckets) - 1; i >= 0; i-- {
		n := int64(t.buckets[i].Load())
		if n == 0 || n <= left {
			left -= n
			continue
		}
		// Within the bucket its answers are taken to be spread evenly.
		width := lowest(i+1) - lowest(i)
		return answers, lowest(i) + time.Duration(float64(width)*(1-float64(left)/float64(n)))
	}
	return answers, 0
}
