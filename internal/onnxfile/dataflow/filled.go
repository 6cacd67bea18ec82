package dataflow

// Constants, and tensors of equal elements.

// constantOf is Constant. A node whose value is its own is looked at once, however often a
// body runs: the tensor may be large.
func constantOf(c *call) []*value {
	for _, at := range c.node.Attributes {
		if at.Name != "value" || at.Ref != "" {
			continue
		}
		v, ok := c.fixed[c.node]
		if !ok {
			v = unranked()
			if t, ok := at.Tensor(); ok {
				v = c.weight(t)
			}
			c.fixed[c.node] = v
		}
		return []*value{v}
	}
	if at, ok := c.attribute("value"); ok {
		if t, ok := at.Tensor(); ok {
			return []*value{c.weight(t)}
		}
		return []*value{unranked()}
	}
	if at, ok := c.attribute("value_int"); ok {
		return []*value{c.contents([]expr{c.constant(at.Int())}, true)}
	}
	if at, ok := c.attribute("value_ints"); ok {
		if list, ok := at.Ints(maxContents); ok {
			return []*value{c.contents(c.constants(list), false)}
		}
		return []*value{same(c.free())}
	}
	if at, ok := c.attribute("value_float"); ok {
		v := same()
		v.numbers = []float64{at.Float()}
		return []*value{v}
	}
	for _, name := range [...]string{"value_floats", "value_strings"} {
		if at, ok := c.attribute(name); ok {
			v := same(c.constant(int64(at.Count())))
			v.numbers, _ = at.Floats(maxContents)
			return []*value{v}
		}
	}
	if _, ok := c.attribute("value_string"); ok {
		return []*value{same()}
	}
	return []*value{unranked()}
}

func (a *analysis) constants(list []int64) []expr {
	out := make([]expr, len(list))
	for i, n := range list {
		out[i] = a.constant(n)
	}
	return out
}

// filled is ConstantOfShape.
func filled(c *call) []*value {
	shape := c.arg(0)
	if shape == nil || !shape.ranked {
		return nil
	}
	if shape.class == rows {
		return []*value{c.unknown("values of rows give a shape")}
	}
	v := c.constantRows(shape)
	if v.class == uniform {
		c.fillContent(v)
	}
	return []*value{v}
}

// constantRows is a tensor of equal elements of a shape.
func (c *call) constantRows(shape *value) *value {
	if shape.content == nil {
		rank, ok := c.value(c.vectorLength(shape))
		if shape.class != uniform || !ok || rank > maxFollowedRank {
			return c.unknown("the elements of a shape are not known")
		}
		return same(c.freeLengths(int(rank))...)
	}
	axis := -1
	for i, d := range shape.content {
		if !c.counted(d) {
			continue
		}
		if axis >= 0 {
			return c.unknown("the number of rows is the length of two axes")
		}
		axis = i
	}
	if axis < 0 {
		return same(shape.content...)
	}
	post, ok := c.divide(shape.content[axis], c.count())
	if !ok || c.counted(post) {
		return c.unknown("the number of rows is part of a length")
	}
	v := c.along(axis, c.constant(1), post, shape.content...)
	v.even = true
	return v
}

// vectorLength is the length of a value of rank 1.
func (a *analysis) vectorLength(v *value) expr {
	if !v.ranked || v.rank() != 1 {
		return absent
	}
	return v.dims[0]
}

func (c *call) fillContent(v *value) {
	fill := int64(0)
	v.element = float32Type
	if at, ok := c.attribute("value"); ok {
		t, ok := at.Tensor()
		if !ok {
			return
		}
		v.element = t.Element
		list, ok := t.Ints(1)
		if !ok || len(list) != 1 {
			return
		}
		fill = list[0]
	}
	if v.element == float32Type {
		return
	}
	n, known := c.value(c.all(v.dims))
	if !known || n > maxContents {
		return
	}
	v.content = make([]expr, n)
	for i := range v.content {
		v.content[i] = c.constant(fill)
	}
	v.content = c.exactly(v.content, v.element)
}
