package client

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/fault"
	"sluice/internal/oip"
	"sluice/internal/oip/oiptest"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// drawTensor draws a tensor of any type with one to three dimensions.
func drawTensor(t *rapid.T, name string) tensor.Tensor {
	kind := rapid.SampledFrom(tensor.DataTypes).Draw(t, "type")
	shape := []int64{rapid.Int64Range(1, 3).Draw(t, "rows")}
	for range rapid.IntRange(0, 2).Draw(t, "rank") {
		shape = append(shape, rapid.Int64Range(0, 4).Draw(t, "dim"))
	}
	n, _ := tensor.Elements(shape)
	return tensor.Tensor{Name: name, Type: kind, Shape: shape, Data: drawData(t, kind, int(n))}
}

func drawData(t *rapid.T, kind tensor.DataType, n int) (data []byte) {
	for range n {
		switch kind {
		case tensor.Bytes:
			data = tensor.AppendBytes(data, rapid.String().Draw(t, "text"))
		case tensor.Bool:
			data = append(data, byte(rapid.IntRange(0, 1).Draw(t, "bool")))
		case tensor.FP32:
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(rapid.Float32().Draw(t, "float")))
		case tensor.FP64:
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(rapid.Float64().Draw(t, "float")))
		default:
			for range kind.Size() {
				data = append(data, rapid.Byte().Draw(t, "byte"))
			}
		}
	}
	return data
}

// TestServerReadsClient holds that the server's decoder reads what the client writes.
func TestServerReadsClient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		schema := &tensor.Schema{}
		request := InferRequest{
			ID:       rapid.SampledFrom([]string{"", "0123456789abcdef"}).Draw(t, "id"),
			Binary:   rapid.Bool().Draw(t, "binary"),
			Timeout:  time.Duration(rapid.IntRange(0, 1000).Draw(t, "timeout")) * time.Microsecond,
			Priority: rapid.Uint64Range(0, 3).Draw(t, "priority"),
		}
		for i := range rapid.IntRange(1, 3).Draw(t, "inputs") {
			x := drawTensor(t, fmt.Sprintf("in \"%d\"", i))
			request.Inputs = append(request.Inputs, x)
			spec := tensor.Spec{Name: x.Name, Type: x.Type, Shape: x.Shape}
			schema.Inputs, schema.Outputs = append(schema.Inputs, spec), append(schema.Outputs, spec)
			request.Outputs = append(request.Outputs, WantedOutput{x.Name, request.Binary || x.Type == tensor.FP16 || x.Type == tensor.BF16})
		}
		body, jsonLen, err := AppendInferRequest([]byte("head"), &request)
		if err != nil {
			t.Fatal(err)
		}
		body = body[len("head"):]
		if request.ID != "" && string(body[IDOffset:IDOffset+len(request.ID)]) != request.ID {
			t.Fatalf("the id is not at byte %d of %q", IDOffset, body)
		}
		if jsonLen == 0 {
			jsonLen = -1
		}
		tk := task.Get()
		defer tk.Release()
		var r oip.Request
		if err := r.Decode(schema, "m", body, jsonLen, nil, tk); err != nil {
			t.Fatalf("the server cannot read %q: %v", body, err)
		}
		if string(r.ID) != request.ID || r.Budget != request.Timeout || r.Priority != request.Priority {
			t.Fatalf("got id %q, timeout %v, priority %d from %q", r.ID, r.Budget, r.Priority, body)
		}
		for i, want := range request.Inputs {
			if got := tk.Inputs[i]; !oiptest.SameElements(want.Type, got.Data, want.Data) {
				t.Fatalf("input %d: got %x, want %x", i, got.Data, want.Data)
			}
			if r.Outputs[i].Binary != request.Outputs[i].Binary {
				t.Fatalf("output %d: got binary %v", i, r.Outputs[i].Binary)
			}
		}
	})
}

