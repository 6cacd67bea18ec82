package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sluice/internal/onnxgen"
)

// tritonModel is a model as Triton's examples lay it out: the settings have the fields and values
// of an example, the file its signature with weights that a test can foresee.
type tritonModel struct {
	name, settings string
	file           *onnxgen.Graph
	beside         map[string]string // files beside config.pbtxt
}

func (m tritonModel) write(t *testing.T, dir string) {
	t.Helper()
	put(t, filepath.Join(dir, m.name, "config.pbtxt"), m.settings)
	put(t, filepath.Join(dir, m.name, "1", "model.onnx"), string(m.file.File()))
	for name, text := range m.beside {
		put(t, filepath.Join(dir, m.name, name), text)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	int32s   = onnxgen.Int32
	floats   = onnxgen.Float32
	strings8 = onnxgen.String
)

// channels adds weights that count up by 1/1024, so that sums of them are exact.
func channels(g *onnxgen.Graph, name string, dims ...int) *onnxgen.Graph {
	n := 1
	for _, d := range dims {
		n *= d
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i+1) / 1024
	}
	return g.Floats(name, dims, values...)
}

func labels(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "CLASS %d\r\n", i)
	}
	return b.String()
}

// densenet takes one picture and gives a value for each of 1000 classes, in a shape of four axes.
func densenet() *onnxgen.Graph {
	g := onnxgen.New(17).Input("data_0", floats, 1, 3, 224, 224).Shaped("fc6_1", floats, 1, 1000, 1, 1)
	return channels(g, "w", 1000, 3, 1, 1).Node("GlobalAveragePool", "mean", onnxgen.In("data_0")).Node("Conv", "fc6_1", onnxgen.In("mean", "w"))
}

func addSub(in, out int, cast bool) *onnxgen.Graph {
	g := onnxgen.New(17).Input("INPUT0", in, "batch", 16).Input("INPUT1", in, "batch", 16).
		Shaped("OUTPUT0", out, "batch", 16).Shaped("OUTPUT1", out, "batch", 16)
	a, b := "INPUT0", "INPUT1"
	if in == strings8 {
		g.Node("Cast", "a", onnxgen.In(a), onnxgen.Whole("to", int32s)).Node("Cast", "b", onnxgen.In(b), onnxgen.Whole("to", int32s))
		a, b = "a", "b"
	}
	sum, difference := "OUTPUT0", "OUTPUT1"
	if cast {
		sum, difference = "sum", "difference"
		defer g.Node("Cast", "OUTPUT0", onnxgen.In(sum), onnxgen.Whole("to", int64(out))).Node("Cast", "OUTPUT1", onnxgen.In(difference), onnxgen.Whole("to", int64(out)))
	}
	return g.Node("Add", sum, onnxgen.In(a, b)).Node("Sub", difference, onnxgen.In(a, b))
}

func classifier(input, output string, classes int, dims ...any) *onnxgen.Graph {
	g := onnxgen.New(17).Input(input, floats, append([]any{"N"}, dims...)...).Shaped(output, floats, "N", classes)
	axes := onnxgen.Wholes("axes", 2, 3)
	if dims[2] == 3 {
		axes = onnxgen.Wholes("axes", 1, 2)
	}
	return channels(g, "w", 3, classes).Node("ReduceMean", "mean", onnxgen.In(input), axes, onnxgen.Whole("keepdims", 0)).Node("MatMul", output, onnxgen.In("mean", "w"))
}

// pair is the settings of two inputs and two outputs of 16 values.
func pair(in, out string) string {
	return fmt.Sprintf(`input [ { name: "INPUT0" data_type: %[1]s dims: [ 16 ] }, { name: "INPUT1" data_type: %[1]s dims: [ 16 ] } ]
output [ { name: "OUTPUT0" data_type: %[2]s dims: [ 16 ] }, { name: "OUTPUT1" data_type: %[2]s dims: [ 16 ] } ]
`, in, out)
}

