package oip

import (
	"encoding/binary"
	"testing"

	"sluice/internal/task"
	"sluice/internal/tensor"
)

// simple is the protocol suites' fixture: two INT32 [16] inputs, their sum and difference.
func simple() *tensor.Schema {
	spec := func(name string) tensor.Spec {
		return tensor.Spec{Name: name, Type: tensor.Int32, Shape: []int64{-1, 16}}
	}
	return &tensor.Schema{
		Inputs:   []tensor.Spec{spec("INPUT0"), spec("INPUT1")},
		Outputs:  []tensor.Spec{spec("OUTPUT0"), spec("OUTPUT1")},
		MaxBatch: 8, MaxRows: 8,
	}
}

// runSimple fills the outputs as the simple model would.
func runSimple(s *tensor.Schema, t *task.Task) {
	t.Reserve(2)
	sum, diff := make([]byte, 64*t.Rows), make([]byte, 64*t.Rows)
	for i := 0; i < len(sum); i += 4 {
		a := int32(binary.LittleEndian.Uint32(t.Inputs[0].Data[i:]))
		b := int32(binary.LittleEndian.Uint32(t.Inputs[1].Data[i:]))
		binary.LittleEndian.PutUint32(sum[i:], uint32(a+b))
		binary.LittleEndian.PutUint32(diff[i:], uint32(a-b))
	}
	for k, data := range [][]byte{sum, diff} {
		if err := t.SetRows(k, &s.Outputs[k], []int64{16}, 0, t.Rows, data); err != nil {
			panic(err)
		}
	}
	t.Join()
}

const sixteen = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"

func TestSimpleJSON(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		s := simple()
		var r Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(s, "simple", []byte(body), len(body), nil, tk); err != nil {
			t.Fatalf("cannot decode with the header's length given: %v", err)
		}
		tk.Arena.Reset()
		r.Reset()
		if err := r.Decode(s, "simple", []byte(body), -1, nil, tk); err != nil {
			t.Fatalf("cannot decode: %v", err)
		}
		runSimple(s, tk)
		out, n, err := r.AppendResponse(nil, s, "simple", "1", tk)
		if err != nil || n != 0 {
			t.Fatalf("got header length %d and error %v, want JSON only", n, err)
		}
		if string(out) != want {
			t.Fatalf("got  %s\nwant %s", out, want)
		}
	}
	const want = `{"model_name":"simple","model_version":"1","outputs":[` +
		`{"name":"OUTPUT0","datatype":"INT32","shape":[1,16],"data":[2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32]},` +
		`{"name":"OUTPUT1","datatype":"INT32","shape":[1,16],"data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}`
	in := func(name, data string) string {
		return `{"name":"` + name + `","datatype":"INT32","shape":[1,16],"data":` + data + `}`
	}
	f(`{"inputs":[`+in("INPUT0", "["+sixteen+"]")+","+in("INPUT1", "["+sixteen+"]")+`]}`, want)
	f(`{"inputs":[`+in("INPUT0", "[["+sixteen+"]]")+","+in("INPUT1", "[[[1,2,3],[]],[[4,5,6,7,8,9,10,11,12,13,14,15,16]]]")+`]}`, want)
	f(` { "inputs" : [ `+in("INPUT1", "["+sixteen+"]")+` , {"data" : [ [`+sixteen+`] ] , "shape":[ 1 , 16 ], "datatype":"INT32", "name":"INPUT0", "parameters":null} ] , "id" : null, "model_name":"simple", "outputs":null, "parameters": null } `, want)
	f(`{"parameters":{"binary_data_output":true},"outputs":[{"name":"OUTPUT0"},{"name":"OUTPUT1","parameters":{"content_type":"np"}}],"inputs":[`+in("INPUT0", "["+sixteen+"]")+","+in("INPUT1", "["+sixteen+"]")+`]}`, want)
	f(`{"id":"","outputs":[],"inputs":[`+in("INPUT0", "["+sixteen+"]")+","+in("INPUT1", "["+sixteen+"]")+`]}`, want)
}
