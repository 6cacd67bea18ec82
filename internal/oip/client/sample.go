package client

import (
	"encoding/json"
	"fmt"
	"io"

	"sluice/internal/tensor"
)

// Simpler reports whether a is simpler to try than b: it prefers inputs of one size to free ones, and small ones to large.
func Simpler(a, b *tensor.Schema) bool {
	if x, y := freeAxes(a), freeAxes(b); x != y {
		return x < y
	}
	return SampleSize(a) < SampleSize(b)
}

// freeAxes counts the free dimensions of the inputs besides the batch.
func freeAxes(s *tensor.Schema) (n int) {
	for _, in := range s.Inputs {
		for axis, d := range in.Shape {
			if d < 0 && (axis > 0 || !s.Batchable()) {
				n++
			}
		}
	}
	return n
}

// SampleSize is how many elements WriteSample writes.
func SampleSize(s *tensor.Schema) (n int64) {
	for _, in := range s.Inputs {
		elements, _ := tensor.Elements(sampleShape(in.Shape))
		n += elements
	}
	return n
}

// sampleShape puts 1 for every free dimension.
func sampleShape(shape []int64) []int64 {
	sample := make([]int64, len(shape))
	for i, d := range shape {
		sample[i] = max(d, 1)
	}
	return sample
}

// NoSample says why a request of a schema cannot be written as JSON; empty if it can.
func NoSample(s *tensor.Schema) string {
	for _, in := range s.Inputs {
		if in.Type.Half() {
			return fmt.Sprintf("input %q is %s, which the protocol has no JSON for: send it as binary data, as tritonclient does", in.Name, in.Type)
		}
	}
	return ""
}

// WriteSample writes a small valid request for a schema: one row, 1 for every number.
func WriteSample(w io.Writer, s *tensor.Schema) {
	fmt.Fprint(w, `{"inputs":[`)
	for i, in := range s.Inputs {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		shape := sampleShape(in.Shape)
		n, _ := tensor.Elements(shape)
		value := "1"
		switch in.Type {
		case tensor.Bool:
			value = "true"
		case tensor.Bytes:
			value = `"a"`
		}
		name, _ := json.Marshal(in.Name) // a string always has a JSON form
		fmt.Fprintf(w, `{"name":%s,"datatype":"%s","shape":%s,"data":[`, name, in.Type, tensor.ShapeText(shape))
		for k := range n {
			if k > 0 {
				fmt.Fprint(w, ",")
			}
			fmt.Fprint(w, value)
		}
		fmt.Fprint(w, "]}")
	}
	fmt.Fprint(w, `]}`)
}
