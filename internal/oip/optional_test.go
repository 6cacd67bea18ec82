package oip

import (
	"fmt"
	"slices"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/oip/target"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

const (
	x2      = `{"name":"x","datatype":"UINT8","shape":[2,2],"data":[1,2,3,4]}`
	scale10 = `{"name":"scale","datatype":"UINT8","shape":[1],"data":[10]}`
)

func TestOptional(t *testing.T) {
	f := func(body string, headerLen int, want string) {
		t.Helper()
		for _, maxBatch := range []int{0, 8} {
			var r Request
			tk := task.Get()
			if err := r.Decode(scaled(maxBatch), "m", []byte(body), headerLen, nil, tk); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			rows := 1
			if maxBatch > 0 && headerLen != 0 {
				rows = 2
			}
			if got := showOptional(tk); got != want || tk.Rows != rows || len(tk.Inputs) != 1 || (tk.ShapeKey == 0) != (want == "") {
				t.Errorf("MaxBatch %d, %s: got %d rows, key %x and %s, want %d and %s", maxBatch, body, tk.Rows, tk.ShapeKey, got, rows, want)
			}
			tk.Release()
		}
	}
	f(withInputs(x2), -1, "")
	f(withInputs(x2, scale10), -1, `scale UINT8 [1] "\n" - - `)
	f(withInputs(scale10, x2), -1, `scale UINT8 [1] "\n" - - `)
	f(withInputs(`{"name":"names","datatype":"BYTES","shape":[2],"data":["a",""]}`, x2), -1, `- names BYTES [2] "\x01\x00\x00\x00a\x00\x00\x00\x00" - `)
	f(withInputs(x2, `{"name":"names","datatype":"BYTES","shape":[0],"data":[]}`), -1, `- names BYTES [0] "" - `)
	header := withInputs(`{"name":"half","datatype":"FP16","shape":[],"parameters":{"binary_data_size":2}}`, x2, `{"name":"scale","datatype":"UINT8","shape":[1],"parameters":{"binary_data_size":1}}`)
	f(header+"hhs", len(header), `scale UINT8 [1] "s" - half FP16 [] "hh" `)
	f("ab", 0, "")
}

func TestOptionalFaults(t *testing.T) {
	f := func(want fault.Kind, text string, inputs ...string) {
		t.Helper()
		decodeFault(t, scaled(8), withInputs(inputs...), -1, want, text)
	}
	f(fault.MissingInput, "expected 1 inputs but got 0 inputs for model 'simple'. Got input(s) [], but missing required input(s) ['x']", scale10)
	f(fault.DuplicateInput, "input 'scale' already exists", scale10, x2, scale10)
	f(fault.UnknownInput, "unexpected inference input 'scales'", x2, `{"name":"scales"}`)
	f(fault.WrongShape, "unexpected shape for input 'scale' for model 'simple'. Expected [1], got [2]", x2, `{"name":"scale","datatype":"UINT8","shape":[2],"data":[1,2]}`)
	f(fault.WrongShape, "unexpected shape for input 'scale'", x2, `{"name":"scale","datatype":"UINT8","shape":[2,1],"data":[1,2]}`)
	f(fault.WrongDatatype, "inference input 'scale' data-type is 'INT8'", x2, `{"name":"scale","datatype":"INT8","shape":[1],"data":[1]}`)
	f(fault.DataLengthMismatch, "", x2, `{"name":"scale","datatype":"UINT8","shape":[1],"data":[1,2]}`)
	f(fault.InvalidRequest, "But no field is set for input 'scale'", x2, `{"name":"scale","datatype":"UINT8","shape":[1]}`)
	f(fault.ShapeTooLarge, "shape [4611686018427387904,4] of input 'names'", x2, `{"name":"names","datatype":"BYTES","shape":[4611686018427387904,4],"data":[]}`)
	f(fault.WrongDatatype, "FP16 data via JSON is not supported", x2, `{"name":"half","datatype":"FP16","shape":[],"data":[1]}`)
}

// Requests that give an optional input share a run with none, not even with their like.
func TestOptionalShapeKeys(t *testing.T) {
	seen := map[uint64]bool{}
	f := func(s *tensor.Schema, body string, distinct bool) {
		t.Helper()
		var r Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(s, "m", []byte(body), -1, nil, tk); err != nil {
			t.Fatal(err)
		}
		if seen[tk.ShapeKey] == distinct {
			t.Errorf("%s: key %x, seen before: %v", body, tk.ShapeKey, !distinct)
		}
		seen[tk.ShapeKey] = true
	}
	f(scaled(8), withInputs(x2), true)
	f(scaled(8), withInputs(x2), false)
	for range 3 {
		f(scaled(8), withInputs(x2, scale10), true)
		f(scaled(0), withInputs(x2, scale10), true)
	}
	f(scaled(8), withInputs(x2), false)
	for key := range seen {
		if own := key>>63 != 0; own != (key != 0) {
			t.Errorf("key %x", key)
		}
	}
}

// wideSchema is a model of so many inputs of one byte a row, some of them optional.
func wideSchema(required, optional int) *tensor.Schema {
	s := &tensor.Schema{Outputs: []tensor.Spec{{Name: "y", Type: tensor.Uint8, Shape: []int64{-1}}}, MaxBatch: 8, MaxRows: 8}
	for i := range required + optional {
		spec := tensor.Spec{Name: fmt.Sprint("f", i), Type: tensor.Uint8, Shape: []int64{-1}}
		if i < required {
			s.Inputs = append(s.Inputs, spec)
		} else {
			s.Optional = append(s.Optional, spec)
		}
	}
	return s
}

// wideBody is a request with each input but the last left ones, forwards or backwards.
func wideBody(n, left int, backwards bool) string {
	var parts []string
	for k := range n - left {
		i := k
		if backwards {
			i = n - 1 - left - k
		}
		parts = append(parts, fmt.Sprintf(`{"name":"f%d","datatype":"UINT8","shape":[1],"data":[%d]}`, i, i%256))
	}
	return withInputs(parts...)
}

func TestWideModels(t *testing.T) {
	f := func(required, optional int, lim target.Limits) {
		t.Helper()
		s, n := wideSchema(required, optional).Indexed(), required+optional
		var r Request
		for _, backwards := range []bool{false, true} {
			tk := task.Get()
			if err := r.Decode(s, "m", []byte(wideBody(n, 0, backwards)), -1, &lim, tk); err != nil {
				t.Fatalf("%d inputs: %v", n, err)
			}
			for i, in := range slices.Concat(tk.Inputs, tk.Optional) {
				if in.Name != fmt.Sprint("f", i) || len(in.Data) != 1 || in.Data[0] != byte(i) {
					t.Fatalf("%d inputs: input %d is %s with the data %v", n, i, in.Name, in.Data)
				}
			}
			tk.Release()
		}
		one := `{"name":"f0","datatype":"UINT8","shape":[1],"data":[1]}`
		decodeFault(t, s, withInputs(one, one), -1, fault.DuplicateInput, "input 'f0' already exists")
		tk := task.Get()
		defer tk.Release()
		more := wideBody(n, 0, false)
		more = more[:len(more)-2] + `,{"name":"g"}]}`
		want := fault.InvalidInputs
		if lim.MaxInputs > n {
			want = fault.UnknownInput
		}
		if err := r.Decode(s, "m", []byte(more), -1, &lim, tk); !fault.Is(err, want) {
			t.Errorf("%d inputs, a limit of %d and one entry more: got %v", n, lim.MaxInputs, err)
		}
		decodeFault(t, s, wideBody(n, n-1, false), -1, fault.MissingInput, fmt.Sprintf("expected %d inputs but got 1 inputs", required))
	}
	f(120, 0, target.Limits{})
	f(100, 20, target.Limits{})
	f(120, 0, target.Limits{MaxInputs: 1})
	f(120, 0, target.Limits{MaxInputs: 200})
	f(4096, 0, target.Limits{})
	f(2000, 2096, target.Limits{})
}

// A model cannot raise the limit beyond 4,096: such a model is not loaded.
func TestWidest(t *testing.T) {
	s := wideSchema(4097, 0)
	decodeFault(t, s, wideBody(4097, 0, false), -1, fault.InvalidInputs, "'inputs' has more than 4096 entries")
}

// The names in an error are so many that it can be read.
func TestMissingInputsOfAWideModel(t *testing.T) {
	decodeFault(t, wideSchema(120, 0), wideBody(120, 90, false), -1, fault.MissingInput, "'f19' and 10 more], but missing required input(s) ['f30',")
	decodeFault(t, wideSchema(120, 0), wideBody(120, 90, false), -1, fault.MissingInput, "'f49' and 70 more]. Please provide")
}
