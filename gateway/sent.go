package gateway

import (
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Sent is the inputs of a task as the client sent them, by ModelInfo.Client: filling puts others in their place. It is good until the
// task's end, which has the data.
type Sent struct {
	Inputs []tensor.Tensor
	shapes []int64
}

// Keep notes the inputs of a decoded task that is about to be filled. Filling changes shapes in place, so these are copied.
func (s *Sent) Keep(t *task.Task) {
	s.Inputs, s.shapes = append(s.Inputs[:0], t.Inputs...), s.shapes[:0]
	for i := range s.Inputs {
		at := len(s.shapes)
		s.shapes = append(s.shapes, s.Inputs[i].Shape...)
		s.Inputs[i].Shape = s.shapes[at:len(s.shapes):len(s.shapes)]
	}
}

// reset forgets them.
func (s *Sent) reset() {
	clear(s.Inputs)
	s.Inputs = s.Inputs[:0]
}
