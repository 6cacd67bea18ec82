package onnx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/onnxfile"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

func TestRunFaults(t *testing.T) {
	f := func(model string, kind fault.Kind, text string, inputs ...tensor.Tensor) {
		t.Helper()
		s := openModel(t, model, onnxfile.Rules{}, nil)
		a := newTask(s, 1, inputs...)
		err := run(t, s, whole(a))
		got := fault.Of(err)
		if err == nil || got.Kind != kind || !strings.Contains(got.Text, text) {
			t.Errorf("%s: the error is %v, want %s with %q", model, err, kind.Code(), text)
			return
		}
		if strings.Contains(got.Text, "Gather") || strings.Contains(got.Text, "/") {
			t.Errorf("%s: the client sees %q", model, got.Text)
		}
		if err := s.Scatter(0, []task.Part{whole(a)}); err == nil {
			t.Errorf("%s: a failed run handed out results", model)
		}
	}
	f("gather", fault.ModelRejectedInput, "rejected a value", input(dims(1), int64(10)))
	f("id_bytes", fault.InvalidBytes, `"INPUT0" has a string with a NUL byte (element 1)`, input(dims(1, 2), "good", "a\x00b"))
	f("id_bytes", fault.InvalidBytes, `"INPUT0" has fewer than 2 whole strings`, input(dims(1, 2), "good", uint32(9)))
	f("id_bytes", fault.InvalidBytes, `"INPUT0" has 5 bytes, too few for 1 rows of 2 strings`, input(dims(1, 2), "x"))
	f("lower", fault.InvalidBytes, "too few for 1 rows of 1099511627776 strings", input(dims(1, 1<<40), "x"))
	f("padded", fault.ShapeTooLarge, `"tokens" has rows of shape`, input(dims(1, 1<<50)), input(dims(1, 1<<50)))
	f("padded", fault.DataLengthMismatch, `"tokens" has 8 bytes for 1 rows of 16 bytes`, input(dims(1, 2), int64(1)), input(dims(1, 2), int64(1)))
	f("id_fp32", fault.DataLengthMismatch, `"INPUT0" has 4 bytes for 1 rows of 8 bytes`, input(dims(1, 2), float32(1)))
	f("padded", fault.WrongShape, `"tokens" has 1 dimensions; 2 are wanted`, input(dims(1), int64(1)), input(dims(1), int64(1)))
	f("padded", fault.ModelRejectedInput, "rejected a shape", input(dims(1, 2), int64(1), int64(1)), input(dims(1, 3), int64(1), int64(1), int64(1)))
	f("simple", fault.InferenceFailed, "could not be run", make([]tensor.Tensor, 0, 2)...)
}

func TestBatchOverItsLimit(t *testing.T) {
	s := openModel(t, "simple", onnxfile.Rules{MaxBatch: 4}, nil)
	if err := run(t, s, whole(simpleTask(s, 3, 0)), whole(simpleTask(s, 2, 0))); !fault.Is(err, fault.InferenceFailed) {
		t.Errorf("a batch of 5 rows ended with %v", err)
	}
	if err := run(t, s, whole(simpleTask(s, 4, 0))); err != nil {
		t.Errorf("a batch of 4 rows ended with %v", err)
	}
	n := openModel(t, "nonzero", onnxfile.Rules{}, nil)
	one := func() task.Part { return whole(newTask(n, 1, input(dims(1), float32(1)))) }
	if err := run(t, n, one(), one()); !fault.Is(err, fault.InferenceFailed) {
		t.Errorf("two tasks in a run of a whole-tensor model ended with %v", err)
	}
}

func TestPartsOfDifferentShape(t *testing.T) {
	s := openModel(t, "padded", onnxfile.Rules{}, nil)
	one := func(n int64) task.Part {
		data := make([]int64, n)
		return whole(newTask(s, 1, input(dims(1, n), data), input(dims(1, n), data)))
	}
	if err := run(t, s, one(2), one(3)); !fault.Is(err, fault.WrongShape) {
		t.Errorf("without padding, rows of 2 and 3 in one batch ended with %v", err)
	}
	if err := run(t, s, one(3), one(3)); err != nil {
		t.Error(err)
	}
}

func TestPaddedPartsThatDoNotFit(t *testing.T) {
	s := openModel(t, "padded", onnxfile.Rules{}, func(o *Options) {
		o.Schema.Padding = &tensor.Padding{
			InputAxis: []int{1, 1}, OutputAxis: []int{-1, 1}, Buckets: []int{4}, Values: [][]byte{make([]byte, 8), make([]byte, 8)},
		}
	})
	f := func(kind fault.Kind, text string, tokens, mask tensor.Tensor) {
		t.Helper()
		good := newTask(s, 1, input(dims(1, 2), [2]int64{}), input(dims(1, 2), [2]int64{}))
		err := run(t, s, whole(good), whole(newTask(s, 1, tokens, mask)))
		if !fault.Is(err, kind) || !strings.Contains(err.Error(), text) {
			t.Errorf("ended with %v, want %s with %q", err, kind.Code(), text)
		}
	}
	f(fault.WrongShape, `"mask" has size 9 on axis 1; 3 is wanted`, input(dims(1, 3), [3]int64{}), input(dims(1, 9), [9]int64{}))
	f(fault.DataLengthMismatch, `"mask" has 16 bytes for 1 rows of 24 bytes`, input(dims(1, 3), [3]int64{}), input(dims(1, 3), [2]int64{}))
	f(fault.WrongShape, `"tokens" has 3 dimensions; 2 are wanted`, input(dims(1, 3, 1), [3]int64{}), input(dims(1, 3), [3]int64{}))
}

