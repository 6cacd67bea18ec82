package policy

import (
	"time"

	"sluice/internal/clock"
)

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
// What breaks shorter ones is a single run, and no reserve for sums helps them: they have a headroom.
const keepsFrom = 4

// keep has the model learn from what became of a promise: when the item's run ended, Never if it was given
// up. For short budgets only runs count whose lateness a headroom can cure.
func (in *instance) keep(it *Item, end clock.Instant) {
	switch over := time.Duration(end - it.Deadline); {
	case it.Deadline.Sub(it.Arrived) >= keepsFrom*in.fullRun:
		in.cost.keep(over <= 0)
	case over <= time.Duration(headroomMost):
		in.cost.keepShort(over <= -in.answer)
	}
}

const (
	headroomStep = float64(25 * time.Microsecond)
	headroomAim  = 0.008 // of the promises may be broken
	headroomMost = float64(600 * time.Microsecond)
	headroomPart = 4 // so much of the budget beyond the run, at most, as a divisor
)

// keepShort learns from what became of a promise to a short budget. One run that takes a little longer than
// its bound, or an answer that waits for a core, breaks it; so the headroom grows until that breaks few.
func (c *costModel) keepShort(kept bool) {
	if kept {
		c.headroom = max(c.headroom-headroomAim*headroomStep, 0)
	} else {
		c.headroom = min(c.headroom+(1-headroomAim)*headroomStep, headroomMost)
	}
}

// headroom is how long before its deadline an item must be predicted to be done. What its own run takes
// of the budget stays out of it, so that a budget of little more than a run is still served at rest.
func (in *instance) headroom(it *Item) time.Duration {
	budget := it.Deadline.Sub(it.Arrived)
	if in.cost.headroom == 0 || budget >= keepsFrom*in.fullRun {
		return 0
	}
	return max(min(time.Duration(in.cost.headroom), (budget-in.idle(it.whole()))/headroomPart), 0)
}
