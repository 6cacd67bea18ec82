package search

import (
	"math"
	"time"

	"sluice/loadtest/result"
)

// clock estimates the time that is left, from what was done. It reads no clock.
type clock struct {
	total, grid time.Duration
	// gap is the ratio that the narrowing has just halved, confirmed the confirmations before this one.
	gap       float64
	confirmed int
}

func (c *clock) pass(r result.Probe) {
	if r.Phase == Grid {
		c.grid += time.Duration(r.Seconds * float64(time.Second))
	}
}

// left is the time after a probe.
func (c *clock) left(o Options, r result.Probe) time.Duration {
	switch r.Phase {
	case Grid:
		return max(c.total-c.grid, o.afterGrid(o.narrowing(), o.Confirmations+1, r.Rate))
	case Bisect:
		half := math.Log2(math.Log(c.gap)/math.Log1p(o.Precision)) - 1
		return o.afterGrid(int(math.Ceil(max(half, 0))), o.Confirmations+1, r.Rate)
	case Confirm:
		left := o.Confirmations
		if r.Outcome == pass.String() {
			left -= c.confirmed + 1
		}
		return o.afterGrid(0, left, r.Rate)
	}
	return 0
}
