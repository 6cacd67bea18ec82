package onnx

import (
	"slices"

	"sluice/internal/device"
)

// ladder is the batch sizes that a GPU session runs at: powers of two up to the largest
// batch, and that itself. A GPU compiles kernels, plans memory or builds an engine for
// every shape, inside the run that meets it first; so there are few, all met in warm-up. A batch
// is filled to the next of them with copies of its last row, at most as many as it has.
func ladder(most int) []int {
	var sizes []int
	for n := 1; n < most; n *= 2 {
		sizes = append(sizes, n)
	}
	return append(sizes, most)
}

// setSizes fixes the batch sizes that the session sees.
func (s *Session) setSizes(o *Options) {
	switch {
	case !o.Schema.Batchable():
	case o.FixedBatch > 0:
		s.sizes = []int{o.FixedBatch}
	case o.Provider.Device.Kind != device.CPU:
		s.sizes = ladder(o.Schema.MaxBatch)
	}
}

// Sizes are the batch sizes that the session really runs, rising; smaller batches are filled
// with copies of their last row. Nil means any size as it is. It must not be changed.
func (s *Session) Sizes() []int { return s.sizes }

// fill is the size that a batch of so many rows is run at.
func (s *Session) fill(rows int) int {
	if s.sizes == nil {
		return rows
	}
	i, _ := slices.BinarySearch(s.sizes, rows)
	return s.sizes[i]
}