// answer writes outputs as the server does.
func answer(id string, outputs []tensor.Tensor, asBinary func(i int) bool) ([]byte, int, error) {
	schema := &tensor.Schema{}
	r := oip.Request{ID: []byte(id)}
	tk := task.Get()
	defer tk.Release()
	tk.Reserve(len(outputs))
	for i := range outputs {
		schema.Outputs = append(schema.Outputs, tensor.Spec{Name: outputs[i].Name, Type: outputs[i].Type, Shape: outputs[i].Shape})
	}
	for i := range outputs {
		r.Outputs = append(r.Outputs, oip.OutputChoice{Wanted: true, Binary: asBinary(i)})
		tk.SetWhole(i, &schema.Outputs[i], outputs[i].Shape, outputs[i].Data)
	}
	body, jsonLen, err := r.AppendResponse(nil, schema, "m \"x\"", "7", tk)
	if jsonLen == 0 {
		jsonLen = -1
	}
	return body, jsonLen, err
}

// TestClientReadsServer holds that the client reads what the server writes, with one
// Response for answers of all kinds.
func TestClientReadsServer(t *testing.T) {
	var got Response
	rapid.Check(t, func(t *rapid.T) {
		var outputs []tensor.Tensor
		for i := range rapid.IntRange(1, 3).Draw(t, "outputs") {
			outputs = append(outputs, drawTensor(t, fmt.Sprintf("é%d", i)))
		}
		binary := rapid.Uint8().Draw(t, "binary")
		id := rapid.SampledFrom([]string{"", "\"7\"", "0123456789abcdef"}).Draw(t, "id")
		body, jsonLen, err := answer(id, outputs, func(i int) bool {
			return binary>>i&1 == 1 || outputs[i].Type == tensor.FP16 || outputs[i].Type == tensor.BF16
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := ReadResponse(body, jsonLen, &got); err != nil {
			t.Fatalf("cannot read %q: %v", body, err)
		}
		if string(got.ID) != id || string(got.Model) != "m \"x\"" || string(got.Version) != "7" || len(got.Outputs) != len(outputs) {
			t.Fatalf("got id %q, model %q, version %q, %d outputs from %q", got.ID, got.Model, got.Version, len(got.Outputs), body)
		}
		for i, want := range outputs {
			o := got.Outputs[i]
			if o.Name != want.Name || o.Type != want.Type || !reflect.DeepEqual(o.Shape, want.Shape) || !oiptest.SameElements(want.Type, o.Data, want.Data) {
				t.Fatalf("output %d: got %+v, want %+v from %q", i, o, want, body)
			}
		}
	})
}

func TestReadResponse(t *testing.T) {
	f := func(name, header, blobs, want string) {
		t.Helper()
		var r Response
		jsonLen := len(header)
		if blobs == "" {
			jsonLen = -1
		}
		err := ReadResponse([]byte(header+blobs), jsonLen, &r)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			for _, o := range r.Outputs {
				got += fmt.Sprintf("%s %s %v %x;", o.Name, o.Type, o.Shape, o.Data)
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	f("KServe", `{"model_name":"m","model_version":null,"id":"7","parameters":null,"outputs":[{"name":"y","shape":[2],"datatype":"INT8","parameters":null,"data":[1,-1]}]}`, "", "y INT8 [2] 01ff;")
	f("data first", `{"outputs":[{"data":[[1],[2]],"shape":[2,1],"datatype":"UINT16","name":"y"}]}`, "", "y UINT16 [2 1] 01000200;")
	f("two, data first", `{"outputs":[{"data":["a"],"shape":[1],"datatype":"BYTES","name":"x"},{"data":[true],"name":"y","shape":[1],"datatype":"BOOL"}]}`, "", "x BYTES [1] 0100000061;y BOOL [1] 01;")
	f("null data beside binary", `{"outputs":[{"name":"y","shape":[1],"datatype":"BOOL","data":null,"parameters":{"binary_data_size":1}}]}`, "\x07", "y BOOL [1] 01;")
	f("scalar", `{"outputs":[{"name":"y","shape":[],"datatype":"FP32","data":[1]}]}`, "", "y FP32 [] 0000803f;")
	f("empty", `{"outputs":[{"name":"y","shape":[2,0],"datatype":"FP32","data":[[],[]]}]}`, "", "y FP32 [2 0] ;")
	f("empty with a value", `{"outputs":[{"name":"y","shape":[0],"datatype":"FP32","data":[1]}]}`, "", "output 'y' takes 0 values, got 1; its shape is [0]")
	f("MLServer's FP16", `{"outputs":[{"name":"y","shape":[1],"datatype":"FP16","data":[1.0]}]}`, "", "ask for binary data")
	f("no outputs", `{"model_name":"m"}`, "", "it has no 'outputs'")
	f("an error", `{"error":"x"}`, "", "it has no 'outputs'")
	f("no object", `[]`, "", "it is no JSON object")
	f("cut", `{"outputs":[{"name":"y","sha`, "", "failed to parse the response JSON buffer: the document ends early")
	f("twice", `{"id":"a","id":"b","outputs":[]}`, "", "key 'id' is there twice")
	f("id no string", `{"id":7,"outputs":[]}`, "", "'id' must be a string")
	f("unknown type", `{"outputs":[{"name":"y","shape":[1],"datatype":"FP8","data":[1]}]}`, "", "datatype 'FP8'")
	f("no shape", `{"outputs":[{"name":"y","datatype":"FP32","data":[1]}]}`, "", "lacks one of")
	f("no data", `{"outputs":[{"name":"y","datatype":"FP32","shape":[1]}]}`, "", "must have either")
	f("both", `{"outputs":[{"name":"y","datatype":"INT8","shape":[1],"data":[1],"parameters":{"binary_data_size":1}}]}`, "x", "must have either")
	f("too few", `{"outputs":[{"name":"y","datatype":"INT8","shape":[2],"data":[1]}]}`, "", "output 'y' takes 2 values, got 1")
	f("too many", `{"outputs":[{"name":"y","datatype":"INT8","shape":[2],"data":[1,2,3]}]}`, "", "output 'y' takes 2 values, got 3")
	f("other lists", `{"outputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[1]},{"name":"y","datatype":"INT8","shape":[2,3],"data":[[1,2],[3,4],[5,6]]}]}`, "", "outputs[1].data[0] has 2 values; shape [2,3] of output 'y' wants 3 there")
	f("a missing value", `{"outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[1,null]}]}`, "", "y FP32 [2] 0000803f0000c07f;")
	f("a missing integer", `{"outputs":[{"name":"y","datatype":"INT8","shape":[2],"data":[1,null]}]}`, "", "value null of output 'y' is not of its datatype INT8, at outputs[0].data[1]")
	f("a lie", `{"outputs":[{"name":"y","datatype":"FP64","shape":[60000000],"data":[1]}]}`, "", "takes 60000000 values, got 1")
	f("too large", `{"outputs":[{"name":"y","datatype":"FP64","shape":[70000000],"data":[1]}]}`, "", "limit of 67108864 elements")
	f("no integer", `{"outputs":[{"name":"y","datatype":"INT8","shape":[1],"data":[1.5]}]}`, "", "value 1.5 of output 'y' does not fit its datatype INT8")
	f("too few strings", `{"outputs":[{"name":"y","datatype":"BYTES","shape":[2],"data":["a"]}]}`, "", "output 'y' has 1 strings")
	f("blob short", `{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}`, "xyz", "output 'y' has 4 bytes of binary data, and 3 are left")
	f("blob of another size", `{"outputs":[{"name":"y","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":4}}]}`, "wxyz", "its shape [2] takes 8")
	f("blob of 2^63 bytes", `{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":9223372036854775808}}]}`, "xyz", "output 'y' has 9223372036854775808 bytes of binary data, and 3 are left")
	f("blob over", `{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}`, "wxyz!", "1 bytes of binary data are left over")
	f("bad strings", `{"outputs":[{"name":"y","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":4}}]}`, "wxyz", "malformed strings")
	if err := ReadResponse([]byte("{}"), 3, new(Response)); err == nil || !strings.Contains(err.Error(), "its header says 3 bytes") {
		t.Errorf("header too long: got %v", err)
	}
}

// What an answer's parameters tell of filled columns is read, and all else of them ignored.
func TestReadFeatures(t *testing.T) {
	f := func(parameters, want string) {
		t.Helper()
		var r Response
		if err := ReadResponse([]byte(`{"parameters":`+parameters+`,"outputs":[]}`), -1, &r); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range r.Features {
			got += fmt.Sprintf("%s=%s;", c.Column, c.Runs)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", parameters, got, want)
		}
	}
	f(`{"degraded":true,"features.dense.u:a":"cached*2,missing","features.dense.\u0075:b":"present","features_left_out":3,"features.x":7}`, "dense.u:a=cached*2,missing;dense.u:b=present;")
	f(`null`, "")
	f(`[1]`, "")
	f(`{}`, "")
}

func TestClientBytesAsText(t *testing.T) {
	r := InferRequest{Inputs: []tensor.Tensor{{Name: "x", Type: tensor.Bytes, Shape: []int64{1}, Data: tensor.AppendBytes(nil, "\xff")}}}
	if _, _, err := AppendInferRequest(nil, &r); !fault.Is(err, fault.InvalidUTF8) || !strings.Contains(err.Error(), "input 'x'") {
		t.Errorf("got %v, want an error that names the input", err)
	}
}

func TestReadDocuments(t *testing.T) {
	m, err := ReadModelMetadata([]byte(`{"name":"m","versions":["1"],"platform":"p","inputs":[{"name":"x","datatype":"FP32","shape":["-1",16],"parameters":{}}],"outputs":null,"properties":{"digest":"d"}}`))
	if want := (oip.ModelMetadata{Name: "m", Versions: []string{"1"}, Platform: "p", Inputs: []oip.TensorMetadata{{Name: "x", Datatype: "FP32", Shape: []int64{-1, 16}}}, Outputs: []oip.TensorMetadata{}, Properties: map[string]string{"digest": "d"}}); err != nil || !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v, %v, want %+v", m, err, want)
	}
	for _, body := range []string{`{}`, `[]`, `{"name":"m","inputs":[{"name":"x","shape":["a"]}]}`, `{"name":"m","inputs":[{"shape":[1]}]}`} {
		if m, err := ReadModelMetadata([]byte(body)); err == nil {
			t.Errorf("%s: got %+v, want an error", body, m)
		}
	}
	if index, err := ReadIndex([]byte(`[{"name":"a"},{"name":"b","version":"1","state":"READY"}]`)); err != nil || len(index) != 2 || index[1].State != oip.StateReady {
		t.Errorf("got %+v, %v", index, err)
	}
	for body, want := range map[string]string{`{"error":"no such model"}`: "no such model", `{"detail":[1]}`: "[1]", "": "no text", "oops": "oops"} {
		if got := ErrorText([]byte(body)); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

func TestReadValues(t *testing.T) {
	f := func(text string, kind tensor.DataType, want string) {
		t.Helper()
		v := tensor.Tensor{Name: "x", Type: kind, Shape: []int64{1, 2}}
		got := ""
		if err := ReadValues([]byte(text), &v); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprintf("%x", v.Data)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	f(`[[1,2]]`, tensor.Int8, "0102")
	f(`["a","b"] `, tensor.Bytes, "01000000610100000062")
	f(`[1]`, tensor.Int8, "tensor 'x' takes 2 values, got 1")
	f(`[1,null]`, tensor.FP32, "0000803f0000c07f")
	f(`[1,null]`, tensor.Int8, "value null of tensor 'x' is not of its datatype INT8, at data[1]")
	f(`[[1],[2]]`, tensor.Int8, "data[0] has 1 value; shape [1,2] of tensor 'x' wants 2 there")
	f(`[1,2] 3`, tensor.Int8, "more data after the end")
	f(`[1,300]`, tensor.Int8, "value 300 of tensor 'x' does not fit")
	f(`"abcd"`, tensor.Int8, "'data' of tensor 'x' must be an array")
	f(`[1`, tensor.Int8, "the file's JSON")
}
