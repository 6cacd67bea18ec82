package oip

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/oip/v1"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// dynamic is a model whose output the file declares as rows of three values. maxBatch 0 means
// that it cannot batch.
func dynamic(kind tensor.DataType, maxBatch int) *tensor.Schema {
	return &tensor.Schema{
		Inputs:   []tensor.Spec{{Name: "x", Type: tensor.Uint8, Shape: []int64{-1}}},
		Outputs:  []tensor.Spec{{Name: "y", Type: kind, Shape: []int64{-1, 3}, Dynamic: true, Labels: []string{"cat", "dog"}}},
		MaxBatch: maxBatch, MaxRows: maxBatch,
	}
}

// counting is the data of an output: 0, 1, 2 and so on.
func counting(kind tensor.DataType, shape []int64) (data []byte) {
	n, _ := tensor.Elements(shape)
	for i := range n {
		if kind == tensor.Bytes {
			data = tensor.AppendBytes(data, fmt.Sprint(i))
		} else {
			data = append(data, byte(i))
		}
	}
	return data
}

// Answers follow the shape that the model gave, whatever the file declares.
func TestDynamicShapes(t *testing.T) {
	v2 := func(kind tensor.DataType, maxBatch int, shape []int64, choice OutputChoice, want string) {
		t.Helper()
		s := dynamic(kind, maxBatch)
		tk := task.Get()
		defer tk.Release()
		tk.Rows = 2
		tk.Reserve(1)
		tk.SetWhole(0, &s.Outputs[0], shape, counting(kind, shape))
		choice.Wanted = true
		r := Request{Outputs: []OutputChoice{choice}}
		out, jsonLen, err := r.AppendResponse(nil, s, "m", "1", tk)
		if jsonLen > 0 {
			out = append(out[:jsonLen:jsonLen], fmt.Sprintf(" and %q", out[jsonLen:])...)
		}
		if want = `{"model_name":"m","model_version":"1","outputs":[{"name":"y",` + want; err != nil || string(out) != want {
			t.Errorf("%s %v, MaxBatch %d: got %s (%v), want %s", kind, shape, maxBatch, out, err, want)
		}
	}
	v1 := func(kind tensor.DataType, maxBatch int, shape []int64, row bool, want string) {
		t.Helper()
		s := dynamic(kind, maxBatch)
		tk := task.Get()
		defer tk.Release()
		tk.Rows = 2
		tk.Reserve(1)
		tk.SetWhole(0, &s.Outputs[0], shape, counting(kind, shape))
		r := v1.Request{Row: row}
		out, err := r.AppendResponse(nil, s, tk)
		if want == "" {
			if !fault.Is(err, fault.InvalidRequest) || !strings.Contains(err.Error(), "ask with 'inputs'") {
				t.Errorf("V1 %s %v: got %s (%v), want the advice to ask with 'inputs'", kind, shape, out, err)
			}
		} else if err != nil || string(out) != want {
			t.Errorf("V1 %s %v: got %s (%v), want %s", kind, shape, out, err, want)
		}
	}
	var asJSON OutputChoice
	asBinary, classes := OutputChoice{Binary: true}, OutputChoice{Classification: 2}
	for _, maxBatch := range []int{0, 4} {
		v2(tensor.Uint8, maxBatch, []int64{}, asJSON, `"datatype":"UINT8","shape":[],"data":[0]}]}`)
		v2(tensor.Uint8, maxBatch, []int64{2}, asJSON, `"datatype":"UINT8","shape":[2],"data":[0,1]}]}`)
		v2(tensor.Uint8, maxBatch, []int64{5, 1}, asJSON, `"datatype":"UINT8","shape":[5,1],"data":[0,1,2,3,4]}]}`)
		v2(tensor.Uint8, maxBatch, []int64{1, 2, 1, 2}, asJSON, `"datatype":"UINT8","shape":[1,2,1,2],"data":[0,1,2,3]}]}`)
		v2(tensor.Uint8, maxBatch, []int64{0, 7}, asJSON, `"datatype":"UINT8","shape":[0,7],"data":[]}]}`)
		v2(tensor.Bytes, maxBatch, []int64{}, asJSON, `"datatype":"BYTES","shape":[],"data":["0"]}]}`)
		v2(tensor.Bytes, maxBatch, []int64{2, 1, 1}, asJSON, `"datatype":"BYTES","shape":[2,1,1],"data":["0","1"]}]}`)
		v2(tensor.Bytes, maxBatch, []int64{3, 0}, asJSON, `"datatype":"BYTES","shape":[3,0],"data":[]}]}`)
		v2(tensor.Uint8, maxBatch, []int64{}, asBinary, `"datatype":"UINT8","shape":[],"parameters":{"binary_data_size":1}}]} and "\x00"`)
		v2(tensor.Uint8, maxBatch, []int64{1, 1, 2}, asBinary, `"datatype":"UINT8","shape":[1,1,2],"parameters":{"binary_data_size":2}}]} and "\x00\x01"`)
		v2(tensor.Uint8, maxBatch, []int64{0}, asBinary, `"datatype":"UINT8","shape":[0],"parameters":{"binary_data_size":0}}]}`)
		v2(tensor.Uint8, maxBatch, []int64{}, classes, `"datatype":"BYTES","shape":[1],"data":["0:0:cat"]}]}`)

		v1(tensor.Uint8, maxBatch, []int64{}, false, `{"outputs":0}`)
		v1(tensor.Bytes, maxBatch, []int64{}, false, `{"outputs":"0"}`)
		v1(tensor.Uint8, maxBatch, []int64{2, 1, 2}, false, `{"outputs":[[[0,1]],[[2,3]]]}`)
		v1(tensor.Uint8, maxBatch, []int64{0, 7}, false, `{"outputs":[]}`)
		v1(tensor.Uint8, maxBatch, []int64{2, 0, 7}, false, `{"outputs":[[],[]]}`)
		v1(tensor.Uint8, maxBatch, []int64{}, true, "")
		v1(tensor.Uint8, maxBatch, []int64{2}, true, `{"predictions":[0,1]}`)
		v1(tensor.Bytes, maxBatch, []int64{2, 1, 1}, true, `{"predictions":[[["0"]],[["1"]]]}`)
		v1(tensor.Uint8, maxBatch, []int64{0, 7}, true, `{"predictions":[]}`)
		v1(tensor.Uint8, maxBatch, []int64{2, 0}, true, `{"predictions":[[],[]]}`)
	}
	// Of a model that batches the classes of each row are ranked, of another those of the whole.
	v2(tensor.Uint8, 4, []int64{2}, classes, `"datatype":"BYTES","shape":[2,1],"data":["0:0:cat","1:0:cat"]}]}`)
	v2(tensor.Uint8, 0, []int64{2}, classes, `"datatype":"BYTES","shape":[2],"data":["1:1:dog","0:0:cat"]}]}`)
	v2(tensor.Uint8, 4, []int64{2, 1, 2}, classes, `"datatype":"BYTES","shape":[2,2],"data":["1:1:dog","0:0:cat","3:1:dog","2:0:cat"]}]}`)
	v2(tensor.Uint8, 4, []int64{0, 3}, classes, `"datatype":"BYTES","shape":[0,2],"data":[]}]}`)
	v2(tensor.Uint8, 0, []int64{0, 3}, classes, `"datatype":"BYTES","shape":[0],"data":[]}]}`)
	v2(tensor.Uint8, 4, []int64{1 << 60, 0}, classes, `"datatype":"BYTES","shape":[1152921504606846976,0],"data":[]}]}`)
	v2(tensor.Uint8, 4, []int64{2, 0}, classes, `"datatype":"BYTES","shape":[2,0],"data":[]}]}`)
}

