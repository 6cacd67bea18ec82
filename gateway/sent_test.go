package gateway

import (
	"testing"

	"sluice/internal/task"
	"sluice/internal/tensor"
)

// What was sent stays as it was, whatever filling does to the task, and keeping it allocates nothing once it has seen its usual load.
func TestSentStays(t *testing.T) {
	var s Sent
	one := &task.Task{Inputs: []tensor.Tensor{{Name: "id", Type: tensor.Int64, Shape: []int64{1}, Data: make([]byte, 8)}, {}}}
	keep := func() {
		s.reset()
		s.Keep(one)
	}
	keep()
	one.Inputs[0].Shape[0], one.Inputs[0].Data, one.Inputs[1].Type = 7, nil, tensor.FP32
	if in := s.Inputs; len(in) != 2 || in[0].Shape[0] != 1 || len(in[0].Data) != 8 || in[1].Type != tensor.Invalid {
		t.Errorf("%+v", in)
	}
	if n := testing.AllocsPerRun(100, keep); n > 0 {
		t.Errorf("%v allocations", n)
	}
	s.reset()
	if len(s.Inputs) != 0 {
		t.Error("it is not empty")
	}
}
