// Package cost describes what a batch costs: latency against rows. A Curve is
// measured by a warm-up sweep, corrected online by the scheduler, given by hand to
// the simulator and the fake device, and printed by `sluice check`.
package cost

import (
	"slices"
	"sort"
	"time"
)

// Point is the latency of one batch size, measured from sealing a batch to having
// its outputs.
type Point struct {
	Rows int           `json:"rows"`
	P50  time.Duration `json:"p50_ns"`
	P95  time.Duration `json:"p95_ns"`
}

// Curve is the latency of a model on a device by batch size: ascending in Rows,
// non-decreasing in P50 after Monotone.
type Curve []Point

// At is the median latency of a batch, interpolated between measured sizes and
// extrapolated beyond the last along its last slope (never below the last value).
func (c Curve) At(rows int) time.Duration {
	if len(c) == 0 {
		return 0
	}
	i := sort.Search(len(c), func(i int) bool { return c[i].Rows >= rows })
	switch {
	case i == 0:
		return c[0].P50
	case i < len(c):
		return lerp(c[i-1], c[i], rows)
	case len(c) == 1:
		return c[0].P50 * time.Duration(rows) / time.Duration(c[0].Rows)
	default:
		return max(c[len(c)-1].P50, lerp(c[len(c)-2], c[len(c)-1], rows))
	}
}

func lerp(a, b Point, rows int) time.Duration {
	span := float64(b.P50 - a.P50)
	return a.P50 + time.Duration(span*float64(rows-a.Rows)/float64(b.Rows-a.Rows))
}

// Best is the batch size with the highest throughput among 1..maxRows whose latency
// stays within limit (0 means no limit); 1 if even that is too slow. Of equal sizes the smallest wins.
func (c Curve) Best(maxRows int, limit time.Duration) int {
	best, bestRate := 1, 0.0
	for b := 1; b <= maxRows; b++ {
		l := c.At(b)
		if limit > 0 && l > limit {
			break
		}
		if rate := float64(b) / float64(max(l, 1)); rate > bestRate*1.0001 {
			best, bestRate = b, rate
		}
	}
	return best
}

// RowsPerSecond is the throughput of back-to-back batches of that size.
func (c Curve) RowsPerSecond(rows int) float64 {
	return float64(rows) / max(c.At(rows), 1).Seconds()
}

// PerThousand is the device's time for 1,000 rows in batches of that size.
func (c Curve) PerThousand(rows int) time.Duration {
	return time.Duration(1000 * float64(c.At(rows)) / float64(rows))
}

// Monotone makes P50 and P95 non-decreasing in rows by pooling adjacent violators
// (isotonic regression with equal weights; Ayer et al., 1955), in place.
func (c Curve) Monotone() Curve {
	slices.SortFunc(c, func(a, b Point) int { return a.Rows - b.Rows })
	pool(len(c), func(i int) *time.Duration { return &c[i].P50 })
	pool(len(c), func(i int) *time.Duration { return &c[i].P95 })
	return c
}

func pool(n int, value func(int) *time.Duration) {
	type block struct {
		sum   time.Duration
		count int
	}
	blocks := make([]block, 0, n)
	for i := range n {
		b := block{*value(i), 1}
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			if last.sum*time.Duration(b.count) <= b.sum*time.Duration(last.count) {
				break
			}
			b = block{b.sum + last.sum, b.count + last.count}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	i := 0
	for _, b := range blocks {
		for range b.count {
			*value(i) = b.sum / time.Duration(b.count)
			i++
		}
	}
}

// Sizes is the ladder of batch sizes that a sweep measures: 1, 2, 3, 4, 6, 8, 12, 16,
// 24, ... up to and including maxRows.
func Sizes(maxRows int) []int {
	var sizes []int
	for b := 1; b < maxRows; b *= 2 {
		sizes = append(sizes, b)
		if mid := b + b/2; b > 1 && mid < maxRows {
			sizes = append(sizes, mid)
		}
	}
	return append(sizes, max(maxRows, 1))
}
