//go:build !race

package oip

import (
	"fmt"
	"testing"

	"sluice/internal/task"
	"sluice/internal/tensor"
)

// TestAllocations holds the promise that the steady state allocates nothing.
func TestAllocations(t *testing.T) {
	f := func(name string, s *tensor.Schema, body []byte, headerLen int) {
		t.Helper()
		var r Request
		var dst []byte
		cycle := func() {
			r.Reset()
			tk := task.Get()
			if err := r.Decode(s, "m", body, headerLen, nil, tk); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			tk.Reserve(len(s.Outputs))
			for k := range s.Outputs {
				in := &tk.Inputs[min(k, len(tk.Inputs)-1)]
				if err := tk.SetRows(k, &s.Outputs[k], in.Shape[1:], 0, tk.Rows, in.Data); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			tk.Join()
			var err error
			if dst, _, err = r.AppendResponse(dst[:0], s, "m", "1", tk); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			tk.Release()
		}
		if n := testing.AllocsPerRun(100, cycle); n != 0 {
			t.Errorf("%s: %v allocations per request, want 0", name, n)
		}
	}
	s := mlp()
	s.Outputs = s.Inputs
	body, n := binaryBody("input")
	f("binary", s, body, n)
	for name, text := range map[string]func([]byte, float32) []byte{"six decimals": sixDecimals, "shortest": shortest, "widened": widened} {
		f("JSON, "+name, s, floatsBody(text), -1)
	}
	f("reshaped", reshaped(), floatsBody(shortest), -1)
	f("reshaped, binary", reshaped(), body, n)
	list := floatsList(shortest)
	f("JSON, data before shape", s, []byte(`{"inputs":[{"name":"input","data":`+list+`,"shape":[1,256],"datatype":"FP32"}]}`), -1)
	f("raw", s, body[n:], 0)
	for _, kind := range tensor.DataTypes {
		value := "1"
		switch kind {
		case tensor.FP16, tensor.BF16:
			continue
		case tensor.Bool:
			value = "true"
		case tensor.Bytes:
			value = `"a\u00e9"`
		}
		f("JSON "+kind.String(), identity(kind, 8), fmt.Appendf(nil, `{"id":"x","inputs":[{"name":"INPUT0","shape":[2,2],"datatype":"%s","data":[[%s,%s],[%s,%s]]}],"parameters":{"timeout":5,"x":[{"a":"\n"}]}}`, kind, value, value, value, value), -1)
	}
	classes := func(parameters string) []byte {
		return []byte(`{"outputs":[{"name":"input","parameters":{` + parameters + `}}],` + string(floatsBody(shortest)[1:]))
	}
	f("classification", s, classes(`"classification":3,"binary_data":true`), -1)
	f("full ranking", s, classes(`"classification":200`), -1)
}

// TestDecodeAllocations holds the same of what only decoding knows of: inputs that are given once
// and optional ones.
func TestDecodeAllocations(t *testing.T) {
	f := func(name string, s *tensor.Schema, text string, headerLen int) {
		t.Helper()
		body := []byte(text)
		var r Request
		if n := testing.AllocsPerRun(100, func() {
			r.Reset()
			tk := task.Get()
			if err := r.Decode(s, "m", body, headerLen, nil, tk); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			tk.Release()
		}); n != 0 {
			t.Errorf("%s: %v allocations per request, want 0", name, n)
		}
	}
	three, tag := items(3, "[1,2,3]"), tags(1, `["a"]`)
	for _, rows := range []int64{-1, 1} {
		f("once", ranking(rows), withInputs(user(1, "[1,2]"), three, tag), -1)
		f("once, repeated", ranking(rows), withInputs(user(3, "[1,2,1,2,1,2]"), three, tags(3, `["a","a","a"]`)), -1)
	}
	header := withInputs(`{"name":"user","datatype":"UINT8","shape":[1,2],"parameters":{"binary_data_size":2}}`, three, tag)
	f("once, binary", ranking(1), header+"ab", len(header))
	f("none of the optional inputs", scaled(8), withInputs(x2), -1)
	f("optional", scaled(8), withInputs(x2, `{"name":"names","datatype":"BYTES","shape":[1],"data":["a"]}`), -1)
}
