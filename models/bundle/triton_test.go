package bundle

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/internal/onnxgen"
	"sluice/internal/pbtxt"
)

// TestTritonFieldsAreComplete wants a fate for each field of the message and of its inputs and
// outputs, and of no other.
func TestTritonFieldsAreComplete(t *testing.T) {
	parts := map[string]string{
		"": "ModelConfig", "input.": "Input", "output.": "Output",
		"dynamic_batching.": "DynamicBatching", "model_transaction_policy.": "TransactionPolicy",
	}
	for path, message := range parts {
		for _, name := range pbtxt.Known(message) {
			if _, listed := fateOf(path + name); !listed && path != "dynamic_batching." {
				t.Errorf("%s%s has no fate", path, name)
			}
		}
	}
	for i, f := range TritonFields {
		at := strings.LastIndexByte(f.Name, '.') + 1
		if !slices.Contains(pbtxt.Known(parts[f.Name[:at]]), f.Name[at:]) {
			t.Errorf("there is no field %s", f.Name)
		}
		if f.Note == "" || slices.ContainsFunc(TritonFields[:i], func(g TritonField) bool { return g.Name == f.Name }) {
			t.Errorf("%s is there twice, or without a note", f.Name)
		}
	}
}

func TestDecodeTriton(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got := "<nil>"
		if _, err := decodeTriton([]byte(text), "m"); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.80s:\n got %s\nwant %s", text, got, want)
		}
	}
	f("", "<nil>")
	f(`name: "m" platform: "onnxruntime_onnx" backend: "onnxruntime" max_batch_size: 0`, "<nil>")
	f(`input { name: "x" is_shape_tensor: false allow_ragged_batch: false } model_transaction_policy { decoupled: false }`, "<nil>")
	f(`name: "other"`, `config.pbtxt: name is "other" and the model's folder is "m": they must be the same`)
	f(`platform: "tensorflow_graphdef"`, `config.pbtxt: platform is "tensorflow_graphdef": only onnxruntime_onnx is served`)
	f(`platform: "ensemble" ensemble_scheduling { step [ { model_name: "a" model_version: -1 } ] }`,
		`config.pbtxt: ensemble_scheduling is not served here: a request runs one model; platform is "ensemble": only onnxruntime_onnx is served`)
	f(`backend: "python"`, `config.pbtxt: backend is "python": only onnxruntime is served`)
	f(`sequence_batching { }`, `config.pbtxt: sequence_batching is not served here: requests are independent: no state is kept between them`)
	f(`model_transaction_policy { decoupled: true }`, `config.pbtxt: model_transaction_policy.decoupled is not served here: a request has one answer`)
	f(`input [ { name: "x" }, { name: "y" is_shape_tensor: true } ]`, `config.pbtxt: input[1].is_shape_tensor is not served here: it is for TensorRT plans`)
	f(`input { name: "x" allow_ragged_batch: true }`, `config.pbtxt: input[0].allow_ragged_batch is not served here: rows of different length share a batch by padding in model.yaml`)
	f(`output { name: "y" is_non_linear_format_io: true }`, `config.pbtxt: output[0].is_non_linear_format_io is not served here: it is for TensorRT plans`)
	f(`batch_input { kind: BATCH_ELEMENT_COUNT }`, `config.pbtxt: batch_input is not served here: no input is made up from the batch`)
	f(`batch_output { }`, `config.pbtxt: batch_output is not served here: outputs are split by rows alone`)
	f(`model_operations { op_library_filename: "a.so" }`, `config.pbtxt: model_operations is not served here: no library of operators is loaded`)
	f(`model_repository_agents { agents { name: "checksum" } }`, `config.pbtxt: model_repository_agents is not served here: the files are taken as they lie`)
	f(`max_batch_size: -1`, `config.pbtxt: max_batch_size is -1; it must be from 1 on, or 0 to run requests whole`)
	f(`default_model_filename: "../x.onnx"`, `config.pbtxt: default_model_filename is "../x.onnx"; it must be the name of a file in the version's folder`)
	f("default_model_filename: \"a\\000b\"", `config.pbtxt: default_model_filename is "a\x00b"; it must be the name of a file in the version's folder`)
	f(`output { name: "y" label_filename: "/etc/passwd" }`, `config.pbtxt: output[0].label_filename is "/etc/passwd"; it must be the name of a file beside config.pbtxt`)
	f(`version_policy { specific { } }`, `config.pbtxt: version_policy.specific names no version`)
	f(`version_policy { specific { versions: [ 0 ] } }`, `config.pbtxt: version_policy.specific names version 0; versions are from 1 on`)
	f(`version_policy { latest { num_versions: 0 } }`, `config.pbtxt: version_policy.latest.num_versions is 0; it must be from 1 on`)
	f(`input { dims: 1 }`, `config.pbtxt: input[0] has no name`)
	f(`input { name: "x" } input { name: "x" }`, `config.pbtxt: input[1] has the name "x", which another input has`)
	f(`input { name: "x" dims: [ 3, 0 ] }`, `config.pbtxt: input[0].dims has the size 0; it must be from 1 on, or -1 where it is free`)
	f(`input { name: "x" reshape { shape: [ 1 ] } }`, `config.pbtxt: input[0] has dims [] and reshape [1]: a reshape needs dims`)
	f(`input { name: "x" dims: [ 4 ] reshape { shape: [ 2, 3 ] } }`, `config.pbtxt: input[0] has dims [4] and reshape [2,3]: they do not hold the same number of elements`)
	f(`input { name: "x" dims: [ -1, 4 ] reshape { shape: [ 4 ] } }`, `config.pbtxt: input[0] has dims [-1,4] and reshape [4]: they have 1 and 0 free dimensions`)
	f(`input { name: "x" dims: [ 2, -1, 4 ] reshape { shape: [ 4, -1, 2 ] } }`, `config.pbtxt: input[0] has dims [2,-1,4] and reshape [4,-1,2]: they do not hold the same number of elements`)
	f(`input { name: "x" dims: [ 1 ] optional: true reshape { shape: [ ] } }`, `config.pbtxt: input[0] is optional and has a reshape: an optional input keeps the model's shape`)
	f("\nmax_batchsize: 1", `config.pbtxt: line 2: there is no field "max_batchsize"; did you mean max_batch_size?`)
}

