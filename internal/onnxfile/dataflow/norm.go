package dataflow

// Normalisation, and other work along axes that keeps the shape.

// layerNorm joins all axes from one on; scale and shift broadcast to them.
func layerNorm(c *call) []*value {
	v := c.arg(0)
	w := c.fromAxis(c.intAttr("axis", -1), "normalises over the rows")
	if w.class > rows {
		return c.every(w)
	}
	for _, x := range c.in[1:] {
		if x == nil {
			continue
		}
		if x.class != uniform || !x.ranked || x.rank() >= v.fromEnd() && v.class == rows {
			return c.every(c.unknown("scales rows by what is not known to be a constant"))
		}
	}
	out := []*value{w}
	for len(out) < len(c.node.Outputs) { // mean and deviation, of the shape before the axis
		out = append(out, c.reducedFrom(v, c.intAttr("axis", -1)))
	}
	return out
}

func (c *call) reducedFrom(v *value, n int64) *value {
	if n < 0 {
		n += int64(v.rank())
	}
	var axes []int64
	for i := n; i < int64(v.rank()); i++ {
		axes = append(axes, i)
	}
	w := c.reduced(v, axes, true)
	w.content = nil
	return w
}

// meanVariance joins the axes that it names, 0, 2 and 3 where it names none.
func meanVariance(c *call) []*value {
	v := c.arg(0)
	axes, given, ok := c.intsAttr("axes")
	if !given {
		axes = []int64{0, 2, 3}
	}
	if !ok || !v.ranked || len(axes) == 0 {
		return []*value{c.unknown("the axes are not known")}
	}
	for _, n := range axes {
		if i, ok := axisOf(n, v.rank()); v.class == rows && ok && i == v.axis {
			return []*value{c.joined(v, "normalises over the rows")}
		}
	}
	return []*value{v.computed()}
}

// trilu cuts a triangle out of the last two axes.
func trilu(c *call) []*value {
	v, k := c.arg(0), c.arg(1)
	switch {
	case k != nil && k.class != uniform:
		return []*value{c.unknown("values of rows choose a diagonal")}
	case v.class == rows && (!v.ranked || v.fromEnd() <= 2):
		return []*value{c.unknown("the result may depend on a row's position")}
	}
	return []*value{v.computed()}
}

// reverseSequence turns the beginnings of sequences around.
func reverseSequence(c *call) []*value {
	v, lengths := c.arg(0), c.arg(1)
	batch, time := c.intAttr("batch_axis", 1), c.intAttr("time_axis", 0)
	switch {
	case v.class == rows && v.ranked && int64(v.axis) == time:
		return []*value{c.unknown("turns the order of the rows around")} // which may be turned back
	case v.class != rows || !v.ranked || lengths.class != rows || int64(v.axis) != batch || c.aligned(v, c.withAxisOf(lengths, v)) != nil:
		return []*value{c.unknown("the lengths do not follow the rows")}
	}
	lead := layoutOf(v, lengths)
	return []*value{c.along(v.axis, lead.pre, lead.post, v.dims...)}
}

// withAxisOf is v as if its rows lay on the axis of another value.
func (c *call) withAxisOf(v, like *value) *value {
	w := *v
	w.dims, w.axis = like.dims, like.axis
	return &w
}

func lpNorm(c *call) []*value {
	return []*value{c.alongAxis(c.intAttr("axis", -1), "normalises over the rows")}
}
