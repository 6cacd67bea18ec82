package zoo

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// tensor is an input or an output. An element is a float64, an int64, a uint64, a bool or a
// string, as the datatype has it.
type tensor struct {
	Name     string
	Datatype string
	Shape    []int
	Data     []any
}

// rows is the size of axis 0.
func (t *tensor) rows() int { return t.Shape[0] }

// pick makes a tensor of the named rows, in their order.
func (t *tensor) pick(rows []int) tensor {
	size := len(t.Data) / max(t.rows(), 1)
	picked := tensor{Name: t.Name, Datatype: t.Datatype, Shape: slices.Clone(t.Shape)}
	picked.Shape[0] = len(rows)
	for _, r := range rows {
		picked.Data = append(picked.Data, t.Data[r*size:(r+1)*size]...)
	}
	return picked
}

// UnmarshalJSON reads a tensor of cases.jsonl or of an answer.
func (t *tensor) UnmarshalJSON(text []byte) error {
	var wire struct {
		Name, Datatype string
		Shape          []int
		Data           []json.RawMessage
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*t = tensor{Name: wire.Name, Datatype: wire.Datatype, Shape: wire.Shape}
	for _, raw := range wire.Data {
		value, err := element(t.Datatype, raw)
		if err != nil {
			return fmt.Errorf("cannot read a value of tensor %q: %w", t.Name, err)
		}
		t.Data = append(t.Data, value)
	}
	if n := elements(t.Shape); n != len(t.Data) {
		return fmt.Errorf("tensor %q has %d values where its shape %v has %d", t.Name, len(t.Data), t.Shape, n)
	}
	return nil
}

// elements is the size of a shape; -1 for one that no answer here can have.
func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		if d < 0 || d > math.MaxInt32 {
			return -1
		}
		if n *= d; n > math.MaxInt32 {
			return -1
		}
	}
	return n
}

// element reads one value. Floats that JSON has no number for are strings.
func element(datatype string, raw json.RawMessage) (any, error) {
	text := string(raw)
	switch {
	case datatype == "BYTES":
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case datatype == "BOOL":
		return text == "true" || text == "1", nil
	case strings.HasPrefix(datatype, "FP"):
		return strconv.ParseFloat(strings.Trim(text, `"`), 64)
	case strings.HasPrefix(datatype, "UINT"):
		return strconv.ParseUint(text, 10, 64)
	}
	return strconv.ParseInt(text, 10, 64)
}

// differ says how an answer's tensor differs from the wanted one; empty if it does not.
func (t *tensor) differ(got *tensor, tolerance float64) string {
	switch {
	case got.Datatype != t.Datatype:
		return fmt.Sprintf("%s is of type %s instead of %s", t.Name, got.Datatype, t.Datatype)
	case !slices.Equal(got.Shape, t.Shape):
		return fmt.Sprintf("%s has the shape %v instead of %v", t.Name, got.Shape, t.Shape)
	}
	for i, want := range t.Data {
		if !alike(got.Data[i], want, tolerance) {
			return fmt.Sprintf("%s%v: element %d is %v instead of %v", t.Name, t.Shape, i, got.Data[i], want)
		}
	}
	return ""
}

// relative is the share of a value by which floats may differ, beside the absolute tolerance.
const relative = 1e-3

// alike compares floats within a tolerance, and all else exactly.
func alike(got, want any, tolerance float64) bool {
	a, isFloat := got.(float64)
	b, both := want.(float64)
	if !isFloat || !both {
		return got == want
	}
	if math.IsNaN(a) || math.IsNaN(b) || math.IsInf(a, 0) || math.IsInf(b, 0) {
		return a == b || math.IsNaN(a) && math.IsNaN(b)
	}
	return math.Abs(a-b) <= tolerance+relative*math.Abs(b)
}
