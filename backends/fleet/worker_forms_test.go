package fleet

import (
	"path/filepath"
	"testing"

	"sluice/internal/onnxfile"
	"sluice/internal/tensor"
)

// TestWorkerTakesWhatModelsGive: outputs in the forms that runs and not files tell, rows given
// once, optional inputs, and complaints are the same in a worker and in the gateway itself.
func TestWorkerTakesWhatModelsGive(t *testing.T) {
	d := startWorker(t, false)
	f := func(model string, change func(*tensor.Schema)) {
		t.Helper()
		path, err := filepath.Abs(filepath.Join("../../backends/onnx/testdata", model+".onnx"))
		if err != nil {
			t.Fatal(err)
		}
		here, there := openBoth(t, d, path, func(inf *onnxfile.Inference) {
			for k := range inf.Schema.Outputs {
				inf.Schema.Outputs[k].Dynamic = true
			}
			change(&inf.Schema)
			inf.FixedBatch = 0
		})
		for rows := 1; rows <= min(max(here.Schema().MaxBatch, 1), 3); rows++ {
			compareRuns(t, here, there, rows)
		}
	}
	batched := func(s *tensor.Schema) {
		s.MaxBatch, s.MaxRows, s.Optional = 4, 4, nil
		for _, specs := range [][]tensor.Spec{s.Inputs, s.Outputs} {
			for i := range specs {
				specs[i].Shape[0] = -1
			}
		}
	}
	whole := func(s *tensor.Schema) { s.MaxBatch, s.MaxRows, s.Optional = 0, 0, nil }
	for _, model := range []string{"label1", "column", "words", "keep_rows", "time_major", "traced", "intdiv", "strint", "gather", "id_fp16"} {
		f(model, batched)
		f(model, whole)
	}
	for _, model := range []string{"half_scalar", "split_by", "zipmap_int64s", "nonzero", "scalar", "optional"} {
		f(model, whole)
	}
	once := func(axis int64) func(*tensor.Schema) {
		return func(s *tensor.Schema) {
			batched(s)
			for _, spec := range []*tensor.Spec{&s.Inputs[0], &s.Outputs[1]} {
				spec.Once, spec.Shape[0] = true, axis
			}
		}
	}
	f("once", once(-1))
	f("once", once(1))
	f("once_fixed", once(1))
}
