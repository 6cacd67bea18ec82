package target

import (
	"bytes"
	"hash/maphash"
	"slices"

	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// onceSeed makes the hashes of inputs that are given once different in each process, so that
// no client can choose bytes that share a key with those of another.
var onceSeed = maphash.MakeSeed()

// oneRow reports whether a run takes one row of the input, for all its rows. Only requests
// with equal bytes there may share a run.
func oneRow(spec *tensor.Spec) bool {
	return spec.Once && len(spec.Shape) > 0 && spec.Shape[0] == 1
}

// settleOnce fixes the rows of the request and checks the inputs that are given once against
// them: each has one row, or one for each row of the request. Equal rows of an input of which
// a run takes one are reduced to the first.
//
// So are those of any where an output follows what is given once: it has one row.
//
// What is repeated for a run is bounded like a tensor that is sent, and counted in Task.Repeated.
//
// Where all inputs are given once the request has one row, or as many as one of them repeats.
func (d *Target) settleOnce() error {
	t := d.Task
	if t.Rows == 0 {
		t.Rows = 1
		for i := range d.Schema.Inputs {
			if in := &t.Inputs[i]; len(in.Shape) > 0 && !oneRow(&d.Schema.Inputs[i]) {
				t.Rows = max(t.Rows, int(in.Shape[0]))
			}
		}
	}
	for i := range d.Schema.Inputs {
		spec, in := &d.Schema.Inputs[i], &t.Inputs[i]
		if !spec.Once || len(in.Shape) == 0 {
			continue
		}
		if in.Shape[0] != 1 && in.Shape[0] != int64(t.Rows) {
			return fault.Newf(fault.BatchMismatch, "input '%s' batch size does not match other inputs for '%s': got %d, others have %d; it is given once per request, so 1 will do", spec.Name, d.Model, in.Shape[0], t.Rows)
		}
		if in.Shape[0] != 1 && !oneRow(spec) && !d.onceOutput() {
			continue
		}
		row, same := firstRow(in)
		if !same {
			return fault.Newf(fault.BatchMismatch, "input '%s' of model '%s' is given once per request, but its %d rows differ", spec.Name, d.Model, t.Rows)
		}
		in.Shape[0], in.Data = 1, row
		if err := d.repeated(spec, in); err != nil {
			return err
		}
	}
	return nil
}

// repeated counts what a run's copies of an input's one row take, beyond the row itself.
func (d *Target) repeated(spec *tensor.Spec, in *tensor.Tensor) error {
	if oneRow(spec) {
		return nil
	}
	rows := min(d.Task.Rows, d.Schema.MaxBatch)
	bytes := int64(len(in.Data)) * int64(rows)
	if bytes > d.Limits.MaxTensorBytes {
		return fault.Newf(fault.ShapeTooLarge, "input '%s' is given once and takes %d bytes when it is repeated for the %d rows of a run, more than the limit of %d (limits.max_decompressed_bytes)", spec.Name, bytes, rows, d.Limits.MaxTensorBytes)
	}
	d.Task.Repeated += bytes - int64(len(in.Data))
	return nil
}

// onceOutput reports whether an output has one row a request.
func (d *Target) onceOutput() bool {
	return slices.ContainsFunc(d.Schema.Outputs, func(s tensor.Spec) bool { return s.Once })
}

// firstRow returns the data of a tensor's first row, and whether all rows are equal to it.
func firstRow(in *tensor.Tensor) (row []byte, same bool) {
	rows := int(in.Shape[0])
	size := len(in.Data) / rows
	if in.Type == tensor.Bytes {
		span, err := tensor.BytesSpan(in.Data, 0, tensor.RowElements(in.Shape))
		if err != nil || len(span)*rows != len(in.Data) {
			return nil, false
		}
		size = len(span)
	}
	// Rows are all equal if each is equal to the one before it.
	return in.Data[:size:size], bytes.Equal(in.Data[size:], in.Data[:len(in.Data)-size])
}
