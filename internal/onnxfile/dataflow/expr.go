package dataflow

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// expr is a whole number that a graph computes of its shapes, as an index into a table:
// a coefficient times a power of N, the number of rows, times symbols. Equal
// expressions have equal indices; different ones may still have equal values.
type expr int32

// absent stands for no expression.
const absent expr = -1

const (
	maxFactors = 16 // symbols of a product; beyond that the product is a symbol itself
	maxExprs   = 1 << 20
)

type product struct {
	coef    int64
	n       int     // the power of N
	symbols []int32 // sorted
}

// symbol is a number that is not known: a free dimension, or what arithmetic on such
// gives where it is no product.
type symbol struct {
	dimension bool // it is never negative
	counted   bool // it may depend on the number of rows
	sure      bool // it does depend on it
	fraction  bool // it may be no whole number
	// The free axis of a caller's input that the symbol is the length of; axis -1: none.
	input, axis int
}

type table struct {
	products []product
	found    map[string]expr
	symbols  []symbol
	named    map[string]expr
	rows     int64 // the number of rows that the file prescribes; 0: free
	limit    int
	full     bool
	key      []byte
}

func newTable(rows int64, limit int) *table {
	return &table{found: map[string]expr{}, named: map[string]expr{}, rows: rows, limit: min(limit, maxExprs)}
}

func (t *table) intern(p product) expr {
	if p.coef == 0 {
		p.n, p.symbols = 0, nil
	}
	t.key = binary.AppendVarint(t.key[:0], p.coef)
	t.key = binary.AppendUvarint(t.key, uint64(p.n))
	for _, s := range p.symbols {
		t.key = binary.AppendUvarint(t.key, uint64(s))
	}
	if e, ok := t.found[string(t.key)]; ok {
		return e
	}
	if len(t.products) >= t.limit {
		t.full = true // the analysis ends at its next step
		return 0
	}
	e := expr(len(t.products))
	t.products = append(t.products, p)
	t.found[string(t.key)] = e
	return e
}

func (t *table) constant(n int64) expr { return t.intern(product{coef: n}) }

// count is N.
func (t *table) count() expr {
	if t.rows > 0 {
		return t.constant(t.rows)
	}
	return t.intern(product{coef: 1, n: 1})
}

// fresh is a symbol that nothing else equals.
func (t *table) fresh(s symbol) expr {
	if len(t.symbols) >= t.limit {
		t.full = true
		return 0
	}
	t.symbols = append(t.symbols, s)
	return t.intern(product{coef: 1, symbols: []int32{int32(len(t.symbols) - 1)}})
}

// free is a fresh length that is the same for every row.
func (t *table) free() expr { return t.fresh(symbol{dimension: true, axis: -1}) }

// symbolOf is the result of an operation that is no product: the same for the same
// arguments.
func (t *table) symbolOf(operation string, dimension bool, args ...expr) expr {
	s := symbol{dimension: dimension, axis: -1}
	t.key = append(append(t.key[:0], operation...), 0)
	sure, constants := 0, 0
	for _, a := range args {
		t.key = binary.AppendVarint(t.key, int64(a))
		s.counted = s.counted || t.counted(a)
		s.fraction = s.fraction || t.fraction(a)
		if t.surely(a) {
			sure++
		} else if _, ok := t.value(a); ok {
			constants++
		}
	}
	s.sure = injective[operation] && sure == 1 && constants == len(args)-1
	s.fraction = (s.fraction || fractional[operation]) && !whole[operation]
	key := string(t.key)
	if e, ok := t.named[key]; ok {
		return e
	}
	e := t.fresh(s)
	if !t.full {
		t.named[key] = e
	}
	return e
}

func (t *table) at(e expr) product { return t.products[e] }

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
	if p.n != 0 {
		return true
	}
	for _, s := range p.symbols {
		if t.symbols[s].counted {
			return true
		}
	}
	return false
}