func TestTritonSettings(t *testing.T) {
	f := func(text, yaml string, batch, rows int) {
		t.Helper()
		s, err := decodeTriton([]byte(text), "m")
		if err != nil {
			t.Fatal(err)
		}
		c, err := decodeOwn([]byte(yaml), s.over(Defaults{MaxRows: 2000}.WithDefaults()))
		if err != nil || c.MaxBatch != batch || c.MaxRows != rows {
			t.Errorf("%s with %q: max_batch %d, max_rows %d, %v; want %d and %d", text, yaml, c.MaxBatch, c.MaxRows, err, batch, rows)
		}
	}
	f("", "", 64, 2000)
	f("max_batch_size: 8", "", 8, 8)
	f("max_batch_size: 8", "max_batch: 16", 16, 16)
	f("max_batch_size: 8", "max_rows: 100", 8, 100)
	f("max_batch_size: 1", "", 1, 1)
	f("max_batch_size: 10000", "", 4096, 10000)
	f("max_batch_size: 0", "max_batch: 4", 4, 1024)
	f("max_batch_size: 0", "", 0, 1024)
	f(`input { name: "x" dims: 1 } output { name: "y" dims: 1 }`, "", 0, 1024)
	f(`input { name: "x" dims: 1 } output { name: "y" }`, "", 64, 2000)
}

