package oip

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluice/internal/oip/v1"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden holds an answer against testdata/golden: JSON as it is, and binary data
// behind it as a hex dump.
func golden(t *testing.T, name string, out []byte, jsonLen int) {
	t.Helper()
	if jsonLen == 0 {
		jsonLen = len(out)
	}
	text := append(bytes.Clone(out[:jsonLen]), '\n')
	if jsonLen < len(out) {
		text = append(text, hex.Dump(out[jsonLen:])...)
	}
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("%s\ngot\n%s\nwant\n%s", name, text, want)
	}
}

func TestGoldenSimple(t *testing.T) {
	list := func(n int) string {
		list := []byte{'['}
		for i := range 16 {
			if i > 0 {
				list = append(list, ',')
			}
			list = fmt.Append(list, n*(i+1))
		}
		return string(append(list, ']'))
	}
	inputs := `"inputs":[{"name":"INPUT0","datatype":"INT32","shape":[1,16],"data":` + list(3) + `},{"name":"INPUT1","datatype":"INT32","shape":[1,16],"data":` + list(-1) + `}]`
	f := func(name, fields string) {
		t.Helper()
		s := simple()
		var r Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(s, "simple", []byte(`{`+fields+inputs+`}`), -1, nil, tk); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		runSimple(s, tk)
		out, n, err := r.AppendResponse([]byte("kept"), s, "simple", "1", tk)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		golden(t, name, out[len("kept"):], n)
	}
	both := func(first, second string) string {
		return `"outputs":[{"name":"OUTPUT0"` + first + `},{"name":"OUTPUT1"` + second + `}],`
	}
	const binary, text = `,"parameters":{"binary_data":true}`, `,"parameters":{"binary_data":false}`
	f("simple-json", `"id":"42",`)
	f("simple-mixed", both(binary, text))
	f("simple-mixed-bare", both(binary, ""))
	f("simple-all-binary", `"parameters":{"binary_data_output":true},`)
	f("simple-all-binary-listed", both(text, "")+`"parameters":{"binary_data_output":true},`)
	f("simple-one", `"id":"a\"\\\u00e9/","outputs":[{"name":"OUTPUT1"}],`)
	f("simple-order", `"outputs":[{"name":"OUTPUT1","parameters":{"binary_data":true}},{"name":"OUTPUT0","parameters":{"binary_data":true}}],`)
	f("simple-classes", both(`,"parameters":{"classification":2}`, `,"parameters":{"classification":3,"binary_data":true}`))
}

func TestGoldenIdentity(t *testing.T) {
	f := func(name string, kind tensor.DataType, maxBatch int, body string, headerLen int) {
		t.Helper()
		s := identity(kind, maxBatch)
		s.Outputs[0].Labels = []string{"cat", "dog"}
		var r Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(s, "id", []byte(body), headerLen, nil, tk); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		runIdentity(s, tk)
		out, n, err := r.AppendResponse(nil, s, "id", "7", tk)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		golden(t, name, out, n)
	}
	json := func(kind, shape, data, fields string) string {
		return `{` + fields + `"inputs":[{"name":"INPUT0","datatype":"` + kind + `","shape":` + shape + `,"data":` + data + `}]}`
	}
	const binary = `"outputs":[{"name":"OUTPUT0","parameters":{"binary_data":true}}],`
	f("fp32", tensor.FP32, 8, json("FP32", "[1,9]", "[NaN,Infinity,-Infinity,Inf,-0.0,0.1,1e-50,3.4028235e38,1e-40]", ""), -1)
	f("fp64", tensor.FP64, 8, json("FP64", "[1,5]", "[0.1,1e308,5e-324,9007199254740993,NaN]", ""), -1)
	f("int64", tensor.Int64, 8, json("INT64", "[1,2]", "[9007199254740993,-9223372036854775808]", ""), -1)
	f("uint64", tensor.Uint64, 8, json("UINT64", "[2,1]", "[[18446744073709551615],[0]]", binary), -1)
	f("bool", tensor.Bool, 8, json("BOOL", "[1,2]", "[true,false]", ""), -1)
	f("bytes", tensor.Bytes, 8, json("BYTES", "[1,5]", `["","a\u0000b","\ud83d\ude00é","\"\\\/\b\f\n\r\t\u001f","<&>"]`, ""), -1)
	f("bytes-binary", tensor.Bytes, 8, json("BYTES", "[1,3]", `["hi","","\u0000"]`, binary), -1)
	f("zero-size", tensor.FP32, 8, json("FP32", "[1,0]", "[]", ""), -1)
	f("zero-size-whole", tensor.FP32, 0, json("FP32", "[0]", "[]", ""), -1)
	f("zero-size-binary", tensor.FP32, 8, json("FP32", "[1,0]", "[]", binary), -1)
	f("raw-fp32", tensor.FP32, 8, "\x00\x00\x80\x3f\x00\x00\x00\x40", 0)
	f("raw-fp32-whole", tensor.FP32, 0, "\x00\x00\x80\x3f\x00\x00\x00\x40", 0)
	f("raw-bytes", tensor.Bytes, 8, "hello", 0)
	f("raw-empty", tensor.FP32, 8, "", -1)
	f("classes-labels", tensor.FP32, 8, json("FP32", "[2,3]", "[[0.5,3.3,NaN],[-1,-1,-2]]", `"outputs":[{"name":"OUTPUT0","parameters":{"classification":2}}],`), -1)
	f("classes-all", tensor.Int64, 0, json("INT64", "[4]", "[-1,9007199254740993,9007199254740992,0]", `"outputs":[{"name":"OUTPUT0","parameters":{"classification":100,"binary_data":true}}],`), -1)
	header := `{"inputs":[{"name":"INPUT0","shape":[1,2],"datatype":"BYTES","parameters":{"binary_data_size":10}}],"outputs":[{"name":"OUTPUT0"}]}`
	f("wire-sample", tensor.Bytes, 8, header+"\x02\x00\x00\x00hi\x00\x00\x00\x00", 131)
	header = `{"inputs":[{"name":"INPUT0","shape":[1,3],"datatype":"FP16","parameters":{"binary_data_size":6}}],"parameters":{"binary_data_output":true}}`
	f("fp16-binary", tensor.FP16, 8, header+"\x00\x3c\x00\x40\x00\x7e", len(header))
	header = `{"inputs":[{"name":"INPUT0","shape":[1,3],"datatype":"BOOL","parameters":{"binary_data_size":3}}]}`
	f("bool-binary", tensor.Bool, 8, header+"\x00\x01\x7f", len(header))
}

