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
}