// TestTritonAgainstTheFile holds a file of known signature against what config.pbtxt says of it.
func TestTritonAgainstTheFile(t *testing.T) {
	dir := t.TempDir()
	file := onnxgen.New(17).Input("x", onnxgen.Float32, "n", 2, "m").Input("k", onnxgen.Float32, 1).Floats("k", []int{1}, 3).
		Shaped("y", onnxgen.Float32, "n", 2, "m").Shaped("z", onnxgen.Float32, "n", 2, "m").Output("w").
		Node("Mul", "y", onnxgen.In("x", "k")).Node("Neg", "z", onnxgen.In("x")).Node("Abs", "w", onnxgen.In("x"))
	writeFile(t, filepath.Join(dir, "m/1/model.onnx"), string(file.File()))
	writeFile(t, filepath.Join(dir, "m/two.txt"), "a\nb\n\n")
	writeFile(t, filepath.Join(dir, "m/void.txt"), "\n")
	settings := filepath.Join(dir, "m", TritonFile)
	f := func(text, want string) {
		t.Helper()
		writeFile(t, settings, text)
		b := &Bundle{Name: "m", Version: "1", Dir: filepath.Join(dir, "m/1"), ModelName: ModelFile, Home: ".."}
		g, err := readHere(b)
		if err == nil {
			b.Schema, _, err = g.Settle(&b.Config, nil)
		}
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = Describe(b.Schema)
			for _, o := range b.Schema.Outputs {
				if o.Labels != nil {
					got += fmt.Sprint(" ", o.Name, o.Labels)
				}
			}
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
	const all = "x FP32[-1,2,-1] -> y FP32[-1,2,-1], z FP32[-1,2,-1], w FP32[-1,-1]"
	f("", all)
	f("max_batch_size: 4", all)
	f(`max_batch_size: 4 output { name: "z" }`, "x FP32[-1,2,-1] -> z FP32[-1,2,-1]")
	f(`max_batch_size: 4 output [ { name: "w" dims: [ 2, -1 ] }, { name: "y" } ]`, "x FP32[-1,2,-1] -> w FP32[-1,2,-1], y FP32[-1,2,-1]")
	f(`max_batch_size: 4 input { name: "x" data_type: TYPE_FP32 dims: [ 2, 5 ] }`, "x FP32[-1,2,5] -> y FP32[-1,2,-1], z FP32[-1,2,-1], w FP32[-1,-1]")
	f(`input { name: "x" dims: [ 2, 5 ] }`, "x FP32[-1,2,5] -> y FP32[-1,2,-1], z FP32[-1,2,-1], w FP32[-1,-1]")
	f(`max_batch_size: 0 input { name: "x" dims: [ 7, 2, 5 ] }`, "x FP32[7,2,5] -> y FP32[-1,2,-1], z FP32[-1,2,-1], w FP32[-1,-1]")
	f(`max_batch_size: 4 input { name: "x" dims: [ 2, -1 ] } input { name: "k" dims: [ 1 ] optional: true }`, "x FP32[-1,2,-1], optional k FP32[1] -> y FP32[-1,2,-1], z FP32[-1,2,-1], w FP32[-1,-1]")
	f(`max_batch_size: 4 input { name: "x" dims: [ 2, -1 ] reshape { shape: [ 1, 2, -1 ] } }`,
		`config.pbtxt: input "x" has reshape [1,2,-1] behind the batch axis, and the model file has the whole shape [-1,2,-1]: they must agree`)
	f(`max_batch_size: 4 input { name: "x" dims: [ -1, 2 ] reshape { shape: [ 2, -1 ] } }`, `config.pbtxt: input[0] has dims [-1,2] and reshape [2,-1]: they do not hold the same number of elements`)
	f(`max_batch_size: 4 input { name: "x" dims: [ 1, 2, -1 ] reshape { shape: [ 2, -1 ] } } output { name: "y" dims: [ 2, -1, 1 ] reshape { shape: [ 2, -1 ] } }`,
		"x FP32[-1,1,2,-1] reshaped to [-1,2,-1] -> y FP32[-1,2,-1,1] reshaped to [-1,2,-1]")
	f(`max_batch_size: 4 input { name: "x" dims: [ 3, -1 ] }`, `config.pbtxt: input "x" has dims [3,-1] behind the batch axis, and the model file has the whole shape [-1,2,-1]: they must agree`)
	f(`max_batch_size: 0 input { name: "x" dims: [ -1, -1, -1 ] }`, `config.pbtxt: input "x" has dims [-1,-1,-1], and the model file has the whole shape [-1,2,-1]: they must agree`)
	f(`max_batch_size: 4 input { name: "x" data_type: TYPE_INT64 }`, `config.pbtxt: input "x" has data_type TYPE_INT64, and the model file has TYPE_FP32: they must agree`)
	f(`max_batch_size: 4 output { name: "y" data_type: TYPE_STRING }`, `config.pbtxt: output "y" has data_type TYPE_STRING, and the model file has TYPE_FP32: they must agree`)
	f(`max_batch_size: 4 input { name: "q" }`, `config.pbtxt: the model has no input "q"; it has x`)
	f(`max_batch_size: 4 output { name: "q" }`, `config.pbtxt: the model has no output "q"; it has y, z, w`)
	f(`max_batch_size: 4 input { name: "k" dims: [ 1, 1 ] reshape { shape: [ 1 ] } }`, `config.pbtxt: input "k" is optional, as the file has a value for it, and has a reshape: an optional input keeps the model's shape`)
	f(`max_batch_size: 4 input { name: "x" optional: true }`, `config.pbtxt: input "x" is optional and the file has no value for it`)
	f(`max_batch_size: 4 output { name: "y" dims: [ 2, 1 ] label_filename: "two.txt" }`, "x FP32[-1,2,-1] -> y FP32[-1,2,1] y[a b]")
	f(`max_batch_size: 4 output { name: "y" dims: [ 2, 3 ] label_filename: "two.txt" }`, `config.pbtxt: "two.txt" has 2 labels for output "y", which has 6 values`)
	f(`max_batch_size: 4 output { name: "y" label_filename: "none.txt" }`, `config.pbtxt: output "y" has the labels of "none.txt", and there is no such file beside config.pbtxt`)
	f(`max_batch_size: 4 output { name: "y" label_filename: "void.txt" }`, `config.pbtxt: the labels of "void.txt" for output "y" are empty`)
	f(strings.Repeat("#", pbtxt.MaxBytes+1), "cannot read config.pbtxt: it has 1048577 bytes; the limit is 1048576")
}
