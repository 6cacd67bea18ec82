package costmodel

import (
	"sort"
	"time"
)

const (
	headroom   = 1.05 // throughput asked of the target batch against the load
	worthwhile = 1.01 // gain in throughput that a larger batch must bring
)

// Best is the batch size of the highest throughput whose mean latency stays within limit (0:
// no limit). Between two sizes of the table the latency is linear and the throughput
// therefore monotone, so only the table's sizes and the last size within the limit can
// win. A size wins only if it is worth its latency.
func (c *Model) Best(limit time.Duration) int {
	most := c.rows[len(c.rows)-1]
	if limit > 0 {
		most = c.largestWithin(limit)
	}
	best, bestRate := 1, 0.0
	try := func(b int) {
		if rate := float64(b) / float64(max(c.usual(b), 1)); rate > bestRate*worthwhile {
			best, bestRate = b, rate
		}
	}
	for _, b := range c.rows {
		if b > most {
			break
		}
		try(b)
	}
	if !c.stepped && most > 0 {
		try(most)
	}
	return best
}

// largestWithin is the largest batch whose mean latency stays within limit, 0 if none.
func (c *Model) largestWithin(limit time.Duration) int {
	most := c.rows[len(c.rows)-1]
	return sort.Search(most, func(i int) bool { return c.usual(i+1) > limit })
}

// Smallest is the smallest batch that reaches a throughput in rows per second, or most
// if none up to there does.
func (c *Model) Smallest(rowsPerSecond float64, most int) int {
	reaches := func(b int) bool {
		return float64(b) >= headroom*rowsPerSecond*max(c.usual(b), 1).Seconds()
	}
	low := 0 // largest size known not to be enough
	for _, b := range c.rows {
		b = min(b, most)
		if !reaches(b) {
			low = b
			if b == most {
				return most
			}
			continue
		}
		if c.stepped {
			return b
		}
		return low + 1 + sort.Search(b-low-1, func(i int) bool { return reaches(low + 1 + i) })
	}
	return most
}

// Within is the largest batch, up to most rows, whose latency stays within a limit; 0 if none.
func (c *Model) Within(limit time.Duration, most int) int {
	low, high := 0, most
	for low < high {
		if mid := (low + high + 1) / 2; c.Latency(mid) <= limit {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}

// alikeWithin is how far the costs of peers may differ. Warm-up measures two GPUs of one type
// some percent apart; those of two types differ by half and more.
const alikeWithin = 0.25

// Like compares two tables by what a run of each size takes. A table that is yet to be learned is
// like any.
func (c *Model) Like(o *Model) bool {
	if !c.known[0] || !o.known[0] {
		return true
	}
	var mine, other float64
	for _, b := range c.rows {
		if b < len(o.segment) {
			mine, other = mine+c.typical(b), other+o.typical(b)
		}
	}
	return max(mine, other) <= (1+alikeWithin)*min(mine, other)
}
