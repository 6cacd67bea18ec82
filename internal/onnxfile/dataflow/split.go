package dataflow

// Cutting a tensor into parts.

func split(c *call) []*value {
	v := c.arg(0)
	axis, ok := axisOf(c.intAttr("axis", 0), v.rank())
	if !v.ranked || !ok {
		return c.every(c.unknown("the shape of an input is not known"))
	}
	if x := c.arg(1); x != nil && x.class != uniform {
		return c.every(c.unknown("the bounds of a slice are not known"))
	}
	outputs := len(c.node.Outputs)
	switch {
	case v.class == rows && axis == v.axis && outputs == 1:
		return []*value{v}
	case v.class == rows && axis == v.axis && (v.even || !c.lone(v)): // a part may be a row's
		return c.every(c.unknown("cuts rows by their position"))
	case v.class == rows && axis == v.axis:
		return c.every(c.mixed("cuts rows by their position"))
	case v.place == firstPlace && axis == v.rank()-1 || v.padded != nil:
		return c.every(c.placeUsed(v))
	}
	sizes := c.splitSizes(v.dims[axis], outputs)
	var out []*value
	from := 0
	for i := range outputs {
		w := *v
		w.dims = append([]expr(nil), v.dims...)
		w.dims[axis], w.content, w.numbers = sizes[i], nil, nil
		n, known := c.value(sizes[i])
		if v.content != nil && known && from >= 0 && from+int(n) <= len(v.content) && v.rank() == 1 && n >= 0 {
			w = *c.contents(v.content[from:from+int(n)], false)
			w.element = v.element
		} else if v.class == counted {
			w = *c.unknown("the bounds of a slice are not known")
		}
		if from += int(n); !known {
			from = -1 << 40
		}
		out = append(out, &w)
	}
	return out
}

// splitSizes are the lengths of the parts: given, or equal but for the last.
func (c *call) splitSizes(length expr, parts int) []expr {
	sizes := make([]expr, parts)
	given, ok := []expr(nil), false
	if x := c.arg(1); x != nil {
		given, ok = x.content, len(x.content) == parts
	} else if list, has, fine := c.intsAttr("split"); has && fine {
		given, ok = c.constants(list), len(list) == parts
	} else if n, known := c.value(length); known && !has && parts > 0 {
		each := (n + int64(parts) - 1) / int64(parts)
		for i := range sizes {
			sizes[i] = c.constant(max(0, min(each, n-each*int64(i))))
		}
		return sizes
	}
	for i := range sizes {
		if ok {
			sizes[i] = given[i]
		} else {
			sizes[i] = c.free()
		}
	}
	return sizes
}
