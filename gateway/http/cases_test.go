package httpfront

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/gateway"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// floatModel is a model of FP32 tensors that runs f over the rows of its inputs: inputs[i] is
// row r of input i, and the first row of one that is given once.
func floatModel(name string, schema *tensor.Schema, f func(t *task.Task, inputs [][]float32) []float32) *fakeModel {
	row := schema.Outputs[0].Shape[1:]
	return &fakeModel{
		info: gateway.NewModelInfo(gateway.ModelInfo{Name: name, Version: "1", Platform: "fake", Schema: schema, Budget: 10 * time.Second}),
		run: func(t *task.Task) error {
			for r := range t.Rows {
				inputs := make([][]float32, len(t.Inputs))
				for i := range t.Inputs {
					values := float32s(t.Inputs[i].Data)
					n := len(values) / int(t.Inputs[i].Shape[0])
					inputs[i] = values[min(r, int(t.Inputs[i].Shape[0])-1)*n:][:n]
				}
				if err := t.SetRows(0, &schema.Outputs[0], row, r, r+1, floats(f(t, inputs)...)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func float32s(data []byte) []float32 {
	values := make([]float32, len(data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return values
}

func fp32(name string, shape ...int64) tensor.Spec {
	return tensor.Spec{Name: name, Type: tensor.FP32, Shape: shape}
}

// sumModel adds its n inputs.
func sumModel(n int) *fakeModel {
	s := &tensor.Schema{Outputs: []tensor.Spec{fp32("y", -1)}, MaxBatch: 8, MaxRows: 8}
	for i := range n {
		s.Inputs = append(s.Inputs, fp32(fmt.Sprint("f", i), -1))
	}
	return floatModel("wide", s, func(_ *task.Task, inputs [][]float32) []float32 {
		sum := float32(0)
		for _, v := range inputs {
			sum += v[0]
		}
		return []float32{sum}
	})
}

// rankingModel adds the user's features to those of each item.
func rankingModel() *fakeModel {
	s := &tensor.Schema{
		Inputs:   []tensor.Spec{fp32("user", -1, 4), fp32("items", -1, 4)},
		Outputs:  []tensor.Spec{fp32("y", -1, 4)},
		MaxBatch: 8, MaxRows: 8,
	}
	s.Inputs[0].Once = true
	return floatModel("ranking", s, func(_ *task.Task, inputs [][]float32) []float32 {
		y := make([]float32, 4)
		for i := range y {
			y[i] = inputs[0][i] + inputs[1][i]
		}
		return y
	})
}

// optionalModel multiplies with a scale that is 3 unless a request gives another.
func optionalModel() *fakeModel {
	s := &tensor.Schema{
		Inputs:   []tensor.Spec{fp32("x", -1, 4)},
		Optional: []tensor.Spec{fp32("scale", 1)},
		Outputs:  []tensor.Spec{fp32("y", -1, 4)},
		MaxBatch: 8, MaxRows: 8,
	}
	return floatModel("optional", s, func(t *task.Task, inputs [][]float32) []float32 {
		scale := float32(3)
		if len(t.Optional) > 0 && t.Optional[0].Type == tensor.FP32 {
			scale = float32s(t.Optional[0].Data)[0]
		}
		y := make([]float32, 4)
		for i := range y {
			y[i] = inputs[0][i] * scale
		}
		return y
	})
}

// fp32Input is an entry of "inputs".
func fp32Input(name, shape, data string) string {
	return input(name, "FP32", shape, `"data":`+data)
}

// What the field sent and was refused, with its right answer.
func TestFieldCases(t *testing.T) {
	e := serve(t, newFakeModels(sumModel(120), rankingModel(), optionalModel()), nil)
	f := func(raw, want string) {
		t.Helper()
		if a := e.send(raw); a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("got %d %s, want %s", a.status, a.body, want)
		}
	}
	var all []string
	columns := map[string]any{}
	for i := range 120 {
		name := fmt.Sprint("f", i)
		all = append(all, fp32Input(name, "[1]", fmt.Sprintf("[%d]", i)))
		columns[name] = []int{i}
	}
	f(post("/v2/models/wide/infer", "{"+inputs(all...)+"}"), `"shape":[1],"data":[7140.0]`)
	v1, err := json.Marshal(map[string]any{"inputs": columns})
	if err != nil {
		t.Fatal(err)
	}
	f(post("/v1/models/wide:predict", string(v1)), `{"outputs":[7140.0]}`)

	user, items := fp32Input("user", "[1,4]", "[10,20,30,40]"), fp32Input("items", "[3,4]", "[1,2,3,4,5,6,7,8,9,10,11,12]")
	const scores = `"shape":[3,4],"data":[11.0,22.0,33.0,44.0,15.0,26.0,37.0,48.0,19.0,30.0,41.0,52.0]`
	f(post("/v2/models/ranking/infer", "{"+inputs(user, items)+"}"), scores)
	f(post("/v2/models/ranking/infer", "{"+inputs(items, user)+"}"), scores)
	blob := func(name, shape string, bytes int) string {
		return input(name, "FP32", shape, fmt.Sprintf(`"parameters":{"binary_data_size":%d}`, bytes))
	}
	f(binaryPost("/v2/models/ranking/infer", "{"+inputs(blob("user", "[1,4]", 16), blob("items", "[2,4]", 32))+"}",
		floats(10, 20, 30, 40), floats(1, 2, 3, 4, 5, 6, 7, 8)), `"shape":[2,4],"data":[11.0,22.0,33.0,44.0,15.0,26.0,37.0,48.0]`)
	f(post("/v1/models/ranking:predict", `{"inputs":{"user":[[1,1,1,1]],"items":[[1,2,3,4],[5,6,7,8]]}}`), `{"outputs":[[2.0,3.0,4.0,5.0],[6.0,7.0,8.0,9.0]]}`)
	f(post("/v1/models/ranking:predict", `{"instances":[{"user":[1,1,1,1],"items":[1,2,3,4]},{"user":[1,1,1,1],"items":[5,6,7,8]}]}`), `{"predictions":[[2.0,3.0,4.0,5.0],[6.0,7.0,8.0,9.0]]}`)

	x, scale := fp32Input("x", "[1,4]", "[1,2,3,4]"), fp32Input("scale", "[1]", "[10]")
	f(post("/v2/models/optional/infer", "{"+inputs(x, scale)+"}"), `"data":[10.0,20.0,30.0,40.0]`)
	f(post("/v2/models/optional/infer", "{"+inputs(x)+"}"), `"data":[3.0,6.0,9.0,12.0]`)
	f(post("/v1/models/optional:predict", `{"inputs":{"x":[[1,2,3,4]],"scale":[10]}}`), `{"outputs":[[10.0,20.0,30.0,40.0]]}`)
	f(post("/v1/models/optional:predict", `{"instances":[[1,2,3,4]]}`), `{"predictions":[[3.0,6.0,9.0,12.0]]}`)
	f(get("/v2/models/optional"), `"inputs":[{"name":"x","datatype":"FP32","shape":[-1,4]}],"outputs"`)
	f(get("/v2/models/optional/config"), `{"name":"scale","data_type":"TYPE_FP32","format":"FORMAT_NONE","dims":[1],"is_shape_tensor":false,"allow_ragged_batch":false,"optional":true}`)
	f(get("/v2/models/ranking/config"), `"parameters":{"once":{"string_value":"user"}}`)
}

// A model with thousands of inputs is served whatever the limit for others is.
func TestWidestModel(t *testing.T) {
	e := serve(t, newFakeModels(sumModel(4096)), func(o *setup) { o.Core.Limits.Decode.MaxInputs = 2 })
	all := make([]string, 4096)
	for i := range all {
		all[i] = fp32Input(fmt.Sprint("f", i), "[2]", "[1,2]")
	}
	a := e.send(post("/v2/models/wide/infer", "{"+inputs(all...)+"}"))
	if a.status != 200 || !strings.Contains(a.body, `"shape":[2],"data":[4096.0,8192.0]`) {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

// Each good answer of a model whose rows may change each other says so, and no other does.
func TestCoupled(t *testing.T) {
	coupled, plain := identityModel("coupled", tensor.FP32, 8), identityModel("plain", tensor.FP32, 8)
	coupled.info.Coupled = true
	e := serve(t, newFakeModels(coupled, plain), nil)
	f := func(path, body string, status int, want string) {
		t.Helper()
		a := e.send(post(path, body))
		if got := a.header.Get("Sluice-Batching"); a.status != status || got != want {
			t.Errorf("%s: got %d with %q, want %d with %q", path, a.status, got, status, want)
		}
	}
	v2, v1 := "{"+inputs(fp32Input("INPUT0", "[1,2]", "[1,2]"))+"}", `{"instances":[[1,2]]}`
	for range 2 { // also on a connection's later requests
		f("/v2/models/coupled/infer", v2, 200, "coupled")
		f("/v1/models/coupled:predict", v1, 200, "coupled")
		f("/v2/models/plain/infer", v2, 200, "")
		f("/v1/models/plain:predict", v1, 200, "")
		f("/v2/models/coupled/infer", "{}", 400, "")
	}
}

// What a model notes of itself is in its configuration, as it is when it is asked for.
func TestNotes(t *testing.T) {
	var notes atomic.Pointer[map[string]string]
	model := rankingModel()
	model.info.Notes = func() map[string]string { return *notes.Load() }
	e := serve(t, newFakeModels(model), nil)
	f := func(now map[string]string, want string) {
		t.Helper()
		notes.Store(&now)
		if a := e.send(get("/v2/models/ranking/config")); !strings.HasSuffix(a.body, `,"parameters":{`+want+`}}`) {
			t.Errorf("got %s, want the parameters %s", a.body, want)
		}
	}
	f(map[string]string{"batching": "batched", "batching_basis": "proven"}, `"batching":{"string_value":"batched"},"batching_basis":{"string_value":"proven"},"once":{"string_value":"user"}`)
	f(map[string]string{"batching": "single"}, `"batching":{"string_value":"single"},"once":{"string_value":"user"}`)
	f(nil, `"once":{"string_value":"user"}`)
}

// What good clients sent and was refused or cut anew, and what bad ones sent and was taken, with
// the right answers. The bodies are those that were sent.
func TestWireCases(t *testing.T) {
	half := identityModel("half", tensor.FP16, 8)
	half.info.Schema.Inputs[0] = fp32("INPUT0", -1, -1)
	e := serve(t, newFakeModels(identityModel("m", tensor.FP32, 8), identityModel("whole", tensor.FP32, 0), half), nil)
	f := func(path, body string, status int, parts ...string) {
		t.Helper()
		for form, raw := range map[string]string{
			"plain":    post(path, body),
			"gzip":     post(path, packed(t, "gzip", body), "Content-Encoding: gzip"),
			"HTTP/1.0": strings.Replace(post(path, body), "HTTP/1.1", "HTTP/1.0", 1),
			"header":   post(path, body, fmt.Sprint("Inference-Header-Content-Length: ", len(body))),
		} {
			a := e.send(raw)
			if a.status != status {
				t.Errorf("%s, %s: got %d %s, want %d", body, form, a.status, a.body, status)
			}
			for _, part := range parts {
				if !strings.Contains(a.body, part) {
					t.Errorf("%s, %s: got %s, want %s", body, form, a.body, part)
				}
			}
		}
	}
	const m, whole = "/v2/models/m/infer", "/v2/models/whole/infer"
	// Three rows of two are not two rows of three.
	f(m, `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[2,3],"data":[[1,2],[3,4],[5,6]]}]}`, 400, "DATA_LENGTH_MISMATCH", "inputs[0].data[0] has 2 values; shape [2,3] of input 'INPUT0' wants 3 there")
	f(m, `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[2,3],"data":[1,2,3,4,5,6]}]}`, 200, `"shape":[2,3],"data":[1.0,2.0,3.0,4.0,5.0,6.0]`)
	f("/v1/models/m:predict", `{"instances":[[1,2],[3]]}`, 400, "DATA_LENGTH_MISMATCH", "not rectangular, at instances[1]")
	f(whole, `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[3],"data":[1,2]}]}`, 400, "DATA_LENGTH_MISMATCH", "input 'INPUT0' takes 3 values, got 2; its shape is [3]")
	// A value can be missing.
	f(m, `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,2],"data":[1,null]}]}`, 200, `"data":[1.0,NaN]`)
	f("/v1/models/m:predict", `{"instances":[[1,null]]}`, 200, `{"predictions":[[1.0,NaN]]}`)
	// A listed output that does not ask for binary data is JSON, whatever the request says of all.
	f(m, `{"parameters":{"binary_data_output":true},"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,4],"data":[1,2,3,4]}],"outputs":[{"name":"OUTPUT0"}]}`, 200, `"shape":[1,4],"data":[1.0,2.0,3.0,4.0]}]}`)
	f("/v2/models/half/infer", `{"parameters":{"binary_data_output":true},"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,4],"data":[1,2,3,4]}],"outputs":[{"name":"OUTPUT0"}]}`, 400,
		"WRONG_DATATYPE", `sending FP16 data via JSON is not supported. Please use the binary data format for output OUTPUT0: list it in 'outputs' with the parameter \"binary_data\": true`)
	f("/v2/models/half/infer", `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,4],"data":[1,2,3,4]}]}`, 400, "WRONG_DATATYPE", `\"binary_data\": true`)
}