// Data that does not fill its shape is our fault and no panic, in every form.
func TestOutputsThatDoNotFillTheirShape(t *testing.T) {
	f := func(shape []int64, data string) {
		t.Helper()
		s := dynamic(tensor.FP32, 4)
		tk := task.Get()
		defer tk.Release()
		tk.Rows = 2
		tk.Reserve(1)
		tk.SetWhole(0, &s.Outputs[0], shape, []byte(data))
		const text = "do not fill its shape"
		for _, choice := range []OutputChoice{{}, {Binary: true}, {Classification: 1}} {
			choice.Wanted = true
			r := Request{Outputs: []OutputChoice{choice}}
			if out, _, err := r.AppendResponse(nil, s, "m", "1", tk); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), text) {
				t.Errorf("%v with %d bytes, %+v: got %s (%v)", shape, len(data), choice, out, err)
			}
		}
		for _, row := range []bool{true, false} {
			r := v1.Request{Row: row}
			if out, err := r.AppendResponse(nil, s, tk); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), text) {
				t.Errorf("V1 %v with %d bytes: got %s (%v)", shape, len(data), out, err)
			}
		}
	}
	f([]int64{2, 2}, "0123")
	f([]int64{}, "")
	f([]int64{}, "01234567")
	f([]int64{1}, "01234")
	f([]int64{0, 3}, "0123")
	f([]int64{-1, 1}, "0123")
	f([]int64{1 << 40, 1 << 40}, "0123")
}

