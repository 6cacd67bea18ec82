package dataflow

import "slices"

// Layout: operators that give the elements on in another shape or order.

func reshape(c *call) []*value {
	v, shape := c.arg(0), c.arg(1)
	if v == nil {
		return nil
	}
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
	case shape.content == nil:
		return []*value{c.reshapeTo(v, shape)}
	case !v.ranked:
		return []*value{c.unknown("the shape of an input is not known")}
	}
	dims, ok := c.target(v, shape.content)
	if !ok {
		return []*value{c.unknown("a length is not known to divide")}
	}
	return []*value{c.arrange(v, dims)}
}

// reshapeTo is a reshape to a shape whose elements are not known.
func (c *call) reshapeTo(v, shape *value) *value {
	rank, ok := c.value(c.vectorLength(shape))
	if v.class != uniform || shape.class != uniform || !ok || rank > maxFollowedRank {
		return c.unknown("the elements of a shape are not known")
	}
	w := same()
	for range rank {
		w.dims = append(w.dims, c.free())
	}
	return w
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
		}
		product = c.mul(product, dims[i])
	}
	if rest >= 0 {
		var ok bool
		if dims[rest], ok = c.divide(total, product); !ok {
			if c.counted(total) || c.counted(product) {
				return nil, false
			}
			dims[rest] = c.symbolOf("rest", true, total, product)
		}
	}
	return dims, true
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
	before := c.mul(c.all(v.dims[:v.axis]), v.pre)
	axis, pre, post, ok := c.rowsIn(v, dims, before)
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

// rowsIn finds the axis of dims that has N with `before` elements outside of it. The
// product of all that lies inside is then the same too, because the elements are as many.
func (c *call) rowsIn(v *value, dims []expr, before expr) (axis int, pre, post expr, ok bool) {
	outside := c.constant(1)
	for i, d := range dims {
		// before = outside·pre, d = pre·N·post
		if pre, ok = c.divide(before, outside); !ok {
			return 0, absent, absent, false
		}
		if post, ok = c.divide(d, c.mul(pre, c.count())); ok && !c.counted(post) && c.insideEqual(v, dims[i+1:], post) {
			return i, pre, post, true
		}
		outside = c.mul(outside, d)
	}
	return 0, absent, absent, false
}

// insideEqual says that a row has as many elements as before. Where all lengths are
// written out, a run that succeeds has as many; with N as a plain number it must be checked.
func (c *call) insideEqual(v *value, after []expr, post expr) bool {
	return c.rows == 0 || c.mul(post, c.all(after)) == c.mul(v.post, c.all(v.dims[v.axis+1:]))
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
	if v == nil {
		return nil
	}
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
