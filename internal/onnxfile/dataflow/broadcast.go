package dataflow

// Element by element: the operators whose every output element is computed from the
// elements at the same place, after broadcasting. ONNX aligns shapes at their last axes.

// eachOf is the rule of operators of one input.
func eachOf(c *call) []*value {
	v := c.arg(0)
	w := v.computed()
	if v.content != nil {
		w.element = v.element
		w.content = c.unaryContent(v.content, v.element)
	}
	return []*value{w}
}

// unchanged is the rule of operators that give their first input on.
func unchanged(c *call) []*value {
	return []*value{c.arg(0)}
}

// withEach is the rule of operators that broadcast all their inputs.
func withEach(c *call) []*value {
	c.hintCompared()
	c.hintDivisor()
	v := c.broadcast(c.in...)
	if v.class == rows {
		c.shifted(v)
	}
	if v.class <= counted && v.content == nil {
		v = c.foldContent(v)
	}
	return []*value{v}
}

// broadcast is the result of working on the elements of all values that are given.
func (a *analysis) broadcast(list ...*value) *value {
	var lead *value // the rows that the others must lie beside
	rank, ranked, count := 0, true, (*value)(nil)
	for _, v := range list {
		if v == nil {
			continue
		}
		if !v.ranked {
			ranked = false
		}
		rank = max(rank, v.rank())
		switch {
		case v.class == counted:
			count = v
		case v.class == rows && (lead == nil || lead.even && !v.even):
			lead = v
		}
	}
	switch {
	case lead != nil && count != nil:
		return a.countUsed(count)
	case lead == nil && !ranked && count == nil:
		return unranked()
	case lead == nil && !ranked:
		return a.unknown("the shape of an input is not known")
	case !ranked:
		return a.broadcastUnranked(lead, list)
	}
	out := &value{class: uniform, ranked: true, dims: make([]expr, rank)}
	for i := range out.dims {
		out.dims[i] = a.broadcastDim(i-rank, list)
	}
	switch {
	case lead == nil && count != nil:
		out.class = counted
		return out
	case lead == nil:
		return out
	}
	if bad := a.beside(lead, list); bad != nil {
		return bad
	}
	out.class, out.axis, out.pre, out.post, out.even = rows, rank-lead.fromEnd(), lead.pre, lead.post, true
	for _, v := range list {
		if v != nil && v.class == rows {
			out.even = out.even && v.even
		}
	}
	out.dims[out.axis] = a.length(out.pre, out.post)
	return out
}

// beside says what is wrong where values are broadcast to the rows of lead; nil if each
// row meets its own values.
func (a *analysis) beside(lead *value, list []*value) *value {
	for _, v := range list {
		switch {
		case v == nil:
		case v.class == rows:
			if bad := a.aligned(lead, v); bad != nil {
				return bad
			}
		case v.rank() < lead.fromEnd() || a.is(v.dims[v.rank()-lead.fromEnd()], 1):
		default:
			return a.fixedBeside(lead, v.dims[v.rank()-lead.fromEnd()])
		}
	}
	return nil
}

// aligned holds two values of rows against one another.
func (a *analysis) aligned(lead, v *value) *value {
	switch {
	case v.fromEnd() == lead.fromEnd() && (v.even || lead.even):
		if a.length(v.pre, v.post) != a.length(lead.pre, lead.post) {
			return a.unknown("two lengths are not known to be equal")
		}
		return nil
	case v.fromEnd() == lead.fromEnd() && v.pre == lead.pre && v.post == lead.post:
		return nil
	case v.fromEnd() == lead.fromEnd():
		return a.unknown("pairs rows that lie differently")
	case v.even || lead.even:
		return a.unknown("the rows lie on different axes")
	}
	return a.mixed("pairs each row with all rows")
}

// layoutOf is, of rows that lie beside one another, one whose pre and post hold for all:
// elements that are equal along the axis of the rows lie in any way.
func layoutOf(list ...*value) *value {
	for _, v := range list {
		if v.class == rows && !v.even {
			return v
		}
	}
	return list[0]
}

// fixedBeside is what becomes of rows beside a uniform value that has a length of its own
// where they lie.
func (a *analysis) fixedBeside(lead *value, d expr) *value {
	if n, ok := a.value(d); ok && n > 1 && a.lone(lead) && a.rows == 0 {
		return a.mixed("the result depends on the number of rows")
	}
	return a.unknown("a value that is the same for all requests may differ by a row's position")
}

// broadcastUnranked takes rows of unknown rank on axis 0 beside single elements.
func (a *analysis) broadcastUnranked(lead *value, list []*value) *value {
	for _, v := range list {
		if v == nil || v == lead || v.class == uniform && v.ranked && v.rank() <= 1 && a.scalar(v) {
			continue
		}
		return a.unknown("the shape of an input is not known")
	}
	return lead.computed()
}

// broadcastDim is the length of an axis that is counted from the end (-1 is the last).
func (a *analysis) broadcastDim(fromEnd int, list []*value) expr {
	out := a.constant(1)
	for _, v := range list {
		if v == nil || -fromEnd > v.rank() {
			continue
		}
		out = a.widest(out, v.dims[v.rank()+fromEnd])
	}
	return out
}

// widest is the length of two axes that are broadcast.
func (a *analysis) widest(d, e expr) expr {
	n, okD := a.value(d)
	m, okE := a.value(e)
	switch {
	case d == e || okE && m == 1:
		return d
	case okD && n == 1:
		return e
	case okD: // the other can only be 1 or the same
		return d
	case okE:
		return e
	}
	return a.symbolOf("broadcast", true, min(d, e), max(d, e))
}

// clipped has bounds of one element each.
func clipped(c *call) []*value {
	v := c.arg(0)
	for _, bound := range c.in[1:] {
		switch {
		case bound == nil || bound.class == uniform:
		case bound.class == counted:
			return []*value{c.countUsed(bound)}
		default:
			return []*value{c.unknown("values of rows are bounds")}
		}
	}
	w := v.computed()
	if len(v.content) > 0 {
		w.content = nil
		if v.class == counted {
			return []*value{c.unknown("the result may depend on the number of rows")}
		}
	}
	return []*value{w}
}
