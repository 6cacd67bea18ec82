package onnx

import (
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// openSchema opens a test model with a schema of the test's own.
func openSchema(tb testing.TB, model string, s *tensor.Schema) *Session {
	tb.Helper()
	needLibrary(tb)
	session, err := Open(modelPath(model), Options{Schema: s})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := session.Close(); err != nil {
			tb.Error(err)
		}
	})
	return session
}

func spec(name string, t tensor.DataType, shape ...int64) tensor.Spec {
	return tensor.Spec{Name: name, Type: t, Shape: shape}
}

func dynamic(name string, t tensor.DataType, shape ...int64) tensor.Spec {
	s := spec(name, t, shape...)
	s.Dynamic = true
	return s
}

func specs(all ...tensor.Spec) []tensor.Spec { return all }

// rowsOf4 has rows of four numbers, whose largest stands at the row's own number.
func rowsOf4(rows int) tensor.Tensor {
	x := make([]float32, 4*rows)
	for i := range rows {
		x[4*i+i%4] = 5
	}
	return input(dims(int64(rows), 4), x)
}

// TestOutputsThatTheFileDeclaresWrongly: what converters declare and what a run gives.
func TestOutputsThatTheFileDeclaresWrongly(t *testing.T) {
	x := spec("x", tensor.FP32, -1, 4)
	s := openSchema(t, "label1", &tensor.Schema{MaxBatch: 8, Inputs: specs(x), Outputs: specs(dynamic("label", tensor.Int64, -1), spec("scores", tensor.FP32, -1, 4))})
	a, b := newTask(s, 3, rowsOf4(3)), newTask(s, 2, rowsOf4(2))
	mustRun(t, s, whole(a), whole(b))
	wantOutput(t, a, 0, dims(3), int64(0), int64(1), int64(2))
	wantOutput(t, b, 0, dims(2), int64(0), int64(1))

	s = openSchema(t, "column", &tensor.Schema{MaxBatch: 8, Inputs: specs(x), Outputs: specs(dynamic("y", tensor.FP32, -1))})
	a, b = newTask(s, 1, rowsOf4(1)), newTask(s, 2, rowsOf4(2))
	mustRun(t, s, whole(a), whole(b))
	wantOutput(t, a, 0, dims(1, 1), float32(5))
	wantOutput(t, b, 0, dims(2, 1), float32(5), float32(5))

	// Not even the rank need be known.
	s = openSchema(t, "column", &tensor.Schema{MaxBatch: 8, Inputs: specs(x), Outputs: specs(dynamic("y", tensor.FP32))})
	a = newTask(s, 2, rowsOf4(2))
	mustRun(t, s, whole(a))
	wantOutput(t, a, 0, dims(2, 1), float32(5), float32(5))

	s = openSchema(t, "words", &tensor.Schema{MaxBatch: 8, Inputs: specs(spec("x", tensor.Bytes, -1, 2)), Outputs: specs(dynamic("y", tensor.Bytes, -1))})
	a, b = newTask(s, 1, input(dims(1, 2), "a", "bc")), newTask(s, 1, input(dims(1, 2), "", "d"))
	mustRun(t, s, whole(a), whole(b))
	wantOutput(t, a, 0, dims(1, 1, 2), "a", "bc")
	wantOutput(t, b, 0, dims(1, 1, 2), "", "d")

	// Whole tensors have any shape.
	s = openSchema(t, "time_major", &tensor.Schema{Inputs: specs(spec("x", tensor.Int64, 1, -1)), Outputs: specs(dynamic("y", tensor.FP32, 1, -1))})
	for length := range int64(3) {
		a = newTask(s, 1, input(dims(1, length), []int64{2, 0, 1}[:length]))
		mustRun(t, s, whole(a))
		wantOutput(t, a, 0, dims(length, 1, 2), []float32{4, 5, 0, 1, 2, 3}[:2*length])
	}
	s = openSchema(t, "keep_rows", &tensor.Schema{Inputs: specs(x), Outputs: specs(dynamic("y", tensor.FP32, -1, 4))})
	a = newTask(s, 1, input(dims(3, 4), float32(1), [4]float32{}, float32(2), [3]float32{}, [3]float32{}))
	mustRun(t, s, whole(a))
	wantOutput(t, a, 0, dims(2, 4), float32(1), [3]float32{}, float32(0), float32(2), [2]float32{})
	a = newTask(s, 1, input(dims(1, 4), [4]float32{}))
	mustRun(t, s, whole(a))
	wantOutput(t, a, 0, dims(0, 4))

	s = openSchema(t, "half_scalar", &tensor.Schema{Inputs: specs(spec("x", tensor.FP32, -1)), Outputs: specs(dynamic("sum", tensor.FP32), dynamic("half", tensor.FP16, -1))})
	a = newTask(s, 1, input(dims(2), float32(1), float32(0.5)))
	mustRun(t, s, whole(a))
	wantOutput(t, a, 0, dims(), float32(1.5))
	wantOutput(t, a, 1, dims(), uint16(0x3e00))
}

