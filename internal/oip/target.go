package oip

import (
	"slices"
	"unsafe"

	"sluice/internal/fault"
	"sluice/internal/near"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// target is the task that a decoder fills, and what its inputs must satisfy.
type target struct {
	schema *tensor.Schema
	model  string
	lim    Limits
	t      *task.Task
}

// reserveInputs gives the task n empty inputs.
func reserveInputs(t *task.Task, n int) {
	if cap(t.Inputs) < n {
		t.Inputs = make([]tensor.Tensor, n)
	}
	t.Inputs, t.Optional = t.Inputs[:n], t.Optional[:0]
	clear(t.Inputs)
	t.Rows, t.Wanted, t.ShapeKey, t.MostRows, t.Repeated = 0, 0, 0, 0, 0
}

// slot is the tensor of the task for input i of those that a request may give. The first
// optional input that is given makes room for all of them.
func (d *target) slot(i int) *tensor.Tensor {
	if i < len(d.schema.Inputs) {
		return &d.t.Inputs[i]
	}
	if len(d.t.Optional) == 0 {
		n := len(d.schema.Optional)
		d.t.Optional = slices.Grow(d.t.Optional, n)[:n]
		clear(d.t.Optional)
	}
	return &d.t.Optional[i-len(d.schema.Inputs)]
}

// unknownInput is the fault of an input that the model does not have.
func (d *target) unknownInput(name []byte) error {
	all := make([]string, len(d.schema.Inputs)+len(d.schema.Optional))
	for i := range all {
		all[i] = d.schema.Given(i).Name
	}
	return fault.Newf(fault.UnknownInput, "unexpected inference input '%s' for model '%s'; its inputs: %s", fault.Shown(name), d.model, near.List(string(name), all))
}

// unknownOutput is the fault of an output that the model does not have.
func (d *target) unknownOutput(name []byte) error {
	all := make([]string, len(d.schema.Outputs))
	for k := range all {
		all[k] = d.schema.Outputs[k].Name
	}
	return fault.Newf(fault.UnknownOutput, "unexpected inference output '%s' for model '%s'; its outputs: %s", fault.Shown(name), d.model, near.List(string(name), all))
}

// place checks a shape against input i of those that a request may give and enters the tensor,
// still without data, into the task.
func (d *target) place(i int, dims []int64) error {
	spec := d.schema.Given(i)
	elements, err := checkSize(spec, dims)
	if err != nil {
		return err
	}
	want, got := spec.OnWire(), dims
	if i < len(d.schema.Inputs) && d.schema.Batchable() && len(dims) > 0 && len(dims) == len(want) {
		if err := d.batch(spec, dims); err != nil {
			return err
		}
		if spec.Once {
			want, got = want[1:], got[1:] // settleOnce checks axis 0
		}
	}
	if !fits(want, got) {
		return fault.Newf(fault.WrongShape, "unexpected shape for input '%s' for model '%s'. Expected %s, got %s", spec.Name, d.model, showShape(spec.OnWire()), showShape(dims))
	}
	// The axes of an input that is reshaped are known when it has been.
	if i < len(d.schema.Inputs) && spec.Wire == nil {
		if err := d.shortEnough(i, dims); err != nil {
			return err
		}
	}
	if elements > d.lim.MaxElements {
		return fault.Newf(fault.ShapeTooLarge, "input '%s' has %d elements, more than the limit of %d (limits.max_elements)", spec.Name, elements, d.lim.MaxElements)
	}
	if bytes := elements * int64(spec.Type.Size()); bytes > d.lim.MaxTensorBytes {
		return tooManyBytes(spec.Name, bytes, d.lim.MaxTensorBytes)
	}
	*d.slot(i) = tensor.Tensor{Name: spec.Name, Type: spec.Type, Shape: keepShape(&d.t.Arena, dims)}
	return nil
}

// checkSize counts the elements, in int64 as the wire's sizes are.
func checkSize(spec *tensor.Spec, dims []int64) (elements int64, err error) {
	elements, ok := tensor.Elements(dims)
	if !ok {
		return 0, fault.Newf(fault.ShapeTooLarge, "shape %s of input '%s' causes total element count to exceed maximum size of 9223372036854775807", showShape(dims), spec.Name)
	}
	if elements > (1<<63-1)/int64(max(spec.Type.Size(), 1)) {
		return 0, fault.Newf(fault.ShapeTooLarge, "byte size overflow for input '%s' of shape %s", spec.Name, showShape(dims))
	}
	return elements, nil
}

// batch checks axis 0 of an input whose model takes rows. The rows of an input that is given
// once are compared with those of the others when all inputs are there.
func (d *target) batch(spec *tensor.Spec, dims []int64) error {
	rows := dims[0]
	switch {
	case rows == 0:
		return fault.Newf(fault.InvalidShape, "input '%s' has no rows: axis 0 of its shape %s counts the rows of the request, and there must be one at least", spec.Name, showShape(dims))
	case rows > int64(d.schema.MaxRows):
		return fault.Newf(fault.BatchTooLarge, "inference request batch-size must be <= %d for '%s', got %d (max_rows in its model.yaml)", d.schema.MaxRows, d.model, rows)
	case spec.Once:
		return nil
	case d.t.Rows != 0 && rows != int64(d.t.Rows):
		return fault.Newf(fault.BatchMismatch, "input '%s' batch size does not match other inputs for '%s': got %d, others have %d", spec.Name, d.model, rows, d.t.Rows)
	}
	d.t.Rows = int(rows)
	return nil
}

// fits reports whether dims match a shape with free (-1) dimensions.
func fits(shape, dims []int64) bool {
	if len(shape) != len(dims) {
		return false
	}
	for i, want := range shape {
		if want >= 0 && dims[i] != want {
			return false
		}
	}
	return true
}

func tooManyBytes(name string, got, limit int64) error {
	return fault.Newf(fault.ShapeTooLarge, "input '%s' has %d bytes, more than the limit of %d (limits.max_decompressed_bytes)", name, got, limit)
}

// alloc returns memory of the task for n bytes of an input, if the inputs of all requests leave some.
func (d *target) alloc(n int) ([]byte, error) {
	if err := d.claim(n); err != nil {
		return nil, err
	}
	return d.t.Arena.Alloc(n), nil
}

// claim counts memory for n bytes of an input before it is taken.
func (d *target) claim(n int) error {
	if !d.t.Arena.Claim(d.lim.Inputs, n) {
		return d.noRoom()
	}
	return nil
}

func (d *target) noRoom() error {
	return fault.Newf(fault.NoCapacity, "the inputs of the requests that wait and run would together take more than %d bytes (limits.max_inputs_bytes); try again", d.lim.Inputs.Limit())
}

// keepShape copies dims into the arena, so that a shape lives as long as its data.
func keepShape(a *tensor.Arena, dims []int64) []int64 {
	if len(dims) == 0 {
		return []int64{}
	}
	b := a.Alloc(8 * len(dims)) // 8-byte aligned
	kept := unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(b))), len(dims))
	copy(kept, dims)
	return kept
}
