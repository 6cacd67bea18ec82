package dataflow

import "slices"

// Element by element: the operators whose every output element is computed from the
// elements at the same place, after broadcasting. ONNX aligns shapes at their last axes.

// eachOf is the rule of operators of one input.
func eachOf(c *call) []*value {
	v := c.arg(0)
	if v == nil {
		return nil
	}
	w := v.computed()
	if v.content != nil {
		w.content = c.unaryContent(v.content)
	}
	return []*value{w}
}

func (c *call) unaryContent(list []expr) []expr {
	out := make([]expr, len(list))
	for i, e := range list {
		n, known := c.value(e)
		switch {
		case c.node.Op == "Neg":
			out[i] = c.negate(e)
		case c.node.Op == "Abs" && c.nonNegative(e), c.node.Op == "Relu" && c.nonNegative(e):
			out[i] = e
		case c.node.Op == "Abs" && known && n < 0:
			out[i] = c.negate(e)
		case c.node.Op == "Not" && known:
			out[i] = c.constant(1 - min(n, 1))
		case (c.node.Op == "Floor" || c.node.Op == "Ceil" || c.node.Op == "Round") && !c.fraction(e):
			out[i] = e
		default:
			out[i] = c.symbolOf(c.node.Op, false, e)
		}
	}
	return out
}

// unchanged is the rule of operators that give their first input on.
func unchanged(c *call) []*value {
	v := c.arg(0)
	if v == nil {
		return nil
	}
	return []*value{v}
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

// foldContent follows the elements of small integers.
func (c *call) foldContent(v *value) *value {
	fold, ok := folds[c.node.Op]
	size, known := c.value(c.all(v.dims))
	if !ok || !known || size > maxContents {
		return v
	}
	for _, x := range c.in {
		if x == nil || x.content == nil || len(x.content) != 1 && !slices.Equal(x.dims, v.dims) {
			return v
		}
	}
	list := make([]expr, size)
	args := make([]expr, len(c.in))
	if len(args) < 1 || len(args) > maxContents {
		return v
	}
	for i := range list {
		for k, x := range c.in {
			args[k] = x.content[min(i, len(x.content)-1)]
		}
		list[i] = fold(c, args)
	}
	w := *v
	w.class, w.content, w.element = c.classOf(list), list, c.in[len(c.in)-1].element
	if comparisons[c.node.Op] {
		w.element = boolType
	}
	return &w
}

var comparisons = map[string]bool{"Equal": true, "Less": true, "Greater": true, "And": true, "Or": true}

// folds compute an element from elements.
var folds = map[string]func(*call, []expr) expr{
	"Add": func(c *call, x []expr) expr { return c.fold(x, c.add) },
	"Sum": func(c *call, x []expr) expr { return c.fold(x, c.add) },
	"Sub": func(c *call, x []expr) expr { return c.fold(x, c.sub) },
	"Mul": func(c *call, x []expr) expr { return c.fold(x, c.mul) },
	"Div": func(c *call, x []expr) expr {
		return c.fold(x, func(p, q expr) expr {
			if e, ok := c.divide(p, q); ok {
				return e
			}
			n, okP := c.value(p)
			d, okQ := c.value(q)
			switch {
			case !c.wholeNumbers():
				return c.symbolOf("Quotient", c.nonNegative(p) && c.nonNegative(q), p, q)
			case okP && okQ && n >= 0 && d > 0:
				return c.constant(n / d)
			}
			return c.symbolOf("Div", c.nonNegative(p) && c.nonNegative(q), p, q)
		})
	},
	"Mod": func(c *call, x []expr) expr {
		return c.fold(x, func(p, q expr) expr {
			if _, ok := c.divide(p, q); ok {
				return c.constant(0)
			}
			n, okP := c.value(p)
			d, okQ := c.value(q)
			if okP && okQ && n >= 0 && d > 0 {
				return c.constant(n % d)
			}
			return c.symbolOf("Mod", false, p, q)
		})
	},
	"Max": func(c *call, x []expr) expr { return c.fold(x, c.extreme("Max")) },
	"Min": func(c *call, x []expr) expr { return c.fold(x, c.extreme("Min")) },
	"Equal": func(c *call, x []expr) expr {
		return c.fold(x, func(p, q expr) expr { return c.compare("Equal", p, q) })
	},
	"Less": func(c *call, x []expr) expr {
		return c.fold(x, func(p, q expr) expr { return c.compare("Less", p, q) })
	},
	"Greater": func(c *call, x []expr) expr {
		return c.fold(x, func(p, q expr) expr { return c.compare("Less", q, p) })
	},
	"And": func(c *call, x []expr) expr { return c.fold(x, c.both) },
	"Or":  func(c *call, x []expr) expr { return c.fold(x, c.either) },
	"Where": func(c *call, x []expr) expr {
		if len(x) != 3 {
			return c.free()
		}
		switch n, ok := c.value(x[0]); {
		case ok && n != 0 || x[1] == x[2]:
			return x[1]
		case ok:
			return x[2]
		}
		return c.symbolOf("Where", c.nonNegative(x[1]) && c.nonNegative(x[2]), x...)
	},
}

func (c *call) fold(list []expr, with func(p, q expr) expr) expr {
	e := list[0]
	for _, x := range list[1:] {
		e = with(e, x)
	}
	return e
}

// wholeNumbers says that the node's operands are integers: floats keep a remainder.
func (c *call) wholeNumbers() bool {
	for _, v := range c.in {
		if v == nil || v.element == 0 || v.element == float32Type || v.element == 10 || v.element == 11 || v.element == 16 {
			return false
		}
	}
	return true
}

func (a *analysis) extreme(op string) func(p, q expr) expr {
	return func(p, q expr) expr {
		n, okP := a.value(p)
		m, okQ := a.value(q)
		switch {
		case p == q:
			return p
		case okP && okQ && op == "Max":
			return a.constant(max(n, m))
		case okP && okQ:
			return a.constant(min(n, m))
		}
		return a.symbolOf(op, a.nonNegative(p) && a.nonNegative(q), min(p, q), max(p, q))
	}
}

func (a *analysis) both(p, q expr) expr {
	switch {
	case a.is(p, 0) || a.is(q, 0):
		return a.constant(0)
	case a.is(p, 1):
		return q
	case a.is(q, 1):
		return p
	}
	return a.symbolOf("And", true, min(p, q), max(p, q))
}

func (a *analysis) either(p, q expr) expr {
	switch {
	case a.is(p, 1) || a.is(q, 1):
		return a.constant(1)
	case a.is(p, 0):
		return q
	case a.is(q, 0):
		return p
	}
	return a.symbolOf("Or", true, min(p, q), max(p, q))
}

// clip has bounds of one element each.
func clip(c *call) []*value {
	v := c.arg(0)
	if v == nil {
		return nil
	}
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
