package main

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"sluice/internal/onnxgen"
)

// badModel is a model that operators get wrong, put into HERE/<model>, and what check, the index
// and readiness say of it.
type badModel struct {
	name, model string
	put         func(m machine, model string)
	gate        string // that refuses it; empty where it is not even taken for a model
	says        string // MODEL stands for its name
}

// with puts the good model and a file beside it, or in place of it.
func with(path, text string) func(machine, string) {
	return func(m machine, model string) {
		m.write(model+"/1/model.onnx", string(doubler().File()))
		m.write(model+"/"+path, text)
	}
}

// only puts a file that is all of the model.
func only(path, text string) func(machine, string) {
	return func(m machine, model string) { m.write(model+"/"+path, text) }
}

func graph(g *onnxgen.Graph) func(machine, string) { return only("1/model.onnx", string(g.File())) }

var half = string(doubler().File()[:40])

var modelMistakes = []badModel{
	{"a model file that is cut off", "cut", only("1/model.onnx", half), "files", "model.onnx is not a valid ONNX file: the data ends inside a field: it is damaged or not whole; copy or export it again"},
	{"an empty model file", "empty", only("1/model.onnx", ""), "files", "model.onnx: the file is empty: copy or export it again"},
	{"a model file of zeros", "zeros", only("1/model.onnx", strings.Repeat("\x00", 5000)), "files", "model.onnx begins with zeros in place of a model: it was not copied whole; copy it again"},
	{"an error page in place of a model", "page", only("1/model.onnx", "<html>\n404 not found"), "files", `model.onnx is a text in place of a model, and begins with "<html>": put the exported model there`},
	{"a pointer of Git LFS in place of a model", "lfs", only("1/model.onnx", "version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 5\n"), "files", "model.onnx is a pointer of Git LFS in place of a model: fetch the file with git lfs pull"},
	{"an archive in place of a model", "zip", only("1/model.onnx", "PK\x03\x04..."), "files", "model.onnx is an archive in place of a model: unpack it"},
	{"a model without inputs", "closed", graph(onnxgen.New(17).Floats("y", []int{1}, 1).Output("y")), "files", "the model has no inputs: export it with those that requests give"},
	{"an operator that the library does not have", "custom", graph(onnxgen.New(17).Input("x", onnxgen.Float32, "rows", 2).Node("Frobnicate", "y", []string{"x"}).Output("y")), "trial", "ONNX Runtime refuses to load it: it needs the operator Frobnicate, which this library does not have: export it without, or use a newer library"},
	{"operators newer than the library", "newer", graph(newer()), "trial", "ONNX Runtime refuses to load it: it needs operator set 99, and this library has them up to ...; export it for that one, or use a newer library"},
	{"weights that are not beside the model", "weights", graph(external()), "files", `cannot open external data "w.bin" beside the model: there is no such file; put it there, as the model keeps weights in it`},
	{"a digest that is not the file's", "digest", with("1/model.yaml", "sha256: {model.onnx: "+fmt.Sprintf("%x", sha256.Sum256(nil))+"}\n"), "files", "model.onnx has SHA-256 ...and model.yaml pins e3b0c442...: the file was changed, or the pin is of another one"},
	{"a model file that is too large", "holes", func(m machine, model string) { m.sparse(model+"/1/model.onnx", 3<<30) }, "files", "cannot read model.onnx: it has 3221225472 bytes; the limit is 2147483647"},
	{"settings that no parser can bear", "nested", with("1/model.yaml", strings.Repeat("[", 5000)), "files", "model.yaml: line 1: more than 4096 brackets and braces are opened"},
	{"settings that changed since they were pinned", "own", with("1/model.yaml", "sha256:\n  model.onnx: "+fmt.Sprintf("%x", sha256.Sum256(doubler().File()))+"\n  model.yaml: "+fmt.Sprintf("%x", sha256.Sum256(nil))+"\n"), "files", "model.yaml has SHA-256 ...and model.yaml pins e3b0c442...: the file was changed, or the pin is of another one"},
	{"a wrong golden answer", "golden", with("1/golden.jsonl", `{"request":`+doubled+`,"response":{"outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[3,9]}]}}`), "golden", "golden.jsonl line 1: the answer is wrong, worst in output y, row 0: 8 instead of 9 (...): either the model or the expected rows are of another training"},
	{"golden answers that are no JSON", "rows", with("1/golden.jsonl", `{"request"`), "golden", `golden.jsonl line 1: it is no golden row, {"request": ..., "response": ...}: unexpected end of JSON input`},
	{"an unknown key in model.yaml", "key", with("1/model.yaml", "buget: 100ms\n"), "files", `model.yaml line 1: there is no key "buget" (did you mean budget?): model.yaml may have budget, ...`},
	{"a bad value in model.yaml", "value", with("1/model.yaml", "budget: soon\n"), "files", `model.yaml line 1: budget is "soon"; it must be a time such as 250ms or 5s`},
	{"a budget out of range", "least", with("1/model.yaml", "budget: 1us\n"), "files", "model.yaml: budget is 1µs; it must be from 1ms to 1h0m0s"},
	{"bad indentation in model.yaml", "indent", with("1/model.yaml", "budget: 100ms\n  max_batch: 1\n"), "files", "model.yaml line 1: mapping value is not allowed in this context; see to the indentation, the colons and the brackets there"},
	{"a fault in the settings of all versions", "shared", with("model.yaml", "budget: 100ms\nmax_batch: many\n"), "files", `../model.yaml line 2: max_batch is "many"; it must be a whole number`},
	{"a criterion of an output that the model does not have", "criterion", with("model.yaml", "criteria:\n- {output: z, figure: differs, at_most: 1%}\n"), "schema", `../model.yaml line 2: criteria[0]: the model has no output "z"; it has y`},
	{"a version's key in the settings of all versions", "lineage", with("model.yaml", "lineage: {by: me}\n"), "files", "../model.yaml line 1: lineage is of one version: put it into the model.yaml of the version's own folder"},
	{"a model's key in the settings of a version", "promote", with("1/model.yaml", "promote: manual\n"), "files", "model.yaml line 1: promote is of the model, not of one version: put it into ../model.yaml, beside the folders of the versions"},
	{"a unit that the model does not take", "unit", with("model.yaml", "unit: user\n"), "schema", `../model.yaml: unit "user" is no input of the model; its inputs are x`},
	{"settings of all versions without a version", "none", only("model.yaml", "budget: 100ms\n"), "", "MODEL has a model.yaml and no version: its model belongs to MODEL/1/model.onnx"},
	{"a device that the server does not have", "device", with("1/model.yaml", "devices: [cuda:3]\n"), "files", `model.yaml line 1: device "cuda:3" is not there; there is cpu: take it out, or add it to the server's setting devices`},
	{"padding without its lengths", "padding", with("1/model.yaml", "padding: {axis: length}\n"), "files", "model.yaml: padding.buckets is empty; list the lengths to pad to, such as [16, 32, 64]"},
	{"a largest length of an axis that is not there", "lengths", with("1/model.yaml", "max_length: {seq: 512}\n"), "schema", `model.yaml: max_length names "seq", and the model has no free axis`},
	{"padding along an axis that is not there", "axis", with("1/model.yaml", "padding: {axis: length, buckets: [8, 16]}\n"), "schema", `model.yaml: padding.axis "length" is no free dimension of an input; the free ones are none`},
	{"a field of Triton's that is not served", "sequence", with("config.pbtxt", "sequence_batching {}"), "files", "config.pbtxt: sequence_batching is not served here: requests are independent: no state is kept between them"},
	{"a mistyped field of Triton's", "field", with("config.pbtxt", "max_batch_sise: 8"), "files", `config.pbtxt: line 1: there is no field "max_batch_sise"; did you mean max_batch_size?`},
	{"a Triton model of another platform", "platform", with("config.pbtxt", `platform: "tensorflow_graphdef"`), "files", `config.pbtxt: platform is "tensorflow_graphdef": only onnxruntime_onnx is served`},
	{"dims that are not the model's", "dims", with("config.pbtxt", `max_batch_size: 8 input [ { name: "x" data_type: TYPE_FP32 dims: [ 3 ] } ]`), "files", `config.pbtxt: input "x" has dims [3] behind the batch axis, and the model file has the whole shape [-1,2]: they must agree`},
	{"an input that the model does not have", "input", with("config.pbtxt", `max_batch_size: 8 input [ { name: "z" data_type: TYPE_FP32 dims: [ 2 ] } ]`), "files", `config.pbtxt: the model has no input "z"; it has x`},
	{"a label file that is not there", "labels", with("config.pbtxt", `max_batch_size: 8 output [ { name: "y" data_type: TYPE_FP32 dims: [ 2 ] label_filename: "l.txt" } ]`), "files", `config.pbtxt: output "y" has the labels of "l.txt", and there is no such file beside config.pbtxt`},
	{"the name of another model", "renamed", with("config.pbtxt", `name: "other"`), "files", `config.pbtxt: name is "other" and the model's folder is "renamed": they must be the same`},
	{"a model's name with a space", "my model", only("1/model.onnx", "x"), "", `the model name "my model" has " " at byte 2; letters, digits, '_', '.' and '-' are allowed; rename the folder`},
	{"a version without a model file", "bare", only("1/README", "soon"), "", "MODEL/1 has no model.onnx: put it there, or take the folder away"},
	{"a model file of another name", "case", only("1/Model.onnx", "x"), "", "MODEL/1 has no model.onnx: rename Model.onnx, or name it as default_model_filename in MODEL/config.pbtxt"},
	{"a model file beside its version's folder", "beside", func(m machine, model string) { m.write(model+"/model.onnx", "x"); m.folder(model+"/1", 0o755) }, "", "MODEL/model.onnx lies outside a version folder: move it to MODEL/1/model.onnx"},
	{"a model a folder too deep", "group", only("eta/1/model.onnx", "x"), "", "MODEL/eta has no model.onnx, and MODEL/eta/1/model.onnx lies a folder too deep: move it up, or name HERE/MODEL as the models folder"},
	{"a link in place of a model file", "linked", func(m machine, model string) {
		m.folder(model+"/1", 0o755)
		m.link(model+"/1/model.onnx", "../../eta.onnx")
	}, "files", "model.onnx is a symbolic link: a bundle holds its files itself; put the file there"},
	{"a link in place of a version", "version", func(m machine, model string) { m.folder(model, 0o755); m.link(model+"/1", "../eta") }, "", "MODEL: 1 is a symbolic link and is not followed: put what it points to there"},
	{"a file and a folder of one name", "twice", func(m machine, model string) { with("1/x", "")(m, model); m.write(model+".onnx", "x") }, "", "MODEL.onnx and the folder MODEL are both MODEL/1: the folder is served; rename the file or the folder"},
}

// newer is a graph for operators that no library has yet.
func newer() *onnxgen.Graph {
	g := doubler()
	g.Opset = 99
	return g
}

// external is a graph whose weights lie in a file beside it.
func external() *onnxgen.Graph {
	return onnxgen.New(17).Input("x", onnxgen.Float32, "rows", 2).External("w", onnxgen.Float32, []int{2}, "w.bin").Node("Add", "y", []string{"x", "w"}).Output("y")
}
