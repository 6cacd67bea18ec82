package dataflow

// Operators that work otherwise while they train, and random numbers.

// batchNorm scales channels by constants, unless it trains.
func batchNorm(c *call) []*value {
	training, listed := c.intAttr("training_mode", 0) != 0, false
	if c.version < 14 { // training is told by further outputs
		for _, name := range c.node.Outputs[1:] {
			training, listed = training || name != "", true
		}
	}
	v := c.arg(0)
	switch {
	case v == nil || listed && !training:
		return c.every(c.unknown("may normalise over the rows"))
	case training && v.class == rows:
		return c.every(c.mixed("normalises over the rows"))
	case training: // it may change its own statistics
		return c.every(c.unknown("normalises by statistics that may change"))
	case c.allUniform():
		return c.deterministic(nil)
	}
	return leading(1, "", sameShape)(c)
}

// dropout gives its input on, unless it trains.
func dropout(c *call) []*value {
	v := c.arg(0)
	if mode := c.arg(2); mode != nil {
		on, known := c.value(mode.scalarContent())
		switch ratio := c.arg(1); {
		case known && on == 0:
		case known && (ratio == nil || len(ratio.numbers) == 1 && ratio.numbers[0] > 0):
			return c.every(c.mixed(draws))
		default:
			return c.every(c.unknown("may draw random numbers"))
		}
	}
	w := *v
	mask := v.computed()
	return []*value{&w, mask}
}

const draws = "draws random numbers"

// random gives other numbers in every run.
func random(c *call) []*value { return c.every(c.mixed(draws)) }
