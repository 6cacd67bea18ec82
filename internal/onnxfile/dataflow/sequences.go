package dataflow

import "slices"

// Sequences: what holds of each of their tensors.

func sequenceOf(v *value) *value { return &value{class: v.class, cause: v.cause, of: v} }

// differing is a length that each tensor of a sequence has of its own.
func (c *call) differing() expr { return c.fresh(symbol{dimension: true, axis: -1, each: true}) }

// joinElements is what holds of the tensors of a sequence.
func (c *call) joinElements(v, w *value) *value {
	joined := c.joinValues(v, w)
	if joined.class > rows || !joined.ranked {
		return joined
	}
	both := *joined
	both.dims, both.content, both.numbers = slices.Clone(joined.dims), nil, nil
	for i, d := range both.dims {
		if d != v.dims[i] || d != w.dims[i] {
			both.dims[i] = c.differing()
		}
	}
	return &both
}

// one is a tensor of a sequence, with lengths of its own.
func (c *call) one(seq *value) *value {
	v := seq.of
	if v.class > rows || !v.ranked {
		return v
	}
	w := *v
	w.dims, w.content, w.numbers, w.born = slices.Clone(v.dims), nil, nil, nil
	for i, d := range w.dims {
		if slices.ContainsFunc(c.at(d).symbols, func(s int32) bool { return c.symbols[s].each }) {
			w.dims[i] = c.free()
		}
	}
	return &w
}

// construct makes a sequence of its inputs.
func construct(c *call) []*value {
	if len(c.in) == 0 || slices.Contains(c.in, nil) {
		return nil
	}
	v := c.in[0]
	for _, w := range c.in[1:] {
		v = c.joinElements(v, w)
	}
	return []*value{sequenceOf(v)}
}

// insert adds a tensor to a sequence.
func insert(c *call) []*value {
	seq, v, at := c.arg(0), c.arg(1), c.arg(2)
	if seq == nil || seq.of == nil || v == nil || at != nil && at.class != uniform {
		return []*value{c.unknown("this sequence is not analysed")}
	}
	return []*value{sequenceOf(c.joinElements(seq.of, v))}
}

// splitSequence cuts a tensor into a sequence.
func splitSequence(c *call) []*value {
	v, parts := c.arg(0), c.arg(1)
	if v == nil || !v.ranked || parts != nil && parts.class != uniform {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	axis, ok := axisOf(c.intAttr("axis", 0), v.rank())
	switch {
	case !ok:
		return []*value{c.unknown("an axis is out of range")}
	case v.class == rows && axis == v.axis:
		return []*value{c.unknown("cuts rows by their position")} // which may be joined again
	}
	w := v.computed()
	w.dims = slices.Clone(v.dims)
	w.dims[axis] = c.differing()
	if parts == nil {
		w.dims[axis] = c.constant(1)
		if c.intAttr("keepdims", 1) == 0 {
			w = c.withoutAxis(w, axis)
		}
	}
	return []*value{sequenceOf(w)}
}

// elementOf takes a tensor out of a sequence.
func elementOf(c *call) []*value {
	seq, at := c.arg(0), c.arg(1)
	if seq == nil || seq.of == nil || at == nil || at.class != uniform {
		return []*value{c.unknown("this sequence is not analysed")}
	}
	return []*value{c.one(seq)}
}

// joinSequence lays the tensors of a sequence side by side.
func joinSequence(c *call) []*value {
	seq := c.arg(0)
	if seq == nil || seq.of == nil || !seq.of.ranked {
		return []*value{c.unknown("this sequence is not analysed")}
	}
	v := c.one(seq).computed()
	added := c.intAttr("new_axis", 0) != 0
	rank := v.rank()
	if added {
		rank++
	}
	axis, ok := axisOf(c.intAttr("axis", 0), rank)
	switch {
	case !ok:
		return []*value{c.unknown("an axis is out of range")}
	case added:
		v = c.withAxis(v, axis)
	case v.class == rows && axis == v.axis:
		return []*value{c.unknown("adds rows that no caller gave")}
	}
	v.dims = slices.Clone(v.dims)
	v.dims[axis] = c.free()
	return []*value{v}
}

// lengthOf counts the tensors of a sequence.
func lengthOf(c *call) []*value {
	if seq := c.arg(0); seq == nil || seq.of == nil {
		return []*value{c.unknown("this sequence is not analysed")}
	}
	return []*value{same()}
}
