package dataflow

import "slices"

// Gather: operators that choose elements by their indices. A table that is
// the same for all rows may be read at the indices of a row; rows may be read at indices
// that are the same for all on other axes, or at their own number.

func gather(c *call) []*value {
	data, index := c.arg(0), c.arg(1)
	if index.class >= unknown || data.class >= unknown {
		return []*value{c.chosenBy(index)}
	}
	axis, ok := axisOf(c.intAttr("axis", 0), data.rank())
	if !data.ranked || !ok {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	c.hintIndex(index, data.dims[axis])
	switch {
	case index.class == rows && index.place == allPlaces && data.class == uniform:
		return []*value{c.placeUsed(index)}
	case index.class == counted || index.class == rows && !index.plain() && data.class != rows:
		return []*value{c.unknown("chooses by a row's position or by the number of rows")}
	case data.class == rows:
		return []*value{c.gatherRows(data, index, axis)}
	case data.content != nil && index.content != nil && data.rank() == 1:
		return []*value{c.gatherContent(data, index)}
	case data.class == counted:
		return []*value{c.unknown("the elements of a shape are not known")}
	case !index.ranked && index.class == rows && axis == 0:
		return []*value{{class: rows, pre: index.pre, post: index.post}}
	case !index.ranked:
		return []*value{c.unknown("the shape of an input is not known")}
	}
	dims := slices.Concat(data.dims[:axis], index.dims, data.dims[axis+1:])
	if index.class == uniform {
		return []*value{same(dims...)}
	}
	w := c.along(axis+index.axis, index.pre, index.post, dims...)
	w.even = index.even
	return []*value{w}
}

// chosenBy is what becomes of data at mixed or unknown indices, or of such data.
func (c *call) chosenBy(index *value) *value {
	bad := c.worst(nil)
	if bad == nil {
		return c.unknown("chooses by a row's position or by the number of rows")
	}
	if index.class == mixed && index.cause.asIndex {
		for _, v := range c.in {
			if v != nil && v != index && v.class >= unknown {
				return &value{class: v.class, cause: v.cause}
			}
		}
		return &value{class: unknown, cause: &cause{node: c.node, reason: "chooses by a row's position or by the number of rows"}}
	}
	return bad
}

func (c *call) gatherRows(data, index *value, axis int) *value {
	switch {
	case index.class == rows && axis == data.axis && index.place == allPlaces && index.rank() == 1 && c.lone(data) && c.lone(index):
		return data // each row at its own number
	case index.class == rows && !index.plain():
		return c.unknown("chooses by a row's position or by the number of rows")
	case axis == data.axis && data.even:
		return c.unknown("takes rows by their position")
	case axis == data.axis:
		return c.mixed("takes rows by their position")
	case index.class == rows:
		return c.mixed("takes elements of each row by the indices of all rows")
	case !index.ranked:
		return c.unknown("the shape of an input is not known")
	}
	dims := slices.Concat(data.dims[:axis], index.dims, data.dims[axis+1:])
	at := data.axis
	if at > axis {
		at += index.rank() - 1
	}
	if !data.plain() && (data.padded != nil || data.place == firstPlace) {
		return c.placeUsed(data)
	}
	w := data.shaped(at, dims...)
	if w.rank() > maxFollowedRank {
		return c.unknown("a tensor has more axes than are followed")
	}
	return w
}

func (c *call) gatherContent(data, index *value) *value {
	var list []expr
	for _, e := range index.content {
		n, known := c.value(e)
		i, ok := axisOf(n, len(data.content))
		switch {
		case !known && data.class == uniform:
			list = append(list, c.oneOf(data.content))
		case !known || !ok:
			return c.unknown("an index is out of range")
		default:
			list = append(list, data.content[i])
		}
	}
	v := same(index.dims...)
	v.class, v.content, v.element = c.classOf(list), list, data.element
	return v
}

// oneOf is one of some numbers.
func (c *call) oneOf(list []expr) expr {
	s := symbol{axis: -1, bits: 1}
	for _, e := range list {
		s.bits, s.fraction = max(s.bits, c.bits(e)), s.fraction || c.fraction(e)
	}
	return c.fresh(s)
}

// gatherElements reads, at each place of the indices, the element of the same place but
// for one axis.
func gatherElements(c *call) []*value {
	data, index := c.arg(0), c.arg(1)
	if index.class >= unknown || data.class >= unknown {
		return []*value{c.chosenBy(index)}
	}
	axis, ok := axisOf(c.intAttr("axis", 0), data.rank())
	if !data.ranked || !index.ranked || !ok || data.rank() != index.rank() {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	c.hintIndex(index, data.dims[axis])
	lead := index
	switch {
	case data.class == counted || index.class == counted || index.class == rows && !index.plain():
		return []*value{c.unknown("chooses by a row's position or by the number of rows")}
	case !data.plain():
		return []*value{c.placeUsed(data)}
	case data.class == uniform && index.class == uniform:
		return []*value{same(index.dims...)}
	case data.class == rows && axis == data.axis && !data.even:
		return []*value{c.mixed("takes rows by their position")}
	case data.class == rows && index.class == rows && axis != data.axis:
		if bad := c.aligned(data, index); bad != nil {
			return []*value{bad}
		}
		lead = layoutOf(index, data)
	case data.class == uniform && index.class == rows && axis == index.axis:
	default:
		return []*value{c.unknown("chooses by a row's position or by the number of rows")}
	}
	return []*value{c.along(index.axis, lead.pre, lead.post, index.dims...)}
}

func gatherND(c *call) []*value {
	data, index := c.arg(0), c.arg(1)
	if index.class >= unknown || data.class >= unknown {
		return []*value{c.chosenBy(index)}
	}
	v, ok := c.gatherTuples(data, index, int(c.intAttr("batch_dims", 0)))
	if !ok {
		v = c.unknown("chooses by indices that are not followed")
	}
	return []*value{v}
}

// gatherTuples reads data at tuples of indices, which lie along the last axis of index.
func (c *call) gatherTuples(data, index *value, batch int) (*value, bool) {
	if !data.ranked || !index.ranked || index.rank() == 0 || data.class == counted || index.class == counted || !data.plain() {
		return nil, false
	}
	last := index.rank() - 1
	size, known := c.value(index.dims[last])
	if !known || size < 1 || size > maxFollowedRank || batch < 0 || batch > last || batch+int(size) > data.rank() {
		return nil, false
	}
	dims := slices.Concat(index.dims[:last], data.dims[batch+int(size):])
	if n := batch + int(size); size == 1 || size == 2 && index.place == firstPlace {
		c.hintIndex(index, data.dims[n-1])
	}
	switch {
	case data.class == uniform && index.class == uniform:
		return same(dims...), true
	case data.class == uniform && index.class == rows:
		if !index.plain() || index.axis == last || index.axis < batch {
			return nil, false
		}
		return c.along(index.axis, index.pre, index.post, dims...), true
	case data.axis < batch && index.class == rows && index.axis == data.axis && index.plain() && c.aligned(data, c.withAxisOf(index, data)) == nil:
		lead := layoutOf(data, index)
		return c.along(data.axis, lead.pre, lead.post, dims...), true
	case index.class == rows && c.ownNumber(index) && batch == 0 && data.axis == 0 && c.lone(data) && c.lone(index) && index.axis < last:
		return c.along(index.axis, index.pre, index.post, dims...), true
	case data.axis >= batch && data.axis < batch+int(size):
		if index.plain() && !data.even {
			return c.mixed("takes rows by their position"), true
		}
	case index.class == uniform && data.axis >= batch+int(size):
		return c.along(last+data.axis-batch-int(size), data.pre, data.post, dims...), true
	}
	return nil, false
}

// ownNumber says that the first index of each tuple is the row's number.
func (c *call) ownNumber(index *value) bool {
	return index.place == firstPlace || index.place == allPlaces && c.is(index.dims[index.rank()-1], 1)
}

// oneHot adds an axis on which the index is written.
func oneHot(c *call) []*value {
	v, depth, values := c.arg(0), c.arg(1), c.arg(2)
	if v == nil || depth == nil || values == nil || !v.ranked || depth.class != uniform || values.class != uniform {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	at, ok := axisOf(c.intAttr("axis", -1), v.rank()+1)
	if !ok {
		return []*value{c.unknown("an axis is out of range")}
	}
	size := depth.scalarContent()
	if size == absent {
		size = c.free()
		if len(depth.numbers) == 1 {
			size = c.constant(int64(depth.numbers[0]))
		}
	}
	c.hintIndex(v, size)
	w := v.computed()
	w.dims = slices.Insert(slices.Clone(v.dims), at, size)
	if v.class == rows && at <= v.axis {
		w.axis++
	}
	return []*value{w}
}
