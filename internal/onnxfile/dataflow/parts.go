package dataflow

// Parts: operators that repeat, join, cut and pad.

func expand(c *call) []*value {
	v, shape := c.arg(0), c.arg(1)
	switch {
	case shape.class == rows:
		return []*value{c.unknown("values of rows give a shape")}
	case shape.content == nil || !v.ranked:
		return []*value{c.unknown("the elements of a shape are not known")}
	}
	// Expanding is broadcasting with a tensor of equal elements.
	w := c.constantRows(shape)
	if w.class != unknown {
		w = c.broadcast(v, w)
	}
	if w.class == rows && v.class == rows {
		w.place, w.source, w.element, w.padded = v.place, v.source, v.element, v.padded
		if w.place == firstPlace && v.dims[v.rank()-1] != w.dims[w.rank()-1] || w.padded != nil {
			w = c.placeUsed(v)
		}
	}
	if v.class == uniform && w.class == uniform {
		w.element = v.element
		c.expandContent(v, w)
	}
	return []*value{w}
}

func (c *call) expandContent(v, w *value) {
	shift := w.rank() - v.rank()
	w.content = c.elementsOf(v, w.dims, func(to, from []int) {
		for k := range from {
			from[k] = to[shift+k]
			if c.is(v.dims[k], 1) {
				from[k] = 0
			}
		}
	})
}

func tile(c *call) []*value {
	v, repeats := c.arg(0), c.arg(1)
	switch {
	case repeats.class == rows:
		return []*value{c.unknown("values of rows give a shape")}
	case repeats.content == nil || !v.ranked || len(repeats.content) != v.rank() || v.class == counted:
		return []*value{c.unknown("the elements of a shape are not known")}
	}
	w := *v
	w.content, w.numbers = nil, nil
	w.dims = make([]expr, v.rank())
	for i, d := range v.dims {
		r := repeats.content[i]
		w.dims[i] = c.mul(r, d)
		switch {
		case !c.counted(r) && v.class == rows && i == v.axis: // whole copies behind one another
			w.pre = c.mul(r, v.pre)
		case !c.counted(r):
		case w.class == uniform:
			times, ok := c.divide(r, c.count())
			if !ok || c.counted(times) || c.counted(d) {
				return []*value{c.unknown("the number of rows is part of a length")}
			}
			// N copies behind one another, each of `times` copies
			w.class, w.axis, w.pre, w.post, w.even = rows, i, c.constant(1), c.mul(times, d), c.is(d, 1)
		default:
			return []*value{c.unknown("the number of rows is the length of two axes")}
		}
	}
	if w.place == firstPlace || w.padded != nil {
		return []*value{c.placeUsed(v)}
	}
	return []*value{&w}
}

func concat(c *call) []*value {
	first := c.arg(0)
	n := c.intAttr("axis", 1)
	var lead *value
	for _, v := range c.in {
		switch {
		case v == nil || !v.ranked || v.rank() != first.rank():
			return []*value{c.unknown("the shape of an input is not known")}
		case v.class == rows && (lead == nil || lead.even && !v.even):
			lead = v
		}
	}
	axis, ok := axisOf(n, first.rank())
	if !ok {
		return []*value{c.unknown("an axis is out of range")}
	}
	if lead == nil {
		return []*value{c.joinContents(axis)}
	}
	for _, v := range c.in {
		switch {
		case v.class == counted:
			return []*value{c.countUsed(v)}
		case v.class != rows && lead.axis == axis:
			return []*value{c.unknown("adds rows that no caller gave")}
		case v.class != rows && !c.is(v.dims[lead.axis], 1):
			return []*value{c.fixedBeside(lead, v.dims[lead.axis])}
		case v.class != rows:
			return []*value{c.unknown("joins a single row with rows")}
		}
		if bad := c.aligned(lead, v); bad != nil && (lead.axis != axis || v.axis != axis || v.post != lead.post) {
			return []*value{bad}
		}
	}
	if bad := c.placesApart(axis); bad != nil {
		return []*value{bad}
	}
	return []*value{c.joinRows(lead, axis)}
}

