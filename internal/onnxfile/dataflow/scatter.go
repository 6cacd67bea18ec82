package dataflow

// Scatter: operators that write to elements that indices choose.

// scatterElements writes, at each place of the indices, to the same place but for one axis.
func scatterElements(c *call) []*value {
	data, index := c.arg(0), c.arg(1)
	if len(c.in) > 3 {
		return nil
	}
	if bad := c.writtenBy(index); bad != nil {
		return []*value{bad}
	}
	axis, ok := axisOf(c.intAttr("axis", 0), data.rank())
	if !data.ranked || !ok || c.allUniform() {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	lead := layoutOf(c.in...)
	for _, v := range c.in {
		if v.class != rows || !v.plain() || !v.ranked || v.rank() != data.rank() || axis == v.axis || c.aligned(lead, v) != nil {
			return []*value{c.unknown("writes at indices that are not followed")}
		}
	}
	return []*value{c.along(data.axis, lead.pre, lead.post, data.dims...)}
}

// writtenBy is what becomes of data that is written at mixed or unknown indices, or of such
// data: nil if there are none. Indices that choose rows may put them back where they were.
func (c *call) writtenBy(index *value) *value {
	bad := c.worst(nil)
	if bad != nil && index.class == mixed && index.cause.asIndex {
		return c.chosenBy(index)
	}
	return bad
}

// scatterND writes at tuples of indices.
func scatterND(c *call) []*value {
	data, index, updates := c.arg(0), c.arg(1), c.arg(2)
	if bad := c.writtenBy(index); bad != nil {
		return []*value{bad}
	}
	bad := []*value{c.unknown("writes at indices that are not followed")}
	if !data.ranked || !index.ranked || !updates.ranked || index.rank() == 0 || data.class != rows || !data.plain() || index.class == counted || updates.class == counted {
		return bad
	}
	last := index.rank() - 1
	size, known := c.value(index.dims[last])
	w := data.computed()
	w.even = false
	switch {
	case !known || size < 1:
	case index.class == rows && c.ownNumber(index) && data.axis == 0 && c.lone(data) && c.lone(index) && index.axis < last && updates.plain():
		// Each row writes to itself, what is its own or the same for all.
		if updates.class == rows && updates.axis == index.axis && updates.pre == index.pre && updates.post == index.post {
			return []*value{w}
		}
	case index.class == uniform && data.axis >= int(size) && updates.class == rows && updates.plain():
		if updates.axis == last+data.axis-int(size) && updates.pre == data.pre && updates.post == data.post {
			return []*value{w}
		}
	}
	return bad
}
