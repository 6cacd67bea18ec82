//go:build !race

package worker

import (
	"testing"
	"time"

	"sluice/backends/fake"
	"sluice/internal/clock"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// TestRunsDoNotAllocate covers gathering, the exchange with a limit, and scattering.
func TestRunsDoNotAllocate(t *testing.T) {
	d := start(t, "serve", nil)
	free := fake.Echo(8)
	free.Inputs[0].Shape, free.Outputs[0].Shape = []int64{-1, -1}, []int64{-1, -1}
	once := func(axis int64) *tensor.Schema {
		s := fake.Echo(8)
		user := tensor.Spec{Name: "user", Type: tensor.FP32, Shape: []int64{axis, 4}, Once: true}
		s.Inputs, s.Outputs = append(s.Inputs, user), append(s.Outputs, user)
		return s
	}
	for name, schema := range map[string]*tensor.Schema{"fixed": fake.Echo(8), "free": free, "once": once(-1), "one": once(1)} {
		s := open(t, d, "identity", schema, 1)
		parts := make([]task.Part, 1)
		in := []tensor.Tensor{numbers(4, 1, 2, 3).Inputs[0], numbers(4, 9).Inputs[0]}[:len(schema.Inputs)]
		cycle := func() {
			x := task.Get()
			x.Rows, x.Wanted = 3, ^uint64(0)
			x.Inputs = append(x.Inputs[:0], in...)
			x.Reserve(len(schema.Outputs))
			parts[0] = whole(x)
			_, err := s.Run(0, parts, clock.Now().Add(time.Minute))
			if err == nil {
				err = s.Scatter(0, parts)
			}
			if err != nil {
				t.Fatal(err)
			}
			x.Release()
		}
		cycle()
		if n := testing.AllocsPerRun(1000, cycle); n != 0 {
			t.Errorf("%s: %v allocations per run", name, n)
		}
	}
}