// FuzzOutputShapes answers with outputs of any shape and data: what does not fit is our fault,
// nothing panics, and a JSON answer is JSON.
func FuzzOutputShapes(f *testing.F) {
	for _, dims := range []string{"", "\x02", "\x02\x03", "\x00\x03", "\x03\x00", "\x01\x01\x04", "\xff\x01"} {
		for _, kind := range []tensor.DataType{tensor.Uint8, tensor.FP32, tensor.Bytes} {
			f.Add(uint8(kind), []byte(dims), []byte("\x01\x00\x00\x00a\x00"), uint8(2), true)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, dims, data []byte, classes uint8, batch bool) {
		if len(dims) > 6 {
			return
		}
		shape := []int64{}
		for _, b := range dims {
			shape = append(shape, int64(int8(b)))
		}
		maxBatch := 0
		if batch {
			maxBatch = 8
		}
		s := dynamic(tensor.DataTypes[int(kind)%len(tensor.DataTypes)], maxBatch)
		s.Outputs[0].Once = classes%2 == 1
		tk := task.Get()
		defer tk.Release()
		tk.Rows = 2
		tk.Reserve(1)
		tk.SetWhole(0, &s.Outputs[0], shape, data)
		check := func(out []byte, err error) {
			t.Helper()
			if err != nil {
				if f := fault.Of(err); f.Kind == fault.Internal && !strings.Contains(f.Text, "'y'") {
					t.Fatalf("%s %v of %d bytes: %v", s.Outputs[0].Type, shape, len(data), err)
				}
			} else if !json.Valid(out) && !bytes.Contains(out, []byte("NaN")) && !bytes.Contains(out, []byte("Infinity")) {
				t.Fatalf("%s %v: %q is no JSON", s.Outputs[0].Type, shape, out)
			}
		}
		choices := []OutputChoice{{Wanted: true}, {Wanted: true, Binary: true}}
		if ordered(s.Outputs[0].Type) {
			choices = append(choices, OutputChoice{Wanted: true, Classification: max(1, int(classes))})
		}
		for _, choice := range choices {
			r := Request{Outputs: []OutputChoice{choice}}
			out, jsonLen, err := r.AppendResponse(nil, s, "m", "1", tk)
			if jsonLen > 0 {
				out = out[:jsonLen]
			}
			check(out, err)
		}
		if kind := s.Outputs[0].Type; kind == tensor.FP16 || kind == tensor.BF16 {
			return // V1 refuses them before the model runs
		}
		for _, row := range []bool{true, false} {
			r := v1.Request{Row: row}
			check(r.AppendResponse(nil, s, tk))
		}
	})
}
