package zoo

import (
	"bytes"
	"math"
	"testing"
)

// TestWire holds both directions of the encoding against each other for every datatype.
func TestWire(t *testing.T) {
	tensors := []tensor{
		{"f16", "FP16", []int{2}, []any{1.5, -0.25}},
		{"f32", "FP32", []int{1, 3}, []any{1.5, math.NaN(), math.Inf(-1)}},
		{"f64", "FP64", []int{1}, []any{1e300}},
		{"i8", "INT8", []int{2}, []any{int64(-128), int64(5)}},
		{"i64", "INT64", []int{1}, []any{int64(math.MinInt64)}},
		{"u64", "UINT64", []int{1}, []any{uint64(math.MaxUint64)}},
		{"b", "BOOL", []int{2, 1}, []any{true, false}},
		{"s", "BYTES", []int{3}, []any{"", "å\"b", "NaN,NaN"}},
	}
	for i := range tensors {
		want := &tensors[i]
		got := tensor{Name: want.Name, Datatype: want.Datatype, Shape: want.Shape}
		if err := readRaw(&got, appendRaw(nil, want)); err != nil {
			t.Error(err)
		} else if text := want.differ(&got, 0); text != "" {
			t.Errorf("binary: %s", text)
		}
		if want.Datatype == "BYTES" {
			continue // a string that holds a token is not for quoteTokens
		}
		body, _ := encode(tensors[i:i+1], asJSON)
		outputs, err := decode(bytes.Replace(body, []byte("inputs"), []byte("outputs"), 1), 0)
		if err != nil {
			t.Error(err)
		} else if text := want.differ(&outputs[0], 0); text != "" {
			t.Errorf("JSON: %s", text)
		}
	}
}

// FuzzDecode wants an answer of any bytes to be read or refused.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[1.5,NaN]}]}`), 0)
	f.Add([]byte(`{"outputs":[{"name":"y","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}}]}`+"\x01\x00\x00\x00a"), 95)
	f.Add([]byte(`{"outputs":[{"name":"y","datatype":"FP16","shape":[-1]}]}`), 57)
	f.Fuzz(func(t *testing.T, body []byte, header int) {
		outputs, err := decode(body, header)
		for i := range outputs {
			if n := elements(outputs[i].Shape); err == nil && n != len(outputs[i].Data) {
				t.Errorf("%d values in the shape %v", len(outputs[i].Data), outputs[i].Shape)
			}
		}
	})
}
