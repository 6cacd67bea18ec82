package onnx

import (
	"errors"
	"slices"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"sluice/internal/device"
	"sluice/internal/onnxfile"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Every batch is run by the engine of its size, filled up to it, with the answers of one engine
// for all.
func TestAnEngineForEachBatchSize(t *testing.T) {
	apart := openModel(t, "simple", onnxfile.Rules{MaxBatch: 8}, func(o *Options) { o.apart = []int{1, 2, 4, 8} })
	one := openModel(t, "simple", onnxfile.Rules{MaxBatch: 8}, nil)
	if len(apart.engines) != 4 || len(one.engines) != 1 {
		t.Fatalf("%d and %d engines, want 4 and 1", len(apart.engines), len(one.engines))
	}
	fill := func(t *testing.T, s *Session, n int) *task.Task {
		t.Helper()
		var inputs []tensor.Tensor
		for k, in := range s.schema.Inputs {
			shape := append([]int64{int64(n)}, in.Shape[1:]...)
			elements, _ := tensor.Elements(shape)
			values := make([]float32, elements)
			for i := range values {
				values[i] = float32((i+k)%11) - 4
			}
			inputs = append(inputs, input(shape, values))
		}
		return newTask(s, n, inputs...)
	}
	for _, n := range []int{1, 2, 3, 8, 4, 5, 1, 7} {
		got, want := fill(t, apart, n), fill(t, one, n)
		mustRun(t, one, whole(want))
		mustRun(t, apart, whole(got))
		wantOutput(t, got, 0, want.Outputs[0].Shape, want.Outputs[0].Data)
		filled := device.Fill(apart.layout.Sizes, n)
		if b := apart.lanes[0].batch; b.Filled != filled {
			t.Errorf("%d rows were filled up to %d, want %d", n, b.Filled, filled)
		}
		for i, size := range apart.layout.Sizes {
			if same := apart.engineFor(filled) == apart.engines[i].handle; same != (size == filled) {
				t.Errorf("%d rows, filled up to %d: run by the engine for %d: %v", n, filled, size, same)
			}
		}
	}
}

// Where not all of the engines can be opened the error says what takes fewer.
func TestEnginesThatCannotAllBeOpened(t *testing.T) {
	f := func(n, can int, want string) {
		t.Helper()
		opened := 0
		s := &Session{}
		err := s.openEach(n, func() (engine, error) {
			if opened == can {
				return engine{}, errors.New("out of memory")
			}
			opened++
			return engine{owner: new(ort.DynamicAdvancedSession)}, nil
		})
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != want || len(s.engines) != can {
			t.Errorf("%d of %d: %d engines are kept and the error is %q, want %q", can, n, len(s.engines), text, want)
		}
	}
	f(3, 3, "")
	f(1, 0, "out of memory")
	f(3, 0, "out of memory")
	f(3, 2, "of 3 sessions, one for each batch size, 2 could be opened (cuda.session_per_size in the device's settings asks for them): out of memory")
}

// TestBatchesAreFilled is about sessions of a GPU, on the CPU, so that it is tested without one too:
// more rows are run, and the answers are the same.
func TestBatchesAreFilled(t *testing.T) {
	s := openModel(t, "simple", onnxfile.Rules{MaxBatch: 6}, nil)
	s.layout.Sizes = device.Sizes(true, 6, 0)
	a, b := simpleTask(s, 2, 1), simpleTask(s, 1, 7)
	alone := simpleTask(s, 1, 7)
	mustRun(t, s, whole(a), whole(b))
	if got := s.lanes[0].batch.Filled; got != 4 {
		t.Errorf("3 rows are run as %d, want 4", got)
	}
	s.layout.Sizes = nil
	mustRun(t, s, whole(alone))
	sameOutputs(t, b, alone)
}

func sameOutputs(t *testing.T, a, b *task.Task) {
	t.Helper()
	for k := range a.Outputs {
		if x, y := &a.Outputs[k], &b.Outputs[k]; !slices.Equal(x.Shape, y.Shape) || string(x.Data) != string(y.Data) {
			t.Errorf("output %q differs: %s and %s", x.Name, show(x.Type, x.Data), show(y.Type, y.Data))
		}
	}
}
