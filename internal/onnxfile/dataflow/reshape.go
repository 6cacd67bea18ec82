package dataflow

import "slices"

// Layout: operators that give the elements on in another shape or order.

func reshape(c *call) []*value {
	v, shape := c.arg(0), c.arg(1)
	if shape == nil {
		list, given, ok := c.intsAttr("shape")
		if !given || !ok {
			return []*value{c.unknown("the elements of a shape are not known")}
		}
		shape = c.contents(c.constants(list), false)
	}
	switch {
	case shape.class == rows:
		return []*value{c.unknown("values of rows give a shape")}
	case shape.content == nil && v.class != uniform:
		return []*value{c.unknown("the elements of a shape are not known")}
	case shape.content == nil:
		return []*value{c.constantRows(shape)}
	case !v.ranked:
		return []*value{c.unknown("the shape of an input is not known")}
	}
	dims, ok := c.target(v, shape.content)
	if !ok {
		return []*value{c.unknown("a length is not known to divide")}
	}
	return []*value{c.arrange(v, dims)}
}

// target resolves 0 and -1 in the shape that v is given.
func (c *call) target(v *value, shape []expr) ([]expr, bool) {
	dims := slices.Clone(shape)
	rest, total := -1, c.all(v.dims)
	product := c.constant(1)
	for i, d := range dims {
		n, ok := c.value(d)
		switch {
		case ok && n == 0 && c.intAttr("allowzero", 0) == 0:
			if i >= v.rank() {
				return nil, false
			}
			dims[i] = v.dims[i]
		case ok && n == -1:
			if rest >= 0 {
				return nil, false
			}
			rest = i
			continue
		case ok && n < 0:
			return nil, false
		case !ok && !c.nonNegative(d): // it may turn out to be 0 or -1
			dims[i] = c.fresh(symbol{dimension: true, axis: -1, counted: c.counted(d) || c.counted(total)})
		}
		product = c.mul(product, dims[i])
	}
	if rest >= 0 {
		var ok bool
		if dims[rest], ok = c.divide(total, product); !ok {
			// N falls out where both have it: what is left is the same for every N.
			if total, product = c.withoutRows(total, product); c.counted(total) || c.counted(product) {
				return nil, false
			}
			dims[rest] = c.symbolOf("rest", true, total, product)
		}
	}
	return dims, true
}

// withoutRows divides both by N, as often as both can be.
func (a *analysis) withoutRows(p, q expr) (expr, expr) {
	n := a.count()
	for a.at(p).n > 0 && a.at(q).n > 0 {
		p, _ = a.divide(p, n)
		q, _ = a.divide(q, n)
	}
	return p, q
}

// arrange gives v other dimensions over the same elements in the same order.
func (c *call) arrange(v *value, dims []expr) *value {
	switch v.class {
	case uniform:
		if slices.ContainsFunc(dims, c.counted) {
			return c.unknown("the number of rows is the length of an axis of a value without rows")
		}
		w := *v
		w.dims = dims
		return &w
	case counted:
		w := *v
		w.dims = dims
		return &w
	}
	if slices.Equal(v.dims, dims) {
		return v
	}
	axis, pre, post, ok := c.rowsIn(v, dims)
	if !ok {
		return c.scattered(v, dims)
	}
	w := c.along(axis, pre, post, dims...)
	w.place, w.padded, w.source, w.element = v.place, v.padded, v.source, v.element
	w.even = v.even && pre == v.pre && post == v.post
	if w.place == firstPlace && (axis == len(dims)-1 || v.dims[v.rank()-1] != dims[len(dims)-1]) || w.padded != nil {
		return c.placeUsed(v)
	}
	return w
}

// rowsIn finds the axis of dims that has the rows: with as many elements outside of N as
// before, and as many inside. In a run that succeeds there are as many in all, so that one
// of both is enough; where N is a number, both must be equal.
func (c *call) rowsIn(v *value, dims []expr) (axis int, pre, post expr, ok bool) {
	outside, inside := c.mul(c.all(v.dims[:v.axis]), v.pre), c.mul(v.post, c.all(v.dims[v.axis+1:]))
	for i, d := range dims {
		before, after := c.all(dims[:i]), c.all(dims[i+1:])
		// outside = before·pre, d = pre·N·post, inside = post·after
		p, fits := c.divide(outside, before)
		if fits {
			if q, whole := c.divide(d, c.mul(p, c.count())); whole && !c.counted(q) && (c.rows == 0 || c.mul(q, after) == inside) {
				return i, p, q, true
			}
		}
		q, fits := c.divide(inside, after)
		if fits && c.rows == 0 {
			if p, whole := c.divide(d, c.mul(q, c.count())); whole && !c.counted(p) && !c.counted(before) {
				return i, p, q, true
			}
		}
	}
	return 0, absent, absent, false
}

// scattered is what a reshape makes that does not keep rows whole.
func (c *call) scattered(v *value, dims []expr) *value {
	if c.rows == 0 && !slices.ContainsFunc(dims, c.counted) {
		if n, ok := c.value(c.all(dims)); ok && n > 0 {
			return c.unknown("fits a fixed number of rows alone")
		}
	}
	if c.rows == 0 && c.plainLengths(v.dims) && c.plainLengths(dims) && c.all(v.dims) == c.all(dims) && !v.even {
		return c.mixed("lays elements of several rows side by side")
	}
	return c.unknown("rows are not known to stay whole")
}

// plainLengths says that nothing but N is unknown of some lengths.
func (a *analysis) plainLengths(dims []expr) bool {
	return !slices.ContainsFunc(dims, func(d expr) bool { return len(a.at(d).symbols) > 0 })
}

func flatten(c *call) []*value {
	v := c.arg(0)
	if !v.ranked {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	n := c.intAttr("axis", 1)
	if n < 0 {
		n += int64(v.rank())
	}
	if n < 0 || n > int64(v.rank()) {
		return []*value{c.unknown("an axis is out of range")}
	}
	return []*value{c.arrange(v, []expr{c.all(v.dims[:n]), c.all(v.dims[n:])})}
}
