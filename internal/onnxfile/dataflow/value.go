package dataflow

import (
	"slices"

	"sluice/internal/onnxfile"
)

// class is how a value in a run of N rows relates to the values in N runs of one row each.
type class uint8

const (
	// uniform: the same in all these runs.
	uniform class = iota
	// counted: computed from uniform values and from N alone, of a shape without N.
	counted
	// rows: one axis has the length pre·N·post. Taken as three axes, its i-th slice along the
	// middle one is the value in the run of row i.
	rows
	// unknown and mixed: any relation; cause says why. Mixed ones do depend on other rows.
	unknown
	mixed
)

// place tells the elements of rows that are no more than the row's number.
type place uint8

const (
	noPlace place = iota
	allPlaces
	firstPlace // the first of the last axis is the row's number, the others are rows
)

// maxContents bounds how many elements of a value are followed.
const maxContents = 64

// maxFollowedRank bounds the axes of the values that are followed.
const maxFollowedRank = 16

// value is what is known of a tensor. Values do not change once they are made, but for born.
type value struct {
	class  class
	cause  *cause
	born   *onnxfile.Node // that made it first; for messages
	ranked bool
	dims   []expr

	axis      int // of the rows; pre and post are free of N
	pre, post expr
	even      bool // all elements along the axis of the rows are equal
	place     place

	content []expr    // the elements in their order, where all lengths are numbers
	numbers []float64 // the elements of a constant of floats, whatever its rank
	element int64     // ONNX's number of the type, 0 if it is not known

	of     *value // of a sequence or an optional: what holds of each element
	padded []byte // rows of strings that end in so many of these as the longest row asks for; nil: none
	source source
	upTo   expr // 1 more than the length that the values count up to from 0, along an axis; 0: they do not
}

// source is the caller's input that the elements are taken from unchanged.
type source struct {
	input int // 0: none, else the input's number plus 1
	shift int64
	cast  bool // a string was read as a number
}

// cause is the node to blame for what is mixed or unknown.
type cause struct {
	node    *onnxfile.Node
	reason  string
	asIndex bool // mixed only if it is read as a value; as an index it may choose its own row
	length  bool // its length is mixed too
}

func (v *value) rank() int { return len(v.dims) }

// plain are rows of which nothing else is to be known: no place, no padding.
func (v *value) plain() bool { return v.place == noPlace && v.padded == nil }

// fromEnd is where the axis of the rows lies, counted from the last one, which is 1.
func (v *value) fromEnd() int { return v.rank() - v.axis }

// scalar is true for a value of one element by its shape.
func (a *analysis) scalar(v *value) bool {
	return v.ranked && v.class != rows && !slices.ContainsFunc(v.dims, func(d expr) bool { return !a.is(d, 1) })
}

// same is a uniform value of a shape.
func same(dims ...expr) *value { return &value{class: uniform, ranked: true, dims: dims} }

// unranked is a uniform value of which nothing is known.
func unranked() *value { return &value{class: uniform} }

// along are rows on an axis of a shape.
func (a *analysis) along(axis int, pre, post expr, dims ...expr) *value {
	if len(dims) > maxFollowedRank {
		return a.unknown("a tensor has more axes than are followed")
	}
	return &value{class: rows, ranked: true, dims: dims, axis: axis, pre: pre, post: post}
}

// shaped is v with another shape and the axis of its rows moved; elements are unchanged.
func (v *value) shaped(axis int, dims ...expr) *value {
	w := *v
	w.axis, w.dims, w.ranked = axis, dims, true
	return &w
}

// computed is v as the result of work on its elements one by one.
func (v *value) computed() *value {
	w := *v
	w.place, w.content, w.numbers, w.padded, w.element, w.source, w.upTo = noPlace, nil, nil, nil, 0, source{}, 0
	return &w
}

// length is the length of an axis of rows.
func (a *analysis) length(pre, post expr) expr { return a.mul(a.mul(pre, a.count()), post) }

// lone says that the axis of the rows has one element for each row.
func (a *analysis) lone(v *value) bool { return a.is(v.pre, 1) && a.is(v.post, 1) }

// contents is a value of rank 0 or 1 whose elements are followed.
func (a *analysis) contents(list []expr, scalar bool) *value {
	v := &value{class: uniform, ranked: true, content: list, element: int64Type}
	if !scalar {
		v.dims = []expr{a.constant(int64(len(list)))}
	}
	v.class = a.classOf(list)
	return v
}

// classOf is the class of a value whose elements are followed.
func (a *analysis) classOf(list []expr) class {
	if slices.ContainsFunc(list, a.table.counted) {
		return counted
	}
	return uniform
}

// elementsOf takes the elements of v at the places that pick gives for each place of a
// shape; nil if they are not followed.
func (a *analysis) elementsOf(v *value, dims []expr, pick func(to, from []int)) []expr {
	if v.content == nil {
		return nil
	}
	shape, from := a.numbersOf(dims), a.numbersOf(v.dims)
	if shape == nil || from == nil {
		return nil
	}
	size := 1
	for _, n := range shape {
		if size *= n; size > maxContents {
			return nil
		}
	}
	list := make([]expr, 0, size)
	to, at := make([]int, len(shape)), make([]int, len(from))
	for range size {
		pick(to, at)
		place := 0
		for k, i := range at {
			if i < 0 || i >= from[k] {
				return nil
			}
			place = place*from[k] + i
		}
		if place >= len(v.content) { // it was given a shape that it does not fit
			return nil
		}
		list = append(list, v.content[place])
		for k := len(to) - 1; k >= 0; k-- {
			if to[k]++; to[k] < shape[k] {
				break
			}
			to[k] = 0
		}
	}
	return list
}

// numbersOf are lengths as numbers; nil if one is unknown or more than is followed.
func (a *analysis) numbersOf(dims []expr) []int {
	list := make([]int, len(dims))
	for i, d := range dims {
		n, known := a.value(d)
		if !known || n < 0 || n > maxContents {
			return nil
		}
		list[i] = int(n)
	}
	return list
}

// surely says that a counted value does depend on N, as far as its elements are known.
func (a *analysis) surely(v *value) bool {
	return slices.ContainsFunc(v.content, a.table.surely)
}

// The numbers of some element types.
const (
	float32Type = 1
	int32Type   = 6
	int64Type   = 7
	stringType  = 8
	boolType    = 9
)
