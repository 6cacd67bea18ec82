package v1

import (
	"testing"

	"sluice/internal/fault"
	"sluice/internal/oip/oiptest"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

func one(kind tensor.DataType, name string, shape ...int64) *tensor.Schema {
	spec := []tensor.Spec{{Name: name, Type: kind, Shape: shape}}
	return &tensor.Schema{Inputs: spec, Outputs: spec, MaxBatch: 8, MaxRows: 8}
}

func two() *tensor.Schema {
	specs := []tensor.Spec{{Name: "a", Type: tensor.FP32, Shape: []int64{-1}}, {Name: "b", Type: tensor.Bytes, Shape: []int64{-1, 2}}}
	return &tensor.Schema{Inputs: specs, Outputs: specs, MaxBatch: 8, MaxRows: 8}
}

func TestV1(t *testing.T) {
	f := func(s *tensor.Schema, body, want string) {
		t.Helper()
		var r Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(s, "m", []byte(body), nil, tk); err != nil {
			t.Fatalf("cannot decode %s: %v", body, err)
		}
		oiptest.RunIdentity(s, tk)
		out, err := r.AppendResponse(nil, s, tk)
		if err != nil {
			t.Fatalf("cannot answer %s: %v", body, err)
		}
		if string(out) != want {
			t.Fatalf("%s\ngot  %s\nwant %s", body, out, want)
		}
	}
	pair := one(tensor.FP32, "x", -1, 2)
	f(pair, `{"instances":[[1,2],[3.5,-0.25]]}`, `{"predictions":[[1.0,2.0],[3.5,-0.25]]}`)
	f(pair, `{"inputs":[[1,2],[3.5,NaN]],"signature_name":"serving_default"}`, `{"outputs":[[1.0,2.0],[3.5,NaN]]}`)
	f(pair, `{"inputs":{"x":[[1e3,2]]}}`, `{"outputs":[[1000.0,2.0]]}`)
	f(pair, `{"instances":[{"x":[1,2]},{"x":[3,4]}],"parameters":{"a":[]}}`, `{"predictions":[[1.0,2.0],[3.0,4.0]]}`)
	f(one(tensor.Int64, "x", -1), `{"instances":[1,-9223372036854775808]}`, `{"predictions":[1,-9223372036854775808]}`)
	f(one(tensor.FP64, "x", -1, -1), `{"instances":[[],[]]}`, `{"predictions":[[],[]]}`)
	f(one(tensor.Bytes, "x", -1), `{"instances":["a\"\u00e9",{"b64":"aGk="},{"b64":"aGk"}]}`, `{"predictions":["a\"é","hi","hi"]}`)
	f(one(tensor.Bytes, "x_bytes", -1), `{"instances":[{"b64":"AP8="}]}`, `{"predictions":[{"b64":"AP8="}]}`)
	f(two(), `{"instances":[{"a":1,"b":["x","y"]},{"b":["",""],"a":2}]}`, `{"predictions":[{"a":1.0,"b":["x","y"]},{"a":2.0,"b":["",""]}]}`)
	f(two(), `{"inputs":{"a":[1,2],"b":[["x","y"],["z","w"]]}}`, `{"outputs":{"a":[1.0,2.0],"b":[["x","y"],["z","w"]]}}`)
}

// An output that has one row a request is in each row of the answer.
func TestV1OnceOutputs(t *testing.T) {
	s := &tensor.Schema{
		Inputs: []tensor.Spec{{Name: "x", Type: tensor.Uint8, Shape: []int64{-1}}},
		Outputs: []tensor.Spec{
			{Name: "user", Type: tensor.Bytes, Shape: []int64{1, 2}, Once: true},
			{Name: "score", Type: tensor.Uint8, Shape: []int64{-1}},
		},
		MaxBatch: 8, MaxRows: 8,
	}
	f := func(body, want string) {
		t.Helper()
		var r Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(s, "m", []byte(body), nil, tk); err != nil {
			t.Fatal(err)
		}
		tk.Reserve(len(s.Outputs))
		tk.SetWhole(0, &s.Outputs[0], []int64{1, 2}, []byte("\x01\x00\x00\x00a\x00\x00\x00\x00"))
		if len(s.Outputs) > 1 {
			tk.SetWhole(1, &s.Outputs[1], []int64{int64(tk.Rows)}, tk.Inputs[0].Data)
		}
		out, err := r.AppendResponse(nil, s, tk)
		if err != nil || string(out) != want {
			t.Errorf("%s\ngot  %s (%v)\nwant %s", body, out, err, want)
		}
	}
	f(`{"instances":[5,6]}`, `{"predictions":[{"user":["a",""],"score":5},{"user":["a",""],"score":6}]}`)
	f(`{"inputs":[5,6]}`, `{"outputs":{"user":[["a",""]],"score":[5,6]}}`)
	s.Outputs = s.Outputs[:1]
	f(`{"instances":[5,6]}`, `{"predictions":[["a",""],["a",""]]}`)
}

func TestV1Faults(t *testing.T) {
	f := func(s *tensor.Schema, body string, want fault.Kind) {
		t.Helper()
		var r Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(s, "m", []byte(body), nil, tk); !fault.Is(err, want) {
			t.Errorf("%s: got %v (%s), want %s", body, err, oiptest.Code(err), want.Code())
		}
	}
	pair := one(tensor.FP32, "x", -1, 2)
	f(pair, `{"instances":[[1,2]],"inputs":[[1,2]]}`, fault.InvalidRequest)
	f(pair, `{"signature_name":"x","inputs":[[1,2]]}`, fault.InvalidRequest)
	f(pair, `{"signature_name":1,"inputs":[[1,2]]}`, fault.InvalidRequest)
	f(pair, `[]`, fault.InvalidRequest)
	f(pair, `{}`, fault.InvalidInputs)
	f(pair, `{"instances":[]}`, fault.InvalidInputs)
	f(pair, `{"instances":5}`, fault.InvalidInputs)
	f(two(), `{"instances":[5]}`, fault.InvalidInputs)
	f(two(), `{"inputs":[5]}`, fault.InvalidInputs)
	f(two(), `{"instances":[{"a":1,"b":["",""]},3]}`, fault.InvalidInputs)
	f(pair, `{"instances":[[1,2],[3]]}`, fault.DataLengthMismatch)
	f(pair, `{"instances":[[1,2],3]}`, fault.DataLengthMismatch)
	f(pair, `{"instances":[1,[2]]}`, fault.DataLengthMismatch)
	f(pair, `{"instances":[{"x":[1,2]},{"x":[3]}]}`, fault.DataLengthMismatch)
	f(pair, `{"instances":[[1,2,3]]}`, fault.WrongShape)
	f(pair, `{"inputs":7}`, fault.WrongShape)
	f(pair, `{"instances":[[1,"2"]]}`, fault.InvalidValue)
	f(pair, `{"instances":[[1,{"b64":""}]]}`, fault.InvalidValue)
	f(pair, `{"instances":[[1,1e39]]}`, fault.ValueOutOfRange)
	f(pair, `{"instances":[[1,2]]`, fault.InvalidJSON)
	f(pair, `{"instances":[[1,2],]}`, fault.InvalidJSON)
	f(pair, `{"instances":[[1,2]]} x`, fault.InvalidJSON)
	f(pair, `{"instances":[[1,2]],"instances":[[1,2]]}`, fault.DuplicateField)
	f(pair, `{"instances":[[1,2]],"x":{"y":1,"\u0079":2}}`, fault.DuplicateField)
	f(pair, `{"instances":[{"x":[1,2],"x":[1,2]}]}`, fault.DuplicateField)
	f(pair, `{"instances":[{"y":[1,2]}]}`, fault.UnknownInput)
	f(two(), `{"inputs":{"a":[1]}}`, fault.MissingInput)
	f(two(), `{"inputs":{"a":[1,2],"b":[["",""]]}}`, fault.BatchMismatch)
	f(pair, `{"instances":[[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2]]}`, fault.BatchTooLarge)
	f(one(tensor.Bytes, "x", -1), `{"instances":[{"b64":"*"}]}`, fault.InvalidBytes)
	f(one(tensor.Bytes, "x", -1), `{"instances":["a",{"b64":"","c":1}]}`, fault.InvalidValue)
	f(one(tensor.Bytes, "x", -1), `{"instances":["a",{"c":1}]}`, fault.InvalidValue)
	f(one(tensor.FP16, "x", -1), `{"instances":[1]}`, fault.Unsupported)
}
