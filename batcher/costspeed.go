package batcher

import "time"

// longest is what the longest of the last runs would have taken with so many rows.
func (c *costModel) longest(rows int) time.Duration {
	t := c.typical(rows)
	most := max(c.worst.of(t)*(1+c.margin), c.bound(rows))
	return time.Duration(most*c.slowed + c.gap)
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
	return time.Duration(skew * float64(c.mean(rows)))
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
