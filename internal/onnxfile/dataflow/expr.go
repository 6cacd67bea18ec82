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
	maxExprs   = 1 << 17
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
	each      bool // it differs between the tensors of a sequence
	bits      int  // its magnitude is taken to be below 2 to this power
	// The free axis of a caller's input that the symbol is the length of; axis -1: none.
	input, axis int
}

type table struct {
	products []product
	found    map[string]expr
	symbols  []symbol
	named    map[string]expr
	axes     map[expr]bool // lengths of axes whose shape was asked for
	rows     int64         // the number of rows that the file prescribes; 0: free
	limit    int
	full     bool
	key      []byte
}

func newTable(rows int64, limit int) *table {
	return &table{found: map[string]expr{}, named: map[string]expr{}, axes: map[expr]bool{}, rows: rows, limit: min(limit, maxExprs)}
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
	if s.bits == 0 {
		s.bits = lengthBits
	}
	t.symbols = append(t.symbols, s)
	return t.intern(product{coef: 1, symbols: []int32{int32(len(t.symbols) - 1)}})
}

// symbolOf is the result of an operation that is no product: the same for the same
// arguments. The name of the operation tells all else that the result depends on:
// attributes, and the type where it matters.
func (t *table) symbolOf(operation string, dimension bool, args ...expr) expr {
	s := symbol{dimension: dimension, axis: -1, bits: t.bitsOf(operation, args)}
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

// fractional operations may leave a remainder, whole ones remove it.
var (
	fractional = map[string]bool{"Quotient": true, "Quotient64": true, "Sqrt": true, "Sqrt64": true}
	whole      = map[string]bool{"Floor": true, "Ceil": true, "Round": true, "Truncate": true, "Equal": true, "Less": true, "Truth": true, "Not": true, "And": true, "Or": true}
)

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
