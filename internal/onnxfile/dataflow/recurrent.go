package dataflow

// recurrent is the rule of RNN, GRU and LSTM: time runs along one axis, the batch lies on
// another: [time, batch, size], or [batch, time, size] with layout 1.
func recurrent(c *call) []*value {
	x := c.arg(0)
	batchFirst := c.intAttr("layout", 0) != 0
	batch, time := 1, 0
	if batchFirst {
		batch, time = 0, 1
	}
	if x.class != rows {
		return c.every(c.unknown("takes constants where rows are analysed"))
	}
	switch {
	case !x.ranked || x.rank() != 3:
		return c.every(c.unknown("the shape of an input is not known"))
	case x.axis == time:
		return c.every(c.joined(x, "runs over the rows as over time"))
	case x.axis != batch:
		return c.every(c.joined(x, "sums over the rows"))
	}
	for i, v := range c.in[1:] {
		if v == nil {
			continue
		}
		// Lengths are [batch]; first states are [directions, batch, size], or batch first.
		at := map[int]int{4: 0, 5: batch, 6: batch}
		axis, follows := at[i+1]
		switch {
		case !follows && v.class == uniform:
		case follows && v.class == rows && v.ranked && v.axis == axis && c.length(v.pre, v.post) == c.length(x.pre, x.post) &&
			(v.even || v.pre == x.pre && v.post == x.post):
			if i+1 == 4 {
				c.hintLength(v, x.dims[time])
			}
		case follows && v.class == rows:
			return c.every(c.unknown("pairs rows that lie differently"))
		default:
			return c.every(c.unknown("states or lengths do not follow the rows"))
		}
	}
	size, directions := c.constant(c.intAttr("hidden_size", 0)), c.constant(1)
	if c.textAttr("direction", "forward") == "bidirectional" {
		directions = c.constant(2)
	}
	if w := c.arg(2); w != nil && w.ranked && w.rank() == 3 {
		size = w.dims[2]
	}
	n := x.dims[x.axis]
	along := func(axis int, dims ...expr) *value { return c.along(axis, x.pre, x.post, dims...) }
	if batchFirst {
		state := along(0, n, directions, size)
		cell := *state
		return []*value{along(0, n, x.dims[time], directions, size), state, &cell}
	}
	state := along(1, directions, n, size)
	cell := *state
	return []*value{along(2, x.dims[time], directions, n, size), state, &cell}
}
