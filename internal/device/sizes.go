package device

import "slices"

// Sizes are the batch sizes that a session on a device runs at, rising: smaller batches are
// filled to the next of them. Nil means any size as it is.
//
// A GPU compiles kernels, plans memory or builds an engine for every shape, inside the run that
// meets it first. So it gets few, all met in warm-up: powers of two up to the largest batch,
// and that itself, which makes up at most as many rows as are real. compiled is set for such a device;
// fixedBatch is the size that the model's file fixes, 0 if none; maxBatch is 0 for a model that
// cannot batch.
func Sizes(compiled bool, maxBatch, fixedBatch int) (sizes []int) {
	switch {
	case maxBatch == 0:
		return nil
	case fixedBatch > 0:
		return []int{fixedBatch}
	case !compiled:
		return nil
	}
	for n := 1; n < maxBatch; n *= 2 {
		sizes = append(sizes, n)
	}
	return append(sizes, maxBatch)
}

// Fill is the size at which a batch of so many rows is run, given what Sizes returned. rows must
// not be more than the largest.
func Fill(sizes []int, rows int) int {
	if sizes == nil {
		return rows
	}
	i, _ := slices.BinarySearch(sizes, rows)
	return sizes[i]
}