func TestOnlyWantedOutputs(t *testing.T) {
	s := openModel(t, "simple", onnxfile.Rules{MaxBatch: 8}, nil)
	a, b := simpleTask(s, 1, 5), simpleTask(s, 2, 50)
	a.Wanted = 0b10
	mustRun(t, s, whole(a), whole(b))
	wantSimple(t, b, 50)
	if a.Outputs[0].Shape != nil || a.Outputs[1].Shape == nil {
		t.Errorf("a task that wants output 1 got %v", a.Outputs)
	}
	b = simpleTask(s, 2, 50)
	b.Wanted = 0b10
	mustRun(t, s, whole(b))
	if s.lanes[0].ran != 0b10 {
		t.Errorf("the session produced the outputs %b where only 10 were wanted", s.lanes[0].ran)
	}
}

func TestAnsweredPartsAreSkipped(t *testing.T) {
	s := openModel(t, "simple", onnxfile.Rules{MaxBatch: 8}, nil)
	a, b := simpleTask(s, 2, 5), simpleTask(s, 2, 50)
	parts := []task.Part{whole(a), whole(b)}
	if _, err := s.Run(0, parts, clock.Never); err != nil {
		t.Fatal(err)
	}
	parts[0].Task = nil
	if err := s.Scatter(0, parts); err != nil {
		t.Fatal(err)
	}
	wantSimple(t, b, 50)
	if a.Outputs[0].Data != nil {
		t.Error("a task that was answered already was written to")
	}
}

func TestOpenRefuses(t *testing.T) {
	needLibrary(t)
	schema := func() *tensor.Schema {
		return &tensor.Schema{
			MaxBatch: 8, Inputs: []tensor.Spec{{Name: "INPUT0", Type: tensor.FP32, Shape: dims(-1, 2)}},
			Outputs: []tensor.Spec{{Name: "OUTPUT0", Type: tensor.FP32, Shape: dims(-1, 2)}},
		}
	}
	f := func(path string, o Options, text string) {
		t.Helper()
		s, err := Open(path, o)
		if err == nil {
			err = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("Open(%s) ended with %v, want %q", path, err, text)
		}
	}
	good := modelPath("id_fp32")
	f(modelPath("absent"), Options{Schema: schema()}, "no such file")
	f(good, Options{}, "no inputs")
	f(good, Options{Schema: schema(), FixedBatch: 4}, "fixes the batch at 4 rows and the schema allows 8")
	other := schema()
	other.Outputs[0].Name = "absent"
	f(good, Options{Schema: other}, `output "absent": the file has no such output`)
	padded := schema()
	padded.Padding = &tensor.Padding{InputAxis: []int{1}, OutputAxis: []int{-1}, Values: [][]byte{{0}}}
	f(good, Options{Schema: padded}, "cannot be padded on axis 1 with 1 bytes")
	padded.Padding = &tensor.Padding{InputAxis: []int{1}}
	f(good, Options{Schema: padded}, "does not fit")

	garbage := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(garbage, []byte("not a model"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(garbage, Options{Schema: schema()}, "cannot open model")
}

func TestVersions(t *testing.T) {
	f := func(version string, ok bool) {
		t.Helper()
		if err := checkVersion(version); (err == nil) != ok {
			t.Errorf("checkVersion(%q) = %v", version, err)
		}
	}
	f("1.24.0", true)
	f("1.30.0", true)
	f("1.30.1-dev", true)
	f("1.31.1", true)
	f("1.23.2", false)
	f("1.32.0", true)
	f("1.33.0", false)
	f("2.24.0", false)
	f("", false)
}

func TestInit(t *testing.T) {
	needLibrary(t)
	f := func(path, text string) {
		t.Helper()
		if err := Init(Library{Path: path}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("Init(%q) = %v, want %q", path, err, text)
		}
	}
	f("", "no library is named")
	f("/absent/libonnxruntime.so", "no such file")
	f("main_test.go", "a process can load one library")
	needLibrary(t) // again: nothing happens
	if v := Version(); checkVersion(v) != nil {
		t.Errorf("Version() = %q", v)
	}
	if os.Getenv("ORT_DISABLE_TELEMETRY") != "1" {
		t.Error("telemetry is not switched off")
	}
}