func tritonExamples() []tritonModel {
	detection := onnxgen.New(17).Input("input_images:0", floats, "n", "h", "w", 3).
		Shaped("feature_fusion/Conv_7/Sigmoid:0", floats, "n", "h", "w", 1).Shaped("feature_fusion/concat_3:0", floats, "n", "h", "w", 5)
	channels(channels(detection, "one", 3, 1), "five", 3, 5).
		Node("MatMul", "feature_fusion/Conv_7/Sigmoid:0", onnxgen.In("input_images:0", "one")).
		Node("MatMul", "feature_fusion/concat_3:0", onnxgen.In("input_images:0", "five"))
	recognition := onnxgen.New(17).Input("input.1", floats, "n", 1, 32, 100).Shaped("307", floats, "n", 26, 37)
	recognition.Floats("w", []int{100, 962}, 1.0/128).Wholes("as", []int{3}, 0, 26, 37).
		Node("ReduceMean", "mean", onnxgen.In("input.1"), onnxgen.Wholes("axes", 2), onnxgen.Whole("keepdims", 0)).
		Node("MatMul", "flat", onnxgen.In("mean", "w")).Node("Reshape", "307", onnxgen.In("flat", "as"))
	identity := onnxgen.New(17).Input("INPUT0", strings8, "n", "m").Shaped("OUTPUT0", strings8, "n", "m").Node("Identity", "OUTPUT0", onnxgen.In("INPUT0"))
	inception := classifier("input", "InceptionV3/Predictions/Softmax", 1001, 299, 299, 3)
	return []tritonModel{
		{name: "densenet_onnx", file: densenet(), beside: map[string]string{"densenet_labels.txt": labels(1000)}, settings: `
name: "densenet_onnx"
platform: "onnxruntime_onnx"
max_batch_size : 1
input [ { name: "data_0" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [ 3, 224, 224 ] } ]
output [ { name: "fc6_1" data_type: TYPE_FP32 dims: [ 1000 ] reshape { shape: [ 1000, 1, 1 ] } label_filename: "densenet_labels.txt" } ]`},
		{name: "densenet_whole", file: densenet(), settings: `
platform: "onnxruntime_onnx"
max_batch_size : 0
input [ { name: "data_0" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] reshape { shape: [ 1, 3, 224, 224 ] } } ]
output [ { name: "fc6_1" data_type: TYPE_FP32 dims: [ 1, 1000 ,1, 1] } ]`},
		{name: "inception_onnx", file: inception, beside: map[string]string{"inception_labels.txt": labels(1001)}, settings: `
name: "inception_onnx"
platform: "onnxruntime_onnx"
max_batch_size: 128
input [ { name: "input" data_type: TYPE_FP32 format: FORMAT_NHWC dims: [ 299, 299, 3 ] } ]
output [ { name: "InceptionV3/Predictions/Softmax" data_type: TYPE_FP32 dims: [ 1001 ] label_filename: "inception_labels.txt" } ]`},
		{name: "resnet", file: classifier("input", "output", 1000, 3, 224, 224), settings: `
name: "resnet"
backend: "onnxruntime"
max_batch_size: 8
input: [ { name: "input" data_type: TYPE_FP32 dims: [3, 224, 224] } ]
output: [ { name: "output" data_type: TYPE_FP32 dims: [1000] } ]`},
		{name: "simple", file: addSub(int32s, int32s, false), settings: `name: "simple" platform: "onnxruntime_onnx" max_batch_size: 8 ` + pair("TYPE_INT32", "TYPE_INT32")},
		{name: "simple_string", file: addSub(strings8, strings8, true), settings: `name: "simple_string" platform: "onnxruntime_onnx" max_batch_size: 8 ` + pair("TYPE_STRING", "TYPE_STRING")},
		{name: "onnx_float32_int32_int32", file: addSub(floats, int32s, true), settings: `platform: "onnxruntime_onnx" max_batch_size: 8
version_policy: { latest { num_versions: 1 }} ` + pair("TYPE_FP32", "TYPE_INT32")},
		{name: "simple_identity", file: identity, settings: `name: "simple_identity" backend: "onnxruntime" max_batch_size: 8
input { name: "INPUT0" data_type: TYPE_STRING dims: [ -1 ] } output { name: "OUTPUT0" data_type: TYPE_STRING dims: [ -1 ] }`},
		{name: "text_detection", file: detection, settings: `
name: "text_detection"
backend: "onnxruntime"
max_batch_size : 0
input [ { name: "input_images:0" data_type: TYPE_FP32 dims: [ -1, -1, -1, 3 ] } ]
output [ { name: "feature_fusion/Conv_7/Sigmoid:0" data_type: TYPE_FP32 dims: [ -1, -1, -1, 1 ] } ]
output [ { name: "feature_fusion/concat_3:0" data_type: TYPE_FP32 dims: [ -1, -1, -1, 5 ] } ]`},
		{name: "text_recognition", file: recognition, settings: `
name: "text_recognition"
backend: "onnxruntime"
max_batch_size : 16
input [ { name: "input.1" data_type: TYPE_FP32 dims: [ 1, 32, 100 ] } ]
output [ { name: "307" data_type: TYPE_FP32 dims: [ 26, 37 ] } ]
dynamic_batching { }
instance_group [ { count: 2 kind: KIND_GPU } ]
model_warmup { name: "text_recognition" batch_size: 16 inputs: { key: "input.1" value: { data_type: TYPE_FP32 dims: 1 dims: 32 dims: 100 zero_data: true } } }
optimization { graph : { level : 1 } execution_accelerators { gpu_execution_accelerator : [ { name : "tensorrt",
  parameters { key: "precision_mode" value: "FP16" }, parameters { key: "max_workspace_size_bytes" value: "1073741824" } } ] } }`},
	}
}

