package onnx

import (
	"errors"
	"strings"
	"testing"

	"sluice/internal/complaint"
	"sluice/internal/fault"
	"sluice/internal/onnxfile"
	"sluice/internal/tensor"
)

// TestOperatorsComplain: what an operator refuses is its caller's, in words that name the kind;
// who complained about what, and the library's code, come with the cause.
func TestOperatorsComplain(t *testing.T) {
	f := func(model string, rows int, op, node string, kind complaint.Kind, text string, inputs ...tensor.Tensor) {
		t.Helper()
		s := openModel(t, model, onnxfile.Rules{}, func(o *Options) {
			for k := range o.Schema.Outputs {
				o.Schema.Outputs[k].Dynamic = true
			}
			if model == "split_by" {
				o.Schema.MaxBatch, o.Schema.MaxRows = 0, 0
			}
		})
		err := run(t, s, whole(newTask(s, rows, inputs...)))
		got := fault.Of(err)
		if err == nil || got.Kind != fault.ModelRejectedInput || !strings.Contains(got.Text, "the model rejected "+text) {
			t.Errorf("%s: ended with %v, want the text %q", model, err, text)
			return
		}
		var said *complaint.Error
		if !errors.As(err, &said) || said.Op != op || said.Node != node || said.Kind != kind || said.Code == complaint.Unknown || said.Loading {
			t.Errorf("%s: the complaint is %+v", model, said)
		}
	}
	const number = "a value of the request's inputs, such as an index out of range or a string that is no number"
	f("gather", 1, "Gather", "", complaint.Value, number, input(dims(1), int64(10)))
	f("gather", 1, "Gather", "", complaint.Value, number, input(dims(1), int64(-11)))
	f("strint", 2, "Cast", "number", complaint.Value, number, input(dims(2), "7", "seven"))
	f("traced", 2, "Reshape", "flat", complaint.Shape, "a shape of", input(dims(2, 4), [8]float32{}))
	f("split_by", 1, "Split", "", complaint.Length, "a length in", input(dims(3), [3]float32{}), input(dims(2), int64(1), int64(4)))
	if !strings.HasPrefix(Version(), "1.24.") { // 1.24 ends the process
		f("intdiv", 1, "Div", "ratio", complaint.Value, number, input(dims(1), int32(1)), input(dims(1), int32(0)))
	}
}

// TestWhatCannotBeLoaded says so itself, apart from what loads and then complains.
func TestWhatCannotBeLoaded(t *testing.T) {
	needLibrary(t)
	schema := &tensor.Schema{Inputs: specs(spec("x", tensor.FP32, -1)), Outputs: specs(dynamic("y", tensor.FP32))}
	for _, model := range []string{"complaints_test.go", "testdata/make_models.py"} {
		s, err := Open(model, Options{Schema: schema})
		if err == nil {
			t.Fatalf("%s was opened: %v", model, s.Close())
		}
		var said *complaint.Error
		if !errors.As(err, &said) || !said.Loading {
			t.Errorf("%s: ended with %v, which does not say that it was not loaded", model, err)
		}
	}
	if _, err := Open(modelPath("absent"), Options{Schema: schema}); errors.As(err, new(*complaint.Error)) {
		t.Errorf("a file that is not there is the library's complaint: %v", err)
	}
}
