package dataflow

import "slices"

// Work along axes: an operator that joins the elements of an axis keeps rows apart if the
// axis is not theirs.

const overRows = "reduces over the rows"

func reduce(c *call) []*value {
	v := c.arg(0)
	if x := c.arg(1); x != nil && x.class != uniform {
		return []*value{c.unknown("the axes are not known")}
	}
	axes, _, ok := c.axesOf(1)
	if !ok {
		return []*value{c.unknown("the axes are not known")}
	}
	if len(axes) == 0 {
		if c.intAttr("noop_with_empty_axes", 0) != 0 {
			return []*value{v.computed()}
		}
		if v.class == rows {
			return []*value{c.extremeOf(v)}
		}
		for i := range v.dims {
			axes = append(axes, int64(i))
		}
	}
	return []*value{c.reduced(v, axes, c.intAttr("keepdims", 1) != 0)}
}

// joined is the result of working the elements along the axis of the rows into one another.
func (c *call) joined(v *value, reason string) *value {
	if v.even {
		return c.unknown(reason)
	}
	return c.mixed(reason)
}

// extremeOf joins rows. The largest of some lengths is a length of the same input.
func (c *call) extremeOf(v *value) *value {
	w := c.joined(v, overRows)
	if c.node.Op == "ReduceMax" {
		w.source = v.source
	}
	return w
}

func (c *call) reduced(v *value, axes []int64, keep bool) *value {
	if !v.ranked {
		return c.unknown("the shape of an input is not known")
	}
	gone := make([]bool, v.rank())
	for _, n := range axes {
		i, ok := axisOf(n, v.rank())
		if !ok {
			return c.unknown("an axis is out of range")
		}
		gone[i] = true
	}
	if v.class == rows && gone[v.axis] {
		return c.extremeOf(v)
	}
	w := v.computed()
	w.dims, w.axis = nil, 0
	for i, d := range v.dims {
		if i == v.axis {
			w.axis = len(w.dims)
		}
		switch {
		case !gone[i]:
			w.dims = append(w.dims, d)
		case keep:
			w.dims = append(w.dims, c.constant(1))
		}
	}
	if v.content != nil && width[v.element] > 0 && v.rank() == 1 && gone[0] && !slices.ContainsFunc(v.content, c.fraction) {
		if e, ok := c.reduceContent(v.content); ok && c.fits(e, v.element) {
			w = c.contents([]expr{e}, !keep)
			w.element = v.element
		}
	}
	return w
}

// folded names the operators that reductions apply again and again.
var folded = map[string]string{"ReduceProd": "Mul", "ReduceSum": "Add", "ReduceMax": "Max", "ReduceMin": "Min"}

func (c *call) reduceContent(list []expr) (expr, bool) {
	with, ok := folds[folded[c.node.Op]]
	if !ok || len(list) == 0 {
		return absent, false
	}
	return c.fold(list, with), true
}

func argExtreme(c *call) []*value {
	v := c.arg(0)
	w := c.reduced(v, []int64{c.intAttr("axis", 0)}, c.intAttr("keepdims", 1) != 0)
	if w.class <= rows {
		w.content = nil
		w.element = int64Type
	}
	return []*value{w}
}

// alongAxis keeps the shape and joins the elements along one axis.
func (c *call) alongAxis(n int64, reason string) *value {
	v := c.arg(0)
	axis, ok := axisOf(n, v.rank())
	switch {
	case !v.ranked:
		return c.unknown("the shape of an input is not known")
	case !ok:
		return c.unknown("an axis is out of range")
	case v.class == rows && axis == v.axis:
		return c.joined(v, reason)
	}
	w := v.computed()
	w.even = v.even
	return w
}

// softmax joins one axis since version 13, and all axes from one on before.
func softmax(c *call) []*value {
	const reason = "takes a softmax over the rows"
	if c.version >= 13 {
		return []*value{c.alongAxis(c.intAttr("axis", -1), reason)}
	}
	return []*value{c.fromAxis(c.intAttr("axis", 1), reason)}
}

// fromAxis joins all axes from one on.
func (c *call) fromAxis(n int64, reason string) *value {
	v := c.arg(0)
	if !v.ranked {
		return c.unknown("the shape of an input is not known")
	}
	if n < 0 {
		n += int64(v.rank())
	}
	switch {
	case n < 0 || n > int64(v.rank()):
		return c.unknown("an axis is out of range")
	case v.class == rows && int64(v.axis) >= n:
		return c.joined(v, reason)
	}
	return v.computed()
}

func cumulative(c *call) []*value {
	v, axis := c.arg(0), c.arg(1)
	n, known := c.value(axis.scalarContent())
	switch {
	case known && axis.class == uniform:
		return []*value{c.alongAxis(n, "adds up over the rows")}
	case v.class == rows:
		return []*value{c.unknown("the axes are not known")}
	}
	return []*value{v.computed()}
}

func topK(c *call) []*value {
	v := c.arg(0)
	size := absent
	if x := c.arg(1); x != nil {
		size = x.scalarContent()
	} else if at, ok := c.attribute("k"); ok {
		size = c.constant(at.Int())
	}
	n := c.intAttr("axis", -1)
	axis, ok := axisOf(n, v.rank())
	if v.class == rows && v.ranked && ok && axis == v.axis {
		if k, known := c.value(size); known && k != c.rows {
			return c.every(c.joined(v, "sorts the rows"))
		}
		return c.every(c.unknown("sorts the rows")) // which may be put back later
	}
	for _, x := range c.in {
		if x != nil && x.class == counted || x != nil && x != v && x.class != uniform {
			return c.every(c.unknown("the number of rows, or values of rows, give a shape"))
		}
	}
	w := c.alongAxis(n, "sorts the rows")
	if w.class > rows {
		return c.every(w)
	}
	w.dims = slices.Clone(v.dims)
	if size == absent {
		size = c.free()
	}
	w.dims[axis] = size
	indices := *w
	return []*value{w, &indices}
}