// surely says that the number does depend on the number of rows.
func (t *table) surely(e expr) bool {
	p := t.at(e)
	if p.n == 0 && len(p.symbols) == 1 {
		return t.symbols[p.symbols[0]].sure
	}
	for _, s := range p.symbols {
		if t.symbols[s].counted {
			return false
		}
	}
	return p.n > 0
}

// injective are operations whose result differs where one argument does and the others
// are constants.
var injective = map[string]bool{"+": true, "-": true, "Sqrt": true, "Log": true, "Exp": true, "Reciprocal": true, "Neg": true}

// fractional operations may leave a remainder, whole ones remove it.
var (
	fractional = map[string]bool{"Quotient": true, "Sqrt": true, "Log": true, "Exp": true, "Reciprocal": true, "Pow": true, "Half": true}
	whole      = map[string]bool{"Floor": true, "Ceil": true, "Round": true, "Truncate": true, "Equal": true, "Less": true}
)

func (t *table) fraction(e expr) bool {
	for _, s := range t.at(e).symbols {
		if t.symbols[s].fraction {
			return true
		}
	}
	return false
}

func (t *table) nonNegative(e expr) bool {
	p := t.at(e)
	for _, s := range p.symbols {
		if !t.symbols[s].dimension {
			return false
		}
	}
	return p.coef >= 0
}

func (t *table) mul(a, b expr) expr {
	p, q := t.at(a), t.at(b)
	coef, ok := multiply(p.coef, q.coef)
	if !ok || len(p.symbols)+len(q.symbols) > maxFactors || p.n+q.n > maxFactors {
		return t.symbolOf("*", t.nonNegative(a) && t.nonNegative(b), min(a, b), max(a, b))
	}
	symbols := slices.Concat(p.symbols, q.symbols)
	slices.Sort(symbols)
	return t.intern(product{coef: coef, n: p.n + q.n, symbols: symbols})
}

func multiply(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	if a == math.MinInt64 || b == math.MinInt64 {
		return 0, false
	}
	hi, lo := bits.Mul64(uint64(max(a, -a)), uint64(max(b, -b)))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	return a * b, true
}

// all is the product of a list.
func (t *table) all(list []expr) expr {
	e := t.constant(1)
	for _, d := range list {
		e = t.mul(e, d)
	}
	return e
}

// divide is a / b where b divides a whatever the symbols are.
func (t *table) divide(a, b expr) (expr, bool) {
	p, q := t.at(a), t.at(b)
	if q.coef == 0 || p.coef%q.coef != 0 || q.n > p.n || q.coef == -1 {
		return absent, false
	}
	symbols := slices.Clone(p.symbols)
	for _, s := range q.symbols {
		i, ok := slices.BinarySearch(symbols, s)
		if !ok {
			return absent, false
		}
		symbols = slices.Delete(symbols, i, i+1)
	}
	return t.intern(product{coef: p.coef / q.coef, n: p.n - q.n, symbols: symbols}), true
}

func (t *table) like(a, b expr) bool {
	p, q := t.at(a), t.at(b)
	return p.n == q.n && slices.Equal(p.symbols, q.symbols)
}

func (t *table) scaled(e expr, coef int64) expr {
	p := t.at(e)
	return t.intern(product{coef: coef, n: p.n, symbols: p.symbols})
}

func (t *table) add(a, b expr) expr {
	p, q := t.at(a), t.at(b)
	switch sum := p.coef + q.coef; {
	case p.coef == 0:
		return b
	case q.coef == 0:
		return a
	case t.like(a, b) && (sum > p.coef) == (q.coef > 0):
		return t.scaled(a, sum)
	}
	return t.symbolOf("+", t.nonNegative(a) && t.nonNegative(b), min(a, b), max(a, b))
}

func (t *table) negate(e expr) expr {
	if p := t.at(e); p.coef != math.MinInt64 {
		return t.scaled(e, -p.coef)
	}
	return t.symbolOf("-", false, e)
}

func (t *table) sub(a, b expr) expr { return t.add(a, t.negate(b)) }

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
