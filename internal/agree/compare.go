package agree

import (
	"bytes"
	"math"
	"slices"

	"sluice/internal/tensor"
)

// Kind is in what two tensors differ.
type Kind uint8

// The kinds.
const (
	None    Kind = iota
	Missing      // there is no such output
	Type
	Shape // or the number of elements
	Value
	Class // the largest score has another place
)

// Difference is one difference between a tensor and what it should be. It points to both, and is
// valid as long as they are.
type Difference struct {
	Kind Kind
	// Excess is the difference over what the tolerance allows, see Tolerance.Excess.
	Excess float64
	// At is the element, or the row of a Class.
	At int

	got, want           *tensor.Tensor
	limit               float64
	gotClass, wantClass int
}

// First returns the first difference of two tensors that the tolerance does not allow.
func First(got, want *tensor.Tensor, t Tolerance) Difference { return compare(got, want, t, true) }

// Lacking is the difference of an output that is not there.
func Lacking(want *tensor.Tensor) Difference {
	return Difference{Kind: Missing, Excess: math.Inf(1), want: want}
}

// Form returns how two tensors differ before any value is read: in type, in shape, or in the number of
// elements.
func Form(got, want *tensor.Tensor) Difference {
	d := Difference{Excess: math.Inf(1), got: got, want: want}
	switch {
	case want.Type != got.Type:
		d.Kind = Type
	case !slices.Equal(got.Shape, want.Shape) || want.Type != tensor.Bytes && len(got.Data) != len(want.Data):
		d.Kind = Shape
	default:
		return Difference{}
	}
	return d
}

// compare returns the first difference that is not allowed or, unless first is set, the largest.
func compare(got, want *tensor.Tensor, t Tolerance, first bool) Difference {
	d := Form(got, want)
	switch {
	case d.Kind != None || bytes.Equal(got.Data, want.Data):
		return d
	case want.Type.Float():
		d.got, d.want = got, want
		d.floats(t, first)
	default:
		d = Difference{Kind: Value, Excess: math.Inf(1), At: firstUnequal(want.Type, got.Data, want.Data), got: got, want: want}
	}
	return d
}

func (d *Difference) floats(t Tolerance, first bool) {
	kind := d.want.Type
	for i := range len(d.want.Data) / kind.Size() {
		want := tensor.FloatAt(kind, d.want.Data, i)
		excess := t.Excess(tensor.FloatAt(kind, d.got.Data, i), want)
		if excess <= d.Excess || first && excess <= 1 {
			continue
		}
		d.Kind, d.At, d.Excess, d.limit = Value, i, excess, t.Limit(want)
		if first {
			return
		}
	}
}

// firstUnequal is the first element in which two tensors differ that are no floats.
func firstUnequal(kind tensor.DataType, got, want []byte) int {
	for i := 0; ; i++ {
		g, w := element(kind, got, 0), element(kind, want, 0)
		if g == nil || w == nil || !bytes.Equal(g, w) {
			return i
		}
		got, want = got[len(g):], want[len(w):]
	}
}

// element is the bytes of element i; nil if there is none.
func element(kind tensor.DataType, data []byte, i int) []byte {
	if kind == tensor.Bytes {
		span, err := tensor.BytesSpan(data, i, 1)
		if err != nil || len(span) == 0 {
			return nil
		}
		return span
	}
	size := kind.Size()
	if size == 0 || (i+1)*size > len(data) {
		return nil
	}
	return data[i*size : (i+1)*size]
}

// Classes compares the classes of two tensors of scores that have the same shape: along the last
// axis the largest must have the same place.
func Classes(got, want *tensor.Tensor) Difference {
	rank := len(want.Shape)
	if !want.Type.Float() || rank == 0 || want.Shape[rank-1] < 2 {
		return Difference{}
	}
	n := int(want.Shape[rank-1])
	for row := range len(want.Data) / want.Type.Size() / n {
		if g, w := Top(got, row*n, n), Top(want, row*n, n); g != w {
			return Difference{Kind: Class, Excess: math.Inf(1), At: row, got: got, want: want, gotClass: g, wantClass: w}
		}
	}
	return Difference{}
}

// Top is the place of the largest of n scores from an element on, which is their class; of equal ones the
// first.
func Top(t *tensor.Tensor, from, n int) int {
	best := 0
	for i := 1; i < n; i++ {
		if tensor.FloatAt(t.Type, t.Data, from+i) > tensor.FloatAt(t.Type, t.Data, from+best) {
			best = i
		}
	}
	return best
}