// TestSequencesWithDynamicOutputs: maps are read as ever, in batches and whole.
func TestSequencesWithDynamicOutputs(t *testing.T) {
	row := []any{float32(1), float32(2), float32(3)}
	for _, most := range []int{0, 8} {
		x := spec("x", tensor.FP32, -1, 3)
		out := dynamic("probabilities", tensor.FP32, -1, 3)
		out.Labels = []string{"7", "3", "5"}
		s := openSchema(t, "zipmap_int64s", &tensor.Schema{MaxBatch: most, Inputs: specs(x), Outputs: specs(dynamic("same", tensor.FP32, -1, 3), out)})
		a := newTask(s, 1, input(dims(1, 3), row...))
		mustRun(t, s, whole(a))
		wantOutput(t, a, 0, dims(1, 3), row...)
		wantOutput(t, a, 1, dims(1, 3), row...)
	}
}

// TestOutputsThatDoNotFit: the client is told which output, and both shapes.
func TestOutputsThatDoNotFit(t *testing.T) {
	f := func(model string, s *tensor.Schema, text string, in tensor.Tensor, rows int) {
		t.Helper()
		session := openSchema(t, model, s)
		err := run(t, session, whole(newTask(session, rows, in)))
		if got := fault.Of(err); err == nil || got.Kind != fault.InferenceFailed || got.Text != text {
			t.Errorf("%s: ended with %v, want %q", model, err, text)
		}
	}
	x := spec("x", tensor.FP32, -1, 4)
	batch := func(out tensor.Spec) *tensor.Schema {
		return &tensor.Schema{MaxBatch: 8, Inputs: specs(x), Outputs: specs(out)}
	}
	f("keep_rows", batch(dynamic("y", tensor.FP32, -1, 4)), "the model gave output 'y' in the shape [0,4] for a batch of 2 rows", input(dims(2, 4), [8]float32{}), 2)
	f("keep_rows", batch(dynamic("y", tensor.FP32, -1, 4)), "the model gave output 'y' in the shape [0,4] for a batch of 1 row", input(dims(1, 4), [4]float32{}), 1)
	f("half_scalar", &tensor.Schema{MaxBatch: 8, Inputs: specs(spec("x", tensor.FP32, -1)), Outputs: specs(dynamic("sum", tensor.FP32, -1))},
		"the model gave output 'sum' in the shape [] for a batch of 2 rows", input(dims(2), [2]float32{}), 2)
	f("column", batch(dynamic("y", tensor.Int64, -1)), "the model gave output 'y' of the type FP32 where INT64 is declared", rowsOf4(2), 2)
	// Of memory that was laid out the library itself says that it does not fit.
	f("keep_rows", &tensor.Schema{Inputs: specs(x), Outputs: specs(spec("y", tensor.FP32, 1, 4))}, "the model gave output 'y' in the shape [0,4] where [1,4] is declared", input(dims(1, 4), [4]float32{}), 1)
	f("label1", &tensor.Schema{Inputs: specs(x), Outputs: specs(spec("label", tensor.Int64, 1))}, "the model gave output 'label' in the shape [3] where [1] is declared", rowsOf4(3), 1)
}

// TestDynamicOutputsAreSplitOverRuns: the parts of a large request agree on what a row is.
func TestDynamicOutputsAreSplitOverRuns(t *testing.T) {
	s := openSchema(t, "label1", &tensor.Schema{MaxBatch: 2, MaxRows: 8, Inputs: specs(spec("x", tensor.FP32, -1, 4)), Outputs: specs(dynamic("label", tensor.Int64, -1))})
	a := newTask(s, 3, rowsOf4(3))
	mustRun(t, s, task.Part{Task: a, From: 2, To: 3})
	mustRun(t, s, task.Part{Task: a, From: 0, To: 2})
	wantOutput(t, a, 0, dims(3), int64(0), int64(1), int64(2))
	g := openSchema(t, "time_major", &tensor.Schema{Inputs: specs(spec("x", tensor.Int64, 1, -1)), Outputs: specs(dynamic("y", tensor.FP32))})
	if _, inPlace, err := g.Output(0, 0); err == nil || inPlace || !strings.Contains(err.Error(), "no result") {
		t.Errorf("before a run the output is in place: %v, %v", inPlace, err)
	}
}
