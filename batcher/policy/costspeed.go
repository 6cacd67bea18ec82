package policy

import "time"

// longest is what the longest of the last runs would have taken with so many rows.
func (c *costModel) longest(rows int) time.Duration {
	t := c.typical(rows)
	most := max(c.worst.of(t)*(1+c.margin), c.bound(rows))
	return time.Duration(most*c.slowed + c.gap + c.reach)
}

// slowestSpeed bounds what is believed from outside.
const slowestSpeed = 0.05

// setSpeed scales the predictions. If the runs have shown a slow-down before the signal for
// it came, it must not count twice: then what they say at the new speed is kept.
func (c *costModel) setSpeed(speed float64) {
	if c.slow >= slowRuns && speed < c.speed {
		c.fill(c.pace.ratio * speed / c.speed)
	}
	c.speed, c.slowed = speed, 1/speed
	c.changes++
}

const (
	skewStep  = 0.01
	skewLeast = 0.5 // a run's median is seldom less of its mean
)

// likely is the median forecast of a run: for figures, not for deadlines. Runs are skewed, so that
// the mean is above it.
func (c *costModel) likely(rows int) time.Duration {
	skew := c.skew
	if skew == 0 {
		skew = 1
	}
	return time.Duration(skew * (c.ahead(rows)*c.slowed + c.gap))
}

// learnSkew moves the skew by a step towards a run: where half of the runs are above and half
// below, it stays.
func (c *costModel) learnSkew(rows int, took time.Duration) {
	if c.skew == 0 {
		c.skew = 1
	}
	if took > c.likely(rows) {
		c.skew = min(c.skew*(1+skewStep), 1/skewLeast)
	} else {
		c.skew = max(c.skew*(1-skewStep), skewLeast)
	}
}

const (
	reachStep  = 0.01  // of a run's mean and the reach
	reachMiss  = 0.045 // of the runs may be above the bound, if there are no outliers
	reachMost  = float64(250 * time.Microsecond)
	reachShort = float64(time.Millisecond)
)

// learnReach moves the time that the bound lies above what the ring says, so that it covers 19 of
// 20 runs. Models whose row takes less than a millisecond need it: what a processor that others
// want as well costs such runs is no share of them. In long runs planning for the tail would cost
// more requests than meeting it. Outliers up to one run in twenty leave the reach where it is.
func (c *costModel) learnReach(rows int, took, bound time.Duration) {
	if c.table[0] >= reachShort {
		c.reach = 0
		return
	}
	step := reachStep * (c.ahead(rows)*c.slowed + c.gap + c.reach)
	switch {
	case took <= bound:
		c.reach = max(c.reach-reachMiss*step, 0)
	case took <= outlierRatio*bound:
		c.reach = min(c.reach+(1-reachMiss)*step, reachMost)
	default:
		c.reach = min(c.reach+19*reachMiss*step, reachMost)
	}
}

const (
	reserveStep = 0.005
	brokenAim   = 0.001 // of the promises
	reserveMost = 0.25
)

// keep learns from what became of a promise. A queue that is as long as the longest budget ends
// late whenever its runs take more than their mean in sum, which is every other time; the reserve
// grows until that breaks few promises. It costs no throughput: the queue is shorter, not empty.
func (c *costModel) keep(kept bool) {
	if kept {
		c.reserve = max(c.reserve-brokenAim*reserveStep, 0)
	} else {
		c.reserve = min(c.reserve+(1-brokenAim)*reserveStep, reserveMost)
	}
}

// keepsFrom is how many full batches fit into a budget from which on its promise counts for the reserve.
// What breaks shorter ones is a single run, and no reserve for sums helps them.
const keepsFrom = 4

// keep has the reserve learn from what became of an item.
func (in *instance) keep(it *Item, kept bool) {
	if it.Deadline.Sub(it.Arrived) >= keepsFrom*in.fullRun {
		in.cost.keep(kept)
	}
}
