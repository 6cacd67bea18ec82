package costmodel

import (
	"math"
	"time"

	"sluice/internal/clock"
)

// Longest is what the longest of the last runs would have taken with so many rows.
func (c *Model) Longest(rows int) time.Duration {
	t := c.typical(rows)
	most := max(c.worst.of(t)*(1+c.margin), c.bound(rows))
	return time.Duration(most*c.slowed + c.gap + c.reach)
}

// SlowestSpeed bounds what is believed from outside.
const SlowestSpeed = 0.05

// SetSpeed scales the predictions. If the runs have shown a slow-down before the signal for
// it came, it must not count twice: then what they say at the new speed is kept.
func (c *Model) SetSpeed(speed float64) {
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

// Likely is the median forecast of a run: for figures, not for deadlines. Runs are skewed, so that
// the mean is above it.
func (c *Model) Likely(rows int) time.Duration {
	skew := c.skew
	if skew == 0 {
		skew = 1
	}
	return time.Duration(skew * (c.ahead(rows)*c.slowed + c.gap))
}

// learnSkew moves the skew by a step towards a run: where half of the runs are above and half
// below, it stays.
func (c *Model) learnSkew(rows int, took time.Duration) {
	if c.skew == 0 {
		c.skew = 1
	}
	if took > c.Likely(rows) {
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
func (c *Model) learnReach(rows int, took, bound time.Duration) {
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

// Keep learns from what became of a promise. A queue that is as long as the longest budget ends
// late whenever its runs take more than their mean in sum, which is every other time; the reserve
// grows until that breaks few promises. It costs no throughput: the queue is shorter, not empty.
func (c *Model) Keep(kept bool) {
	if kept {
		c.reserve = max(c.reserve-brokenAim*reserveStep, 0)
	} else {
		c.reserve = min(c.reserve+(1-brokenAim)*reserveStep, reserveMost)
	}
}

// Observe learns from a run. A probe ran because the prediction refused all: if it was
// faster than predicted, what is remembered of the speed is wrong and is replaced.
func (c *Model) Observe(now clock.Instant, rows int, took time.Duration, probe bool) {
	c.runs++
	c.lastRun = now
	bound := c.Latency(rows)
	if took <= bound {
		c.covered++
	}
	c.learnSkew(rows, took)
	c.learnReach(rows, took, bound)
	c.changes++ // the reach is in what was said before
	r := run{rows, math.Max((float64(took)-c.gap)*c.speed, 1)}
	if !c.learnNew(r) {
		return
	}
	typical := c.typical(rows)
	ratio := r.took / typical
	if probe && r.took < c.bound(rows) {
		c.fill(ratio)
		return
	}
	if most := outlierRatio * c.bound(rows); r.took > most {
		c.wild += outlierCost
		if c.wild < outlierMost {
			return
		}
		c.wild -= outlierCost
		r.took = most
		ratio = most / typical
		c.push(r) // twice: the percentile leaves out one of a full ring
		c.slow = slowRuns - 1
		c.recent = [slowRuns]run{r, r, r}
	} else {
		c.wild = max(0, c.wild-1)
	}
	if ratio > slowRatio {
		c.recent[c.slow%slowRuns] = r
		c.slow++
	} else {
		c.slow = 0
	}
	c.push(r)
	c.adjust(r, ratio)
	c.refresh()
}

func (c *Model) push(r run) {
	c.ring[c.at] = r
	c.at = (c.at + 1) % ringSize
	c.filled = min(c.filled+1, ringSize)
}

// refresh computes the stretches from the ring.
func (c *Model) refresh() {
	c.changes++
	// The 95th percentile by nearest rank: the largest of up to 19 runs, the second
	// largest of more. Of the differences the largest will do, since it only bounds what
	// the ratio says; a percentile over runs of all sizes would be too low for large ones.
	var first, second, sum stretch
	for _, r := range c.ring[:c.filled] {
		s := c.against(r)
		sum.ratio, sum.extra = sum.ratio+s.ratio, sum.extra+s.extra
		second.ratio = max(second.ratio, min(first.ratio, s.ratio))
		first.ratio, first.extra = max(first.ratio, s.ratio), max(first.extra, s.extra)
	}
	n := float64(c.filled)
	c.pace = stretch{sum.ratio / n, sum.extra / n}
	c.high, c.worst = first, first
	if c.filled >= 20 {
		c.high.ratio = second.ratio
	}
	if c.slow >= slowRuns {
		// Their median: the largest may be a hiccup below the threshold.
		a, b, d := c.against(c.recent[0]), c.against(c.recent[1]), c.against(c.recent[2])
		now := stretch{median(a.ratio, b.ratio, d.ratio), median(a.extra, b.extra, d.extra)}
		c.high = stretch{max(c.high.ratio, now.ratio), max(c.high.extra, now.extra)}
		c.pace = stretch{max(c.pace.ratio, now.ratio), max(c.pace.extra, now.extra)}
	}
}

func (c *Model) against(r run) stretch {
	t := c.typical(r.rows)
	return stretch{r.took / t, r.took - t}
}

func median(a, b, c float64) float64 { return max(min(a, b), min(max(a, b), c)) }