// joinContents joins values without rows.
func (c *call) joinContents(axis int) *value {
	w := &value{class: uniform, ranked: true, element: c.in[0].element, dims: append([]expr(nil), c.in[0].dims...)}
	var list []expr
	followed := axis == 0
	for i, v := range c.in {
		if i > 0 {
			w.dims[axis] = c.add(w.dims[axis], v.dims[axis])
		}
		if v.class == counted {
			w.class = counted
		}
		followed = followed && v.content != nil && len(list)+len(v.content) <= maxContents
		if followed {
			list = append(list, v.content...)
		}
	}
	if followed {
		w.class, w.content = c.classOf(list), list
	}
	return w
}

// placesApart lets a row's number stand first on the last axis, and nowhere else.
func (c *call) placesApart(axis int) *value {
	for i, v := range c.in {
		if v.plain() {
			continue
		}
		single := v.place == allPlaces && axis == v.rank()-1 && axis != v.axis && c.is(v.dims[axis], 1)
		if !single || i > 0 || v.padded != nil {
			return c.placeUsed(v)
		}
	}
	return nil
}

func (c *call) joinRows(lead *value, axis int) *value {
	w := c.along(lead.axis, lead.pre, lead.post, append([]expr(nil), lead.dims...)...)
	w.element, w.even = lead.element, true
	pre := absent
	sum := c.constant(0)
	for _, v := range c.in {
		w.even = w.even && v.even && axis != lead.axis
		sum = c.add(sum, v.dims[axis])
		if v.place == allPlaces {
			w.place = firstPlace
			w.source = c.in[len(c.in)-1].source // of two, the second says what each row chooses
		}
		if axis != lead.axis {
			continue
		}
		switch {
		case v.post != lead.post:
			return c.unknown("pairs rows that lie differently")
		case pre == absent:
			pre = v.pre
		default:
			pre = c.add(pre, v.pre)
		}
	}
	w.dims[axis] = sum
	if axis == lead.axis {
		w.pre = pre
		w.dims[axis] = c.length(w.pre, w.post)
	}
	return w
}

// pad takes its lengths from an attribute or, since version 11, from an input.
func pad(c *call) []*value {
	v := c.arg(0)
	if !v.ranked {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	for _, x := range c.in[1:] {
		if x != nil && x.class == rows {
			return []*value{c.unknown("values of rows give a shape")}
		}
	}
	if v.class == counted {
		return []*value{c.countUsed(v)}
	}
	if fill := c.arg(2); fill != nil && fill.class == counted {
		return []*value{c.unknown("the result may depend on the number of rows")} // it may add nothing
	}
	pads, ok := c.padding()
	axes := make([]int64, 0, v.rank())
	if x := c.arg(3); x != nil {
		var known bool
		axes, known = c.integersOf(x)
		ok = ok && known
	} else {
		for i := range v.dims {
			axes = append(axes, int64(i))
		}
	}
	if !ok || len(pads) != 2*len(axes) {
		return []*value{c.unknown("the lengths of the padding are not known")}
	}
	w := v.computed()
	w.dims = append([]expr(nil), v.dims...)
	for i, n := range axes {
		k, ok := axisOf(n, v.rank())
		if !ok {
			return []*value{c.unknown("an axis is out of range")}
		}
		before, after := pads[i], pads[i+len(axes)]
		if c.is(before, 0) && c.is(after, 0) {
			continue
		}
		switch {
		case v.class == rows && k == v.axis:
			return []*value{c.unknown("adds rows that no caller gave, or cuts some")}
		case c.counted(before):
			return []*value{c.countUsed(&value{content: []expr{before}})}
		case c.counted(after):
			return []*value{c.countUsed(&value{content: []expr{after}})}
		}
		w.dims[k] = c.add(c.add(w.dims[k], before), after)
		if !c.nonNegative(w.dims[k]) {
			w.dims[k] = c.symbolOf("pad", true, w.dims[k])
		}
	}
	return []*value{w}
}

func (c *call) padding() ([]expr, bool) {
	if x := c.arg(1); x != nil {
		return x.content, x.content != nil
	}
	for _, name := range [...]string{"pads", "paddings"} {
		if list, given, ok := c.intsAttr(name); given {
			return c.constants(list), ok
		}
	}
	return nil, false
}

// huge is more than any axis has elements: exporters write such numbers for "up to the end".
const huge = 1 << 24
