package dataflow

import "slices"

// Shapes as values: where the number of rows enters into arithmetic.

func shapeOf(c *call) []*value {
	v := c.arg(0)
	switch {
	case !v.ranked && v.class == uniform:
		return []*value{same(c.free())}
	case !v.ranked && v.class == mixed && v.cause.length:
		return []*value{c.worst(nil)}
	case !v.ranked:
		return []*value{c.unknown("the shape of an input is not known")}
	}
	if !slices.ContainsFunc(v.dims, func(d expr) bool { return c.is(d, 0) }) {
		for _, d := range v.dims {
			c.isAxis(d)
		}
	}
	start, end := c.intAttr("start", 0), c.intAttr("end", int64(v.rank()))
	from, to := clampIndex(start, v.rank()), clampIndex(end, v.rank())
	if from >= to {
		return []*value{c.contents([]expr{}, false)}
	}
	return []*value{c.contents(v.dims[from:to], false)}
}

// clampIndex is a bound of a slice: negative ones count from the end.
func clampIndex(i int64, size int) int {
	if i < 0 {
		i += int64(size)
	}
	return int(max(0, min(i, int64(size))))
}

func sizeOf(c *call) []*value {
	v := c.arg(0)
	switch {
	case !v.ranked && v.class == uniform:
		return []*value{same()}
	case !v.ranked && v.class == mixed && v.cause.length:
		return []*value{c.worst(nil)}
	case !v.ranked:
		return []*value{c.unknown("the shape of an input is not known")}
	}
	return []*value{c.contents([]expr{c.all(v.dims)}, true)}
}

// castTo keeps the elements of small integers where the type can hold them.
func castTo(c *call) []*value {
	v := c.arg(0)
	to := c.intAttr("to", 0)
	if c.node.Op == "CastLike" {
		if like := c.arg(1); like != nil {
			to = like.element
		}
	}
	w := *v
	w.element, w.numbers = to, nil
	if v.content != nil {
		w.content = c.castContent(v, to)
	}
	c.hintCast(v, to)
	switch {
	case to == int64Type || to == int32Type || to == float32Type || to == 11:
		w.source.cast = w.source.cast || v.element == stringType
	default: // the type may hold fewer values
		w.source = source{}
		if w.place != noPlace {
			return []*value{c.placeUsed(v)}
		}
	}
	if v.element == stringType && v.padded != nil {
		return []*value{c.placeUsed(v)}
	}
	return []*value{&w}
}

// castContent are the elements of a value in another type; nil if it may not hold them.
func (c *call) castContent(v *value, to int64) []expr {
	list := make([]expr, len(v.content))
	for i, e := range v.content {
		n, known := c.value(e)
		switch fraction := c.fraction(e); {
		case to == boolType && known:
			list[i] = c.constant(min(1, max(n, -n)))
		case to == boolType:
			list[i] = c.symbolOf("Truth", true, e)
		case !fraction || to == v.element:
			list[i] = e
		case to == int64Type || to == int32Type:
			list[i] = c.symbolOf("Truncate", c.nonNegative(e), e)
		default:
			return nil
		}
	}
	return c.exactly(list, to)
}

// scalarContent is the only element of a value, absent if it is not followed.
func (v *value) scalarContent() expr {
	if v == nil || len(v.content) != 1 {
		return absent
	}
	return v.content[0]
}

func rangeOf(c *call) []*value {
	first, limit, step := c.arg(0), c.arg(1), c.arg(2)
	uniformAll := c.allUniform()
	from, to, by := first.scalarContent(), limit.scalarContent(), step.scalarContent()
	switch {
	case from == absent || to == absent || by == absent || c.fraction(from) || c.fraction(to) || c.fraction(by):
		if uniformAll {
			return []*value{same(c.free())}
		}
		return []*value{c.rangeOver()}
	case uniformAll && c.is(from, 0) && c.is(by, 1) && c.nonNegative(to):
		v := same(to)
		if n, ok := c.value(to); ok && n <= maxContents {
			v.content = make([]expr, n)
			for i := range v.content {
				v.content[i] = c.constant(int64(i))
			}
		}
		v.element, v.upTo = first.element, to+1
		return []*value{v}
	case uniformAll:
		return []*value{same(c.symbolOf("Range", true, from, to, by))}
	case c.is(from, 0) && c.is(by, 1) && to == c.count():
		v := c.along(0, c.constant(1), c.constant(1), to)
		v.place, v.element = allPlaces, first.element
		return []*value{v}
	}
	return []*value{c.rangeOver()}
}

// rangeOver is a range whose bounds depend on N, or on values of rows.
func (c *call) rangeOver() *value {
	for _, v := range c.in {
		if v.class == rows {
			return c.unknown("values of rows bound a range")
		}
	}
	for _, v := range c.in {
		if v.class == counted && c.surely(v) {
			return c.countUsed(v)
		}
	}
	return c.unknown("the result may depend on the number of rows")
}

// nonZero finds the places of elements: as many as the values have.
func nonZero(c *call) []*value {
	v := c.arg(0)
	if v != nil && v.class == rows {
		found := c.mixed("how many elements it finds depends on all rows")
		found.cause.length, found.cause.asIndex = true, true // what is read there may be written back there
		return c.every(found)
	}
	return c.every(nil)
}

// unique finds the values of all rows, and where each row has its own: both together give
// the rows again.
func unique(c *call) []*value { return c.every(c.unknown("finds the values of all rows")) }

// pure is the rule of operators that give the same for the same inputs, of which no more is
// known.
func pure(c *call) []*value { return []*value{c.worst(c.unknown("this operator is not analysed"))} }

// compress keeps the elements of an axis that a condition chooses.
func compress(c *call) []*value {
	v, chosen := c.arg(0), c.arg(1)
	at, given := c.attribute("axis")
	switch {
	case chosen.class == rows:
		return []*value{c.joined(chosen, "drops rows by their values")}
	case v.class != rows:
		return nil
	case !given:
		return []*value{c.joined(v, "takes rows by their position")}
	case !v.ranked:
		return []*value{c.unknown("the shape of an input is not known")}
	}
	axis, ok := axisOf(at.Int(), v.rank())
	switch {
	case !ok:
		return []*value{c.unknown("an axis is out of range")}
	case axis == v.axis:
		return []*value{c.joined(v, "takes rows by their position")}
	}
	w := v.computed()
	w.dims = append([]expr(nil), v.dims...)
	w.dims[axis] = c.free()
	return []*value{w}
}
