package oip

import (
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/oip/v1"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// full is a request with something in every place that a request may have it.
const full = `{"id":"a\"\u00e9\ud83d\ude00","model_name":"m","extra":{"a":[1,-2.5e-3,NaN,{"b":{}}],"c":[],"d":"x\\"},` +
	`"parameters":{"timeout":5,"priority":1,"binary_data_output":false,"sequence_id":"s","sequence_start":true,"sequence_end":false,"x":{"y":[null,true]}},` +
	`"inputs":[{"name":"f","datatype":"FP32","shape":[1,2],"data":[1.5,-Infinity],"ignored":[{}],"parameters":{"content_type":"np"}},` +
	`{"data":[[["\u00e9\n"],"b"]],"shape":[1,2],"name":"s","parameters":null,"datatype":"BYTES"},` +
	`{"name":"i","datatype":"INT64","shape":[1,3],"data":[[[1],-2],[3]],"parameters":{}}],` +
	`"outputs":[{"name":"f","ignored":0,"parameters":{"binary_data":true,"classification":1,"other":"x"}},{"name":"s","parameters":null},{"name":"\u0069"}]}`

// TestTruncated: no beginning of a document is a document, and its end is not seen late.
func TestTruncated(t *testing.T) {
	f := func(document string, decode func(body []byte) error) {
		t.Helper()
		if err := decode([]byte(document)); err != nil {
			t.Fatalf("cannot decode %s: %v", document, err)
		}
		for n := 1; n < len(document); n++ {
			if err := decode([]byte(document[:n])); !fault.Is(err, fault.InvalidJSON) && !fault.Is(err, fault.InvalidUTF8) {
				t.Errorf("%s: got %v (%s), want %s", document[:n], err, code(err), fault.InvalidJSON.Code())
			}
		}
		for _, end := range []string{" ", "\n\t\r "} {
			if err := decode([]byte(document + end)); err != nil {
				t.Errorf("%q behind the document: %v", end, err)
			}
		}
	}
	f(full, func(body []byte) error {
		var r Request
		tk := task.Get()
		defer tk.Release()
		return r.Decode(mixed(), "m", body, -1, nil, tk)
	})
	v1 := func(s *tensor.Schema) func(body []byte) error {
		return func(body []byte) error {
			var r v1.Request
			tk := task.Get()
			defer tk.Release()
			return r.Decode(s, "m", body, nil, tk)
		}
	}
	f(`{"signature_name":"serving_default","x":[{"y":null}],"instances":[{"f":[1,NaN],"s":["a\u00e9",{"b64":"aGk\u003d"}],"i":[]},{"i":[],"s":["",{ "b64" : "" }],"f":[2,-3e5]}]}`, v1(mixed()))
	f(`{"inputs":{"f":[[1,0.5]],"s":[["a"]],"i":[[1]]},"signature_name":""}`, v1(mixed()))
	f(`{"inputs":[[1,0.5],[2.25,3]]}`, v1(identity(tensor.FP32, 8)))
	f(`{"inputs":{"b64":"aGk="},"x":"y"}`, v1(one1(tensor.Bytes)))
}

// one1 is a model that does not batch and takes a scalar.
func one1(kind tensor.DataType) *tensor.Schema {
	spec := []tensor.Spec{{Name: "x", Type: kind, Shape: []int64{}}}
	return &tensor.Schema{Inputs: spec, Outputs: spec}
}

// TestWrongKinds puts a value of the wrong kind, and one that is no JSON, where
// each field is: the first is the field's fault, the second the document's.
func TestWrongKinds(t *testing.T) {
	f := func(s *tensor.Schema, before, after string, values ...string) {
		t.Helper()
		for _, value := range values {
			for prefix, invalid := range map[string]bool{"": false, "!": true} {
				var r Request
				tk := task.Get()
				err := r.Decode(s, "m", []byte(before+prefix+value+after), -1, nil, tk)
				if err == nil || fault.Is(err, fault.InvalidJSON) != invalid {
					t.Errorf("%s: got %v (%s), want %s: %v", before+prefix+value+after, err, code(err), fault.InvalidJSON.Code(), invalid)
				}
				tk.Release()
			}
		}
	}
	s := identity(tensor.FP32, 8)
	tail := strings.TrimPrefix(`{,"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,1],"data":[1]}]}`, "{")
	f(s, `{"id":`, tail, `1`, `[]`, `{}`, `true`)
	f(s, `{"parameters":`, tail, `1`, `[]`, `"x"`)
	f(s, `{"parameters":{"timeout":`, `}`+tail, `null`, `"1"`, `1.5`, `-1`, `[1]`)
	f(s, `{"parameters":{"binary_data_output":`, `}`+tail, `null`, `"true"`, `1`)
	f(s, `{"outputs":`, tail, `1`, `{}`, `"x"`)
	f(s, `{"outputs":[`, `]`+tail, `1`, `[]`, `"x"`, `null`)
	f(s, `{"outputs":[{"name":`, `}]`+tail, `1`, `[]`, `null`)
	f(s, `{"inputs":`, `}`, `1`, `{}`, `null`)
	f(s, `{"inputs":[`, `]}`, `1`, `[]`, `"x"`)
	f(s, `{"inputs":[{"name":`, `}]}`, `1`, `null`, `["INPUT0"]`)
	f(s, `{"inputs":[{"name":"INPUT0","datatype":`, `,"shape":[1,1],"data":[1]}]}`, `1`, `null`, `["FP32"]`)
	f(s, `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":`, `,"data":[1]}]}`, `1`, `null`, `"[1,1]"`, `[true,1]`, `["1",1]`)
	f(s, `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,1],"data":`, `}]}`, `1`, `null`, `{}`, `[{}]`, `["1"]`, `[[true]]`)
	f(s, `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,0],"data":`, `}]}`, `1`, `null`)
	f(s, `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,1],"parameters":`, `}]}`, `1`, `[]`)
	f(identity(tensor.Bytes, 8), `{"inputs":[{"name":"INPUT0","datatype":"BYTES","shape":[1,1],"data":`, `}]}`, `"x"`, `[1]`, `[null]`, `[{}]`)
	f(identity(tensor.Bool, 8), `{"inputs":[{"name":"INPUT0","datatype":"BOOL","shape":[1,1],"data":[`, `]}]}`, `"x"`, `1`, `null`, `{}`)
}
