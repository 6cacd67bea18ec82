//go:build !race

package onnx

import (
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/onnxfile"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// TestRunsDoNotAllocate covers gathering, the run with a limit, and scattering.
func TestRunsDoNotAllocate(t *testing.T) {
	f := func(model string, rules onnxfile.Rules, change func(*Options), inputs ...tensor.Tensor) {
		t.Helper()
		s := openModel(t, model, rules, change)
		parts := make([]task.Part, 1)
		cycle := func() {
			a := task.Get()
			a.Rows = int(inputs[len(inputs)-1].Shape[0])
			a.Inputs = append(a.Inputs[:0], inputs...)
			a.Wanted = uint64(1)<<len(s.schema.Outputs) - 1
			a.Reserve(len(s.schema.Outputs))
			parts[0] = whole(a)
			_, err := s.Run(0, parts, clock.Now().Add(time.Minute))
			if err == nil {
				err = s.Scatter(0, parts)
			}
			if err != nil {
				t.Fatal(err)
			}
			a.Release()
		}
		cycle()
		if n := testing.AllocsPerRun(1000, cycle); n != 0 {
			t.Errorf("%s: %v allocations per run", model, n)
		}
	}
	f("simple", onnxfile.Rules{}, nil, input(dims(3, 16), [48]int32{}), input(dims(3, 16), [48]int32{}))
	f("fixed4", onnxfile.Rules{}, nil, input(dims(3, 3), [9]float32{}))
	f("dynamic_output", onnxfile.Rules{}, nil, input(dims(2, 3), [6]float32{}))
	f("id_fp16_dynamic", onnxfile.Rules{}, nil, input(dims(2, 2), [4]uint16{}))
	f("id_bytes", onnxfile.Rules{}, nil, input(dims(1, 2), "one", "two"))
	f("once", onnxfile.Rules{}, func(o *Options) { o.Schema, o.FixedBatch = listSchema(-1), 0 }, input(dims(1, 2), [2]float32{}), input(dims(3, 2), [6]float32{}))
	f("once_fixed", onnxfile.Rules{}, func(o *Options) { o.Schema, o.FixedBatch = listSchema(1), 0 }, input(dims(1, 2), [2]float32{}), input(dims(3, 2), [6]float32{}))
	f("label1", onnxfile.Rules{}, func(o *Options) {
		o.Schema = &tensor.Schema{MaxBatch: 8, Inputs: specs(spec("x", tensor.FP32, -1, 4)), Outputs: specs(dynamic("label", tensor.Int64, -1))}
	}, input(dims(3, 4), [12]float32{}))
	f("padded", onnxfile.Rules{}, func(o *Options) {
		o.Schema.Padding = &tensor.Padding{
			InputAxis: []int{1, 1}, OutputAxis: []int{-1, 1}, Buckets: []int{4},
			Values: [][]byte{make([]byte, 8), make([]byte, 8)},
		}
	}, input(dims(2, 3), [6]int64{}), input(dims(2, 3), [6]int64{}))
}