func TestGoldenDocuments(t *testing.T) {
	f := func(name string, document any) {
		t.Helper()
		out, err := AppendJSON(nil, document)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, out, 0)
	}
	s := simple()
	s.Outputs[1] = tensor.Spec{Name: "<&>", Type: tensor.Bytes, Shape: []int64{-1, -1, 3}}
	f("server-metadata", ServerMetadata{Name: "sluice", Version: "1.2.3", Extensions: Extensions})
	f("model-metadata", NewModelMetadata("simple", []string{"1", "2"}, s))
	f("model-metadata-empty", NewModelMetadata("empty", nil, &tensor.Schema{Inputs: []tensor.Spec{{Name: "x", Type: tensor.FP32}}}))
	f("model-config", NewModelConfig("simple", s))
	f("model-config-unbatched", NewModelConfig("id", identity(tensor.FP32, 0)))
	s = ranking(1)
	s.Optional = []tensor.Spec{{Name: "scale", Type: tensor.FP32, Shape: []int64{-1, 3}}}
	f("model-metadata-once", NewModelMetadata("ranking", []string{"1"}, s))
	f("model-config-once", NewModelConfig("ranking", s))
	stats := NewModelStatistics("simple", "1")
	f("statistics-empty", Statistics{ModelStats: []ModelStatistics{stats}})
	stats.InferenceStats.Queue = Duration{2, 3 * time.Microsecond}
	stats.BatchStats = append(stats.BatchStats, BatchStatistics{BatchSize: 4, ComputeInfer: Duration{1, time.Millisecond}})
	f("statistics", Statistics{ModelStats: []ModelStatistics{stats}})
	f("index", []IndexEntry{{Name: "never"}, {Name: "simple", Version: "1", State: StateReady}, {Name: "bad", Version: "2", State: StateUnavailable, Reason: "its <golden> rows differ"}})
	f("v1-model", v1.Model{Name: "simple", Ready: true, Versions: []v1.Version{{Version: "123", State: v1.Available, Status: v1.Status{ErrorCode: "OK"}}}})
	f("v1-models", v1.Models{Models: []string{"a", "b"}})
	f("live", Live{true})
	f("ready", Ready{Live: true})
	f("model-ready", ModelReady{Name: "simple", Ready: true})
	golden(t, "error", AppendError(nil, "no \"x\"\n", "UNKNOWN_INPUT", 0), 0)
	golden(t, "overloaded", AppendError(nil, "too much", "OVERLOADED", 2_345_600), 0)
}
