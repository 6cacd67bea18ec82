package onnx

// Sizes are the batch sizes that the session really runs, rising; smaller batches are filled
// with copies of their last row. Nil means any size as it is. It must not be changed.
func (s *Session) Sizes() []int { return s.layout.Sizes }