// TestTritonExamples serves Triton's stateless ONNX examples as they stand, and wants of each the
// metadata that Triton shows and right answers.
func TestTritonExamples(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, m := range tritonExamples() {
		m.write(t, dir)
	}
	g := startGateway(t, "--models", dir, "--scheduler-budget", "10s")
	shapes := func(model string, max int, format string, tensors ...string) {
		t.Helper()
		var meta struct {
			Inputs, Outputs []struct {
				Name, Datatype string
				Shape          []int
			}
		}
		var config struct {
			Max   int `json:"max_batch_size"`
			Input []struct{ Format string }
		}
		for path, into := range map[string]any{"": &meta, "/config": &config} {
			status, body := g.get(g.predict + "/v2/models/" + model + path)
			if err := json.Unmarshal([]byte(body), into); status != http.StatusOK || err != nil {
				t.Errorf("%s: %d %s", model, status, body)
				return
			}
		}
		var got []string
		for _, one := range append(meta.Inputs, meta.Outputs...) {
			got = append(got, fmt.Sprint(one.Name, " ", one.Datatype, one.Shape))
		}
		if !reflect.DeepEqual(got, tensors) || config.Max != max || config.Input[0].Format != format {
			t.Errorf("%s: %q, max_batch_size %d, %s; want %q, %d, %s", model, got, config.Max, config.Input[0].Format, tensors, max, format)
		}
	}
	const none = "FORMAT_NONE"
	shapes("densenet_onnx", 1, "FORMAT_NCHW", "data_0 FP32[-1 3 224 224]", "fc6_1 FP32[-1 1000]")
	shapes("densenet_whole", 0, none, "data_0 FP32[3 224 224]", "fc6_1 FP32[1 1000 1 1]")
	shapes("inception_onnx", 128, "FORMAT_NHWC", "input FP32[-1 299 299 3]", "InceptionV3/Predictions/Softmax FP32[-1 1001]")
	shapes("resnet", 8, none, "input FP32[-1 3 224 224]", "output FP32[-1 1000]")
	shapes("simple", 8, none, "INPUT0 INT32[-1 16]", "INPUT1 INT32[-1 16]", "OUTPUT0 INT32[-1 16]", "OUTPUT1 INT32[-1 16]")
	shapes("simple_string", 8, none, "INPUT0 BYTES[-1 16]", "INPUT1 BYTES[-1 16]", "OUTPUT0 BYTES[-1 16]", "OUTPUT1 BYTES[-1 16]")
	shapes("onnx_float32_int32_int32", 8, none, "INPUT0 FP32[-1 16]", "INPUT1 FP32[-1 16]", "OUTPUT0 INT32[-1 16]", "OUTPUT1 INT32[-1 16]")
	shapes("simple_identity", 8, none, "INPUT0 BYTES[-1 -1]", "OUTPUT0 BYTES[-1 -1]")
	shapes("text_detection", 0, none, "input_images:0 FP32[-1 -1 -1 3]", "feature_fusion/Conv_7/Sigmoid:0 FP32[-1 -1 -1 1]", "feature_fusion/concat_3:0 FP32[-1 -1 -1 5]")
	shapes("text_recognition", 16, none, "input.1 FP32[-1 1 32 100]", "307 FP32[-1 26 37]")

	answers := func(model, inputs, want string) {
		t.Helper()
		status, body := g.post(g.predict+"/v2/models/"+model+"/infer", `{"inputs":[`+inputs+`]}`)
		_, got, _ := strings.Cut(body, `"outputs":`)
		if status != http.StatusOK || got != want {
			t.Errorf("%s: %d %.300s, want %.300s", model, status, body, want)
		}
	}
	sixteen := func(name, kind, value string) string {
		return fmt.Sprintf(`{"name":%q,"datatype":%q,"shape":[1,16],"data":[%s]}`, name, kind, repeat(value, 16))
	}
	out := func(kind, sum, difference string) string {
		return "[" + sixteen("OUTPUT0", kind, sum) + "," + sixteen("OUTPUT1", kind, difference) + "]}"
	}
	answers("simple", sixteen("INPUT0", "INT32", "5")+","+sixteen("INPUT1", "INT32", "3"), out("INT32", "8", "2"))
	answers("simple_string", sixteen("INPUT0", "BYTES", `"5"`)+","+sixteen("INPUT1", "BYTES", `"3"`), out("BYTES", `"8"`, `"2"`))
	answers("onnx_float32_int32_int32", sixteen("INPUT0", "FP32", "5")+","+sixteen("INPUT1", "FP32", "3"), out("INT32", "8", "2"))
	answers("simple_identity", `{"name":"INPUT0","datatype":"BYTES","shape":[1,2],"data":["a","b"]}`, `[{"name":"OUTPUT0","datatype":"BYTES","shape":[1,2],"data":["a","b"]}]}`)
	answers("text_detection", `{"name":"input_images:0","datatype":"FP32","shape":[1,1,1,3],"data":[1024,0,0]}`,
		`[{"name":"feature_fusion/Conv_7/Sigmoid:0","datatype":"FP32","shape":[1,1,1,1],"data":[1.0]},{"name":"feature_fusion/concat_3:0","datatype":"FP32","shape":[1,1,1,5],"data":[1.0,2.0,3.0,4.0,5.0]}]}`)
	answers("text_recognition", `{"name":"input.1","datatype":"FP32","shape":[1,1,32,100],"data":[`+repeat("1", 3200)+`]}`,
		`[{"name":"307","datatype":"FP32","shape":[1,26,37],"data":[`+repeat("0.78125", 962)+`]}]}`)
	picture := repeat("1", 3*224*224)
	answers("densenet_onnx", `{"name":"data_0","datatype":"FP32","shape":[1,3,224,224],"data":[`+picture+`]}],"outputs":[{"name":"fc6_1","parameters":{"classification":2}}`,
		`[{"name":"fc6_1","datatype":"BYTES","shape":[1,2],"data":["8.786133:999:CLASS 999","8.777344:998:CLASS 998"]}]}`)
	answers("densenet_whole", `{"name":"data_0","datatype":"FP32","shape":[3,224,224],"data":[`+picture+`]}],"outputs":[{"name":"fc6_1","parameters":{"classification":1}}`,
		`[{"name":"fc6_1","datatype":"BYTES","shape":[1],"data":["8.786133:999"]}]}`)
	answers("inception_onnx", `{"name":"input","datatype":"FP32","shape":[1,299,299,3],"data":[`+repeat("1", 3*299*299)+`]}],"outputs":[{"name":"InceptionV3/Predictions/Softmax","parameters":{"classification":1}}`,
		`[{"name":"InceptionV3/Predictions/Softmax","datatype":"BYTES","shape":[1,1],"data":["5.865234:1000:CLASS 1000"]}]}`)
	answers("resnet", `{"name":"input","datatype":"FP32","shape":[1,3,224,224],"data":[`+picture+`]}],"outputs":[{"name":"output","parameters":{"classification":1}}`,
		`[{"name":"output","datatype":"BYTES","shape":[1,1],"data":["5.859375:999"]}]}`)
	if status, body := g.post(g.predict+"/v2/models/densenet_whole/infer", `{"inputs":[{"name":"data_0","datatype":"FP32","shape":[1,3,224,224],"data":[`+picture+`]}]}`); status != 400 || !strings.Contains(body, "Expected [3,224,224], got [1,3,224,224]") {
		t.Errorf("the model's own shape: %d %s", status, body)
	}
	// The names of what is ignored are in the log, once.
	want := `"fields":"optimization, dynamic_batching, instance_group, model_warmup"`
	if n := strings.Count(g.Log(), want); n != 1 {
		t.Errorf("the log has %s %d times:\n%s", want, n, g.Log())
	}
}

func repeat(value string, n int) string { return strings.Repeat(value+",", n-1) + value }
