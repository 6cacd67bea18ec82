package dataflow

import "slices"

// Elements of small integers that are followed: what arithmetic makes of them.

// unaryContent is what an operator of one input and no attributes makes of elements of a
// type; nil if they are not followed.
func (c *call) unaryContent(list []expr, element int64) []expr {
	if width[element] == 0 {
		return nil
	}
	out := make([]expr, len(list))
	for i, e := range list {
		n, known := c.value(e)
		switch op := c.node.Op; {
		case op == "Neg" && !c.fraction(e):
			out[i] = c.negate(e)
		case (op == "Abs" || op == "Relu") && c.nonNegative(e):
			out[i] = e
		case op == "Abs" && known && n < 0:
			out[i] = c.negate(e)
		case op == "Not" && element == boolType:
			out[i] = c.not(e)
		case roundings[op] && !c.fraction(e):
			out[i] = e
		case roundings[op]:
			out[i] = c.symbolOf(op, c.nonNegative(e), e)
		case op == "Sqrt" && c.nonNegative(e):
			out[i] = c.symbolOf(inType(op, element), true, e)
		case injective[op] && c.surely(&value{content: []expr{e}}): // it may be infinite, so nothing equals it
			out[i] = c.fresh(symbol{axis: -1, counted: true, sure: true, fraction: true, bits: endless})
		default:
			return nil
		}
	}
	return c.exactly(out, element)
}

var roundings = map[string]bool{"Floor": true, "Ceil": true, "Round": true}

// inType names an operation whose result is rounded to a type.
func inType(operation string, element int64) string {
	if element == float32Type {
		return operation
	}
	return operation + "64"
}

// foldContent follows the elements of small integers.
func (c *call) foldContent(v *value) *value {
	with, ok := folds[c.node.Op]
	size, known := c.value(c.all(v.dims))
	if !ok && c.node.Op != "Where" || !known || size > maxContents {
		return v
	}
	for _, x := range c.in {
		if x == nil || x.content == nil || width[x.element] == 0 {
			return v
		}
		if n := len(x.content); n != 1 && (int64(n) != size || !slices.Equal(x.dims, v.dims)) {
			return v
		}
		if slices.ContainsFunc(x.content, c.fraction) { // sums of what may be infinite or no number are not followed
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
		if ok {
			list[i] = c.fold(args, with)
		} else {
			list[i] = c.chosen(args)
		}
		if list[i] == absent {
			return v
		}
	}
	element := c.in[len(c.in)-1].element
	if comparisons[c.node.Op] {
		element = boolType
	}
	if list = c.exactly(list, element); list == nil {
		return v
	}
	w := *v
	w.class, w.content, w.element = c.classOf(list), list, element
	return &w
}

var comparisons = map[string]bool{"Equal": true, "Less": true, "LessOrEqual": true, "Greater": true, "GreaterOrEqual": true, "And": true, "Or": true}

// folds compute an element from elements, two by two.
var folds = map[string]func(c *call, p, q expr) expr{
	"Add":   (*call).add,
	"Sum":   (*call).add,
	"Sub":   (*call).sub,
	"Mul":   (*call).mul,
	"Div":   (*call).quotient,
	"Mod":   (*call).remainder,
	"Max":   func(c *call, p, q expr) expr { return c.extreme("Max", p, q) },
	"Min":   func(c *call, p, q expr) expr { return c.extreme("Min", p, q) },
	"Equal": func(c *call, p, q expr) expr { return c.compare("Equal", p, q) },
	"Less":  func(c *call, p, q expr) expr { return c.compare("Less", p, q) },

	"Greater":        func(c *call, p, q expr) expr { return c.compare("Less", q, p) },
	"LessOrEqual":    func(c *call, p, q expr) expr { return c.not(c.compare("Less", q, p)) },
	"GreaterOrEqual": func(c *call, p, q expr) expr { return c.not(c.compare("Less", p, q)) },

	"And": (*call).both,
	"Or":  (*call).either,
}

func (c *call) fold(list []expr, with func(c *call, p, q expr) expr) expr {
	e := list[0]
	for _, x := range list[1:] {
		if e = with(c, e, x); e == absent {
			return absent
		}
	}
	return e
}

func (c *call) quotient(p, q expr) expr {
	if e, ok := c.divide(p, q); ok && (c.wholeNumbers() || len(c.at(q).symbols) == 0) {
		return e
	}
	n, okP := c.value(p)
	d, okQ := c.value(q)
	switch {
	case !c.wholeNumbers() && (!okQ || d == 0):
		return absent // it may be infinite, or no number
	case !c.wholeNumbers():
		return c.symbolOf(inType("Quotient", c.in[0].element), c.nonNegative(p) && d > 0, p, q)
	case okP && okQ && n >= 0 && d > 0:
		return c.constant(n / d)
	}
	return c.symbolOf("Div", c.nonNegative(p) && c.nonNegative(q), p, q)
}

func (c *call) remainder(p, q expr) expr {
	if !c.wholeNumbers() {
		return absent
	}
	if _, ok := c.divide(p, q); ok {
		return c.constant(0)
	}
	n, okP := c.value(p)
	d, okQ := c.value(q)
	switch {
	case okP && okQ && n >= 0 && d > 0:
		return c.constant(n % d)
	case c.intAttr("fmod", 0) != 0:
		return c.symbolOf("Fmod", false, p, q)
	}
	return c.symbolOf("Mod", false, p, q)
}

// chosen is the element that Where takes.
func (c *call) chosen(x []expr) expr {
	if len(x) != 3 {
		return absent
	}
	switch n, ok := c.value(x[0]); {
	case ok && n != 0 || x[1] == x[2]:
		return x[1]
	case ok:
		return x[2]
	}
	return c.symbolOf("Where", c.nonNegative(x[1]) && c.nonNegative(x[2]), x...)
}

// not is the other truth value.
func (a *analysis) not(e expr) expr {
	if n, known := a.value(e); known {
		return a.constant(1 - min(1, max(n, -n)))
	}
	return a.symbolOf("Not", true, e)
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

func (a *analysis) extreme(op string, p, q expr) expr {
	n, okP := a.value(p)
	m, okQ := a.value(q)
	switch {
	case p == q, okP && okQ && (n > m) == (op == "Max"):
		return p
	case okP && okQ:
		return q
	}
	return a.symbolOf(op, a.nonNegative(p) && a.nonNegative(q), min(p, q), max(p, q))
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
