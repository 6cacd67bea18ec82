package dataflow

import (
	"math"
	"math/bits"
)

// Arithmetic on lengths is followed as arithmetic on whole numbers, which it is as long as
// the type of a value holds the results: integers wrap, floats round. Batches are taken to
// have fewer than 2^countBits rows, and free lengths to be below 2^lengthBits where they
// are computed with.
const (
	countBits  = 14
	lengthBits = 16
	endless    = 1 << 20 // more bits than any type has
)

// bits bounds the magnitude of a number: it is at most 2 to that power, and below it where
// it is no constant.
func (t *table) bits(e expr) int {
	p := t.at(e)
	n := countBits * p.n
	for _, s := range p.symbols {
		n += t.symbols[s].bits
	}
	if p.coef == math.MinInt64 {
		return min(n+64, endless)
	}
	if c := max(p.coef, -p.coef); c > 1 {
		n += bits.Len64(uint64(c - 1))
	}
	return min(n, endless)
}

// bitsOf bounds the magnitude of a symbol that an operation gives.
func (t *table) bitsOf(operation string, args []expr) int {
	most := 0
	for _, a := range args {
		most = max(most, t.bits(a))
	}
	switch operation {
	case "*":
		return endless
	case "+":
		return min(most+1, endless)
	case "Equal", "Less", "Not", "And", "Or", "Truth":
		return 1
	case "slice", "broadcast", "rest", "pad", "Range":
		return lengthBits
	}
	return max(most, 1)
}

// width is how many bits of whole numbers a type of floats or signed integers holds, 0 if
// arithmetic in the type is not followed.
var width = map[int64]int{float32Type: 24, 11: 53, int32Type: 31, int64Type: 63, boolType: 1}

// holds are the ranges of the types that keep constants alone.
var holds = map[int64][2]int64{
	2: {0, 1<<8 - 1}, 3: {-1 << 7, 1<<7 - 1}, 4: {0, 1<<16 - 1}, 5: {-1 << 15, 1<<15 - 1}, boolType: {0, 1},
	int32Type: {-1 << 31, 1<<31 - 1}, 12: {0, 1<<32 - 1}, 13: {0, 1<<63 - 1}, int64Type: {-1 << 63, 1<<63 - 1},
	float32Type: {-1 << 24, 1 << 24}, 11: {-1 << 53, 1 << 53}, 10: {-1 << 8, 1 << 8}, 16: {-1 << 8, 1 << 8},
}

// fits says that a type holds a number exactly, whatever its symbols stand for.
func (t *table) fits(e expr, element int64) bool {
	if n, known := t.value(e); known {
		r, ok := holds[element]
		return ok && r[0] <= n && n <= r[1]
	}
	if t.fraction(e) {
		return element == float32Type || element == 11
	}
	return t.bits(e) <= width[element] || t.axes[e] && width[element] >= axisBits
}

// axisBits are enough for the length of an axis: a tensor has fewer elements.
const axisBits = 31

// isAxis notes that a tensor with elements has an axis of this length.
func (t *table) isAxis(e expr) {
	if c := t.at(e).coef; 0 < c && c < 1<<lengthBits && t.bits(e) > axisBits {
		t.axes[e] = true
	}
}

// exactly is a list of elements, or nil if the type does not hold them all.
func (t *table) exactly(list []expr, element int64) []expr {
	for _, e := range list {
		if !t.fits(e, element) {
			return nil
		}
	}
	return list
}
