package verify

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"sluice/internal/tensor"
)

// Tolerance is how far a float may be off: |got - want| <= Abs + Rel*|want|. NaN equals NaN
// and an infinity itself. Everything that is no float must be equal.
type Tolerance struct{ Abs, Rel float64 }

// Default tolerances, by type: a few units in the last place of what a model computes in that
// precision in another order, which other batch sizes and devices do.
var (
	toleranceFP64 = Tolerance{1e-9, 1e-7}
	toleranceFP32 = Tolerance{1e-5, 1e-4}
	toleranceFP16 = Tolerance{2e-3, 2e-3}
	toleranceBF16 = Tolerance{1e-2, 1e-2}
)

// ParseTolerance reads "abs,rel".
func ParseTolerance(text string) (Tolerance, error) {
	left, right, ok := strings.Cut(text, ",")
	abs, err := strconv.ParseFloat(left, 64)
	rel, err2 := strconv.ParseFloat(right, 64)
	if !ok || err != nil || err2 != nil || !(abs >= 0 && rel >= 0) || math.IsInf(abs+rel, 0) {
		return Tolerance{}, fmt.Errorf("tolerance %q: give an absolute and a relative one as 1e-5,1e-4", text)
	}
	return Tolerance{abs, rel}, nil
}

// holds reports whether got is as good as want; limit is how far it might be off.
func (t Tolerance) holds(got, want float64) (ok bool, limit float64) {
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return true, 0
	}
	limit = t.Abs + t.Rel*math.Abs(want)
	// An infinity is within no limit, also not within its own infinite one.
	return math.Abs(got-want) <= limit && !math.IsInf(got, 0) && !math.IsInf(want, 0), limit
}

// judge is how values are compared.
type judge struct {
	tolerance  *Tolerance // nil means the type's own
	classifier bool
}

func (j *judge) of(kind tensor.DataType) Tolerance {
	if j.tolerance != nil {
		return *j.tolerance
	}
	switch kind {
	case tensor.FP64:
		return toleranceFP64
	case tensor.FP16:
		return toleranceFP16
	case tensor.BF16:
		return toleranceBF16
	}
	return toleranceFP32
}

// String is the tolerance as reports show it.
func (j *judge) String() string {
	text := "FP32 1e-05 + 1e-04|x|, FP64 1e-09 + 1e-07|x|, FP16 2e-03 + 2e-03|x|, BF16 1e-02 + 1e-02|x|"
	if t := j.tolerance; t != nil {
		text = fmt.Sprintf("%.0e + %.0e|x|", t.Abs, t.Rel)
	}
	if j.classifier {
		text += ", the same class"
	}
	return text + ", everything else equal"
}

// difference is the first thing in which two answers differ. It is cheap to make and is put
// into words only when somebody wants to read it.
type difference struct {
	kind      differenceKind
	want, got *tensor.Tensor
	at        int // element, or row for a class
	limit     float64
	gotClass  int
	wantClass int
}

type differenceKind uint8

const (
	none differenceKind = iota
	missing
	otherType
	otherShape
	otherValue
	otherClass
)

// compare holds the outputs that are known against an answer's. Outputs that nothing is
// known of are not looked at.
func (j *judge) compare(want, got []tensor.Tensor) difference {
	for i := range want {
		w := &want[i]
		at := i
		if at >= len(got) || got[at].Name != w.Name {
			if at = find(got, w.Name); at < 0 {
				return difference{kind: missing, want: w}
			}
		}
		if d := j.tensors(w, &got[at]); d.kind != none {
			return d
		}
	}
	return difference{}
}

func find(tensors []tensor.Tensor, name string) int {
	for i := range tensors {
		if tensors[i].Name == name {
			return i
		}
	}
	return -1
}

func (j *judge) tensors(want, got *tensor.Tensor) difference {
	d := difference{want: want, got: got}
	switch {
	case want.Type != got.Type:
		d.kind = otherType
	case !sameShape(want.Shape, got.Shape) || want.Type != tensor.Bytes && len(want.Data) != len(got.Data):
		d.kind = otherShape
	case bytes.Equal(want.Data, got.Data):
	case want.Type.Float():
		j.floats(&d)
	default:
		d.kind = otherValue
		d.at = firstDifferent(want.Type, want.Data, got.Data)
	}
	return d
}

func sameShape(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// floats compares two tensors of floats of the same size, and their classes if wanted.
func (j *judge) floats(d *difference) {
	kind, tolerance := d.want.Type, j.of(d.want.Type)
	n := len(d.want.Data) / kind.Size()
	for i := range n {
		if ok, limit := tolerance.holds(tensor.FloatAt(kind, d.got.Data, i), tensor.FloatAt(kind, d.want.Data, i)); !ok {
			d.kind, d.at, d.limit = otherValue, i, limit
			return
		}
	}
	if rank := len(d.want.Shape); j.classifier && rank > 0 && d.want.Shape[rank-1] > 1 {
		classes := int(d.want.Shape[rank-1])
		for row := range n / classes {
			w, g := argmax(kind, d.want.Data, row*classes, classes), argmax(kind, d.got.Data, row*classes, classes)
			if w != g {
				d.kind, d.at, d.wantClass, d.gotClass = otherClass, row, w, g
				return
			}
		}
	}
}

func argmax(kind tensor.DataType, data []byte, from, n int) int {
	best := 0
	for i := 1; i < n; i++ {
		if tensor.FloatAt(kind, data, from+i) > tensor.FloatAt(kind, data, from+best) {
			best = i
		}
	}
	return best
}

// firstDifferent is the first element in which two tensors of other types differ.
func firstDifferent(kind tensor.DataType, want, got []byte) int {
	size := kind.Size()
	for i := 0; ; i++ {
		w, g := element(kind, want, size, i), element(kind, got, size, i)
		if w == nil || g == nil || !bytes.Equal(w, g) {
			return i
		}
	}
}

// element is the bytes of element i; nil beyond the end.
func element(kind tensor.DataType, data []byte, size, i int) []byte {
	if kind == tensor.Bytes {
		span, err := tensor.BytesSpan(data, i, 1)
		if err != nil || len(span) == 0 {
			return nil
		}
		return span
	}
	if (i+1)*size > len(data) {
		return nil
	}
	return data[i*size : (i+1)*size]
}
