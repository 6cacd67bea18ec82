package dataflow

import "slices"

// What is known of an expression, whatever its symbols stand for.

// value is the number, if it is known.
func (t *table) value(e expr) (n int64, ok bool) {
	if e == absent {
		return 0, false
	}
	p := t.at(e)
	return p.coef, p.n == 0 && len(p.symbols) == 0
}

func (t *table) is(e expr, n int64) bool {
	have, ok := t.value(e)
	return ok && have == n
}

// counted says that the number may depend on the number of rows.
func (t *table) counted(e expr) bool {
	p := t.at(e)
	return p.n != 0 || t.some(p, func(s symbol) bool { return s.counted })
}

// some says that a product has a symbol of a kind.
func (t *table) some(p product, is func(symbol) bool) bool {
	return slices.ContainsFunc(p.symbols, func(s int32) bool { return is(t.symbols[s]) })
}

// surely says that the number does depend on the number of rows.
func (t *table) surely(e expr) bool {
	p := t.at(e)
	if p.n == 0 && len(p.symbols) == 1 {
		return t.symbols[p.symbols[0]].sure
	}
	return p.n > 0 && !t.some(p, func(s symbol) bool { return s.counted })
}

// injective are operations whose result differs where one argument does and the others
// are constants.
var injective = map[string]bool{"+": true, "-": true, "Sqrt": true, "Sqrt64": true, "Log": true, "Exp": true, "Reciprocal": true, "Neg": true}

func (t *table) fraction(e expr) bool {
	return t.some(t.at(e), func(s symbol) bool { return s.fraction })
}

func (t *table) nonNegative(e expr) bool {
	p := t.at(e)
	return p.coef >= 0 && !t.some(p, func(s symbol) bool { return !s.dimension })
}

// compare answers whether a equals b, or is less than b, where that is known.
func (t *table) compare(operation string, a, b expr) expr {
	truth := func(yes bool) expr {
		if yes {
			return t.constant(1)
		}
		return t.constant(0)
	}
	p, okP := t.value(a)
	q, okQ := t.value(b)
	switch {
	case operation == "Equal" && a == b:
		return truth(true)
	case operation == "Less" && a == b:
		return truth(false)
	case okP && okQ && operation == "Equal":
		return truth(p == q)
	case okP && okQ:
		return truth(p < q)
	case okP && p < 0 && t.nonNegative(b):
		return truth(operation == "Less")
	case okQ && q < 0 && t.nonNegative(a), operation == "Less" && okQ && q == 0 && t.nonNegative(a):
		return truth(false)
	}
	if operation == "Equal" {
		a, b = min(a, b), max(a, b)
	}
	return t.symbolOf(operation, true, a, b)
}

// join is what holds of either: the same, or a number that nothing is known of.
func (t *table) join(a, b expr) expr {
	if a == b {
		return a
	}
	return t.fresh(symbol{
		dimension: t.nonNegative(a) && t.nonNegative(b), axis: -1, counted: t.counted(a) || t.counted(b),
	})
}
