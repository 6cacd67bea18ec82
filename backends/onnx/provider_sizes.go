package onnx

import "sluice/internal/device"

// Sizes are the batch sizes that the session really runs, rising; smaller batches are filled
// with copies of their last row. Nil means any size as it is. It must not be changed.
func (s *Session) Sizes() []int { return s.sizes }

// fill is the size that a batch of so many rows is run at.
func (s *Session) fill(rows int) int { return device.Fill(s.sizes, rows) }
