package verify

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"sluice/internal/agree"
	"sluice/internal/tensor"
	"sluice/loadtest/payload"
)

// ParseTolerance reads "abs,rel".
func ParseTolerance(text string) (agree.Tolerance, error) {
	left, right, ok := strings.Cut(text, ",")
	abs, err := strconv.ParseFloat(left, 64)
	rel, err2 := strconv.ParseFloat(right, 64)
	if !ok || err != nil || err2 != nil || !(abs >= 0 && rel >= 0) || math.IsInf(abs+rel, 0) {
		return agree.Tolerance{}, fmt.Errorf("tolerance %q: give an absolute and a relative one as 1e-5,1e-4", text)
	}
	return agree.Tolerance{Abs: abs, Rel: rel}, nil
}

// judge is how values are compared.
type judge struct {
	tolerance  *agree.Tolerance // nil means the type's own
	classifier bool
}

func (j *judge) of(kind tensor.DataType) agree.Tolerance {
	if j.tolerance != nil {
		return *j.tolerance
	}
	return agree.Default(kind)
}

// String is the tolerance as reports show it.
func (j *judge) String() string {
	var parts []string
	if t := j.tolerance; t != nil {
		parts = append(parts, fmt.Sprintf("%.0e + %.0e|x|", t.Abs, t.Rel))
	} else {
		for _, kind := range []tensor.DataType{tensor.FP32, tensor.FP64, tensor.FP16, tensor.BF16} {
			t := agree.Default(kind)
			parts = append(parts, fmt.Sprintf("%s %.0e + %.0e|x|", kind, t.Abs, t.Rel))
		}
	}
	if j.classifier {
		parts = append(parts, "the same class")
	}
	return strings.Join(append(parts, "everything else equal"), ", ")
}

// compare holds the outputs that are known against an answer's, and returns the first difference.
// Outputs that nothing is known of are not looked at.
func (j *judge) compare(want, got []tensor.Tensor) agree.Difference {
	for i := range want {
		w := &want[i]
		at := i
		if at >= len(got) || got[at].Name != w.Name {
			at = slices.IndexFunc(got, func(t tensor.Tensor) bool { return t.Name == w.Name })
		}
		if at < 0 {
			return agree.Lacking(w)
		}
		d := agree.First(&got[at], w, j.of(w.Type))
		if d.Kind == agree.None && j.classifier {
			d = agree.Classes(&got[at], w)
		}
		if d.Kind != agree.None {
			return d
		}
	}
	return agree.Difference{}
}

// parted is where an answer that is no tensors leaves a known one; -1 if it does not. Numbers of the
// V1 format may differ by the tolerance.
func (j *judge) parted(known *body, text []byte, p payload.Protocol) int {
	if known.same(text) {
		return -1
	}
	if p == payload.V1 {
		return sameText(known.text, text, j.of(tensor.FP32))
	}
	n := min(len(known.text), len(text))
	for i := range n {
		if known.text[i] != text[i] && (known.identity < 0 || i < known.identity || i >= known.identity+payload.IdentityLength) {
			return i
		}
	}
	return n
}
