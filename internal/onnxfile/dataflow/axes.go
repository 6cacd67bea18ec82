package dataflow

// Axes that are added, removed and reordered.

// axesOf reads axes from an attribute or, in newer versions, from an input.
func (c *call) axesOf(input int) (list []int64, given, ok bool) {
	if list, given, ok = c.intsAttr("axes"); given || !ok {
		return list, given, ok
	}
	v := c.arg(input)
	if v == nil {
		return nil, false, true
	}
	list, ok = c.integersOf(v)
	return list, true, ok
}

// integersOf are the elements of a value, if all are known.
func (c *call) integersOf(v *value) (list []int64, ok bool) {
	for _, e := range v.content {
		n, known := c.value(e)
		if !known {
			return nil, false
		}
		list = append(list, n)
	}
	return list, v.content != nil
}

func unsqueeze(c *call) []*value {
	v := c.arg(0)
	axes, given, ok := c.axesOf(1)
	if !v.ranked || !given || !ok {
		return []*value{c.unknown("the axes are not known")}
	}
	rank := v.rank() + len(axes)
	added := make([]bool, rank)
	for _, n := range axes {
		i, ok := axisOf(n, rank)
		if !ok || added[i] {
			return []*value{c.unknown("an axis is out of range")}
		}
		added[i] = true
	}
	var dims []expr
	axis, next := 0, 0
	for i := range added {
		if added[i] {
			dims = append(dims, c.constant(1))
			continue
		}
		if next == v.axis {
			axis = i
		}
		dims = append(dims, v.dims[next])
		next++
	}
	w := v.shaped(axis, dims...)
	if w.place == firstPlace && added[rank-1] || w.padded != nil {
		return []*value{c.placeUsed(v)}
	}
	return []*value{w}
}

func squeeze(c *call) []*value {
	v := c.arg(0)
	axes, given, ok := c.axesOf(1)
	if !v.ranked || !ok {
		return []*value{c.unknown("the axes are not known")}
	}
	gone := make([]bool, v.rank())
	for _, n := range axes {
		i, ok := axisOf(n, v.rank())
		if !ok {
			return []*value{c.unknown("an axis is out of range")}
		}
		gone[i] = true
	}
	if !given || len(axes) == 0 { // no axes stand for all of the length 1
		for i, d := range v.dims {
			n, known := c.value(d)
			switch {
			case v.class == rows && i == v.axis && c.lone(v) && c.rows == 0:
				return []*value{c.unknown("removes the axis of the rows where there is one row")}
			case !known && (v.class != rows || i != v.axis):
				return []*value{c.unknown("an axis may or may not have the length 1")}
			}
			gone[i] = known && n == 1
		}
	}
	var dims []expr
	axis := 0
	for i, d := range v.dims {
		switch {
		case gone[i] && v.class == rows && i == v.axis:
			return []*value{c.unknown("removes the axis of the rows")}
		case gone[i]:
			continue
		case i == v.axis:
			axis = len(dims)
		}
		dims = append(dims, d)
	}
	w := v.shaped(axis, dims...)
	if w.place == firstPlace && v.rank() > 0 && gone[v.rank()-1] || w.padded != nil {
		return []*value{c.placeUsed(v)}
	}
	return []*value{w}
}

func transpose(c *call) []*value {
	v := c.arg(0)
	perm, given, ok := c.intsAttr("perm")
	if !v.ranked || !ok || given && len(perm) != v.rank() {
		return []*value{c.unknown("the order of the axes is not known")}
	}
	if !given {
		for i := range v.dims {
			perm = append(perm, int64(v.rank()-1-i))
		}
	}
	dims := make([]expr, v.rank())
	axis := 0
	for i, from := range perm {
		k, ok := axisOf(from, v.rank())
		if !ok {
			return []*value{c.unknown("an axis is out of range")}
		}
		dims[i] = v.dims[k]
		if k == v.axis {
			axis = i
		}
	}
	w := v.shaped(axis, dims...)
	w.numbers = nil
	w.content = c.elementsOf(v, dims, func(to, from []int) {
		for i, k := range perm {
			k, _ := axisOf(k, len(from))
			from[k] = to[i]
		}
	})
	if w.content == nil && v.class == counted {
		return []*value{c.unknown("the elements of a shape are not known")}
	}
	if w.place == firstPlace && perm[len(perm)-1] != int64(v.rank()-1) || w.padded != nil {
		return []*value{c.placeUsed(v)}
	}
	return []*value{w}
}
