package target

import (
	"slices"

	"sluice/internal/fault"
	"sluice/internal/near"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Target is the task that a decoder fills, and what its inputs must satisfy.
type Target struct {
	Schema *tensor.Schema
	Model  string // in error texts only
	Limits Limits
	Task   *task.Task
}

// New is a target without inputs. lim may be nil.
func New(schema *tensor.Schema, model string, lim *Limits, t *task.Task) Target {
	n := len(schema.Inputs)
	if cap(t.Inputs) < n {
		t.Inputs = make([]tensor.Tensor, n)
	}
	t.Inputs, t.Optional = t.Inputs[:n], t.Optional[:0]
	clear(t.Inputs)
	t.Rows, t.Wanted, t.ShapeKey, t.MostRows, t.Repeated = 0, 0, 0, 0, 0
	return Target{schema, model, lim.filled(), t}
}

// Resume is a target for a task whose inputs are there, or will be once they are filled.
func Resume(schema *tensor.Schema, model string, lim *Limits, t *task.Task) Target {
	return Target{schema, model, lim.filled(), t}
}

// Slot is the tensor of the task for input i of those that a request may give. The first
// optional input that is given makes room for all of them.
func (d *Target) Slot(i int) *tensor.Tensor {
	if i < len(d.Schema.Inputs) {
		return &d.Task.Inputs[i]
	}
	if len(d.Task.Optional) == 0 {
		n := len(d.Schema.Optional)
		d.Task.Optional = slices.Grow(d.Task.Optional, n)[:n]
		clear(d.Task.Optional)
	}
	return &d.Task.Optional[i-len(d.Schema.Inputs)]
}

// Find finds the input that a request may give by name, and tries guess first.
func (d *Target) Find(name []byte, guess int) (int, error) {
	if i := d.Schema.Find(name, guess); i >= 0 {
		return i, nil
	}
	return 0, d.unknown(fault.UnknownInput, "input", name, d.Schema.Inputs, d.Schema.Optional)
}

// FindOutput finds an output by name.
func (d *Target) FindOutput(name []byte) (int, error) {
	if k := d.Schema.Output(name); k >= 0 {
		return k, nil
	}
	return 0, d.unknown(fault.UnknownOutput, "output", name, d.Schema.Outputs)
}

// unknown is the fault of an input or output that the model does not have.
func (d *Target) unknown(kind fault.Kind, noun string, name []byte, lists ...[]tensor.Spec) error {
	var all []string
	for _, specs := range lists {
		for i := range specs {
			all = append(all, specs[i].Name)
		}
	}
	return fault.Newf(kind, "unexpected inference %s '%s' for model '%s'; its %ss: %s", noun, fault.Shown(name), d.Model, noun, near.List(string(name), all))
}

// Place checks a shape against input i of those that a request may give and enters the tensor,
// still without data, into the task.
func (d *Target) Place(i int, dims []int64) error {
	spec := d.Schema.Given(i)
	elements, err := checkSize(spec, dims)
	if err != nil {
		return err
	}
	want, got := spec.OnWire(), dims
	if i < len(d.Schema.Inputs) && (d.Schema.Batchable() || spec.Part != tensor.Sent) && len(dims) > 0 && len(dims) == len(want) {
		if err := d.batch(spec, dims); err != nil {
			return err
		}
		if spec.Once {
			want, got = want[1:], got[1:] // settleOnce checks axis 0
		}
	}
	if !fits(want, got) {
		return fault.Newf(fault.WrongShape, "unexpected shape for input '%s' for model '%s'. Expected %s, got %s", spec.Name, d.Model, tensor.ShapeText(spec.OnWire()), tensor.ShapeText(dims))
	}
	// The axes of an input that is reshaped are known when it has been.
	if i < len(d.Schema.Inputs) && spec.Wire == nil && !spec.Spreads() {
		if err := d.shortEnough(i, dims); err != nil {
			return err
		}
	}
	if elements > d.Limits.MaxElements {
		return fault.Newf(fault.ShapeTooLarge, "input '%s' has %d elements, more than the limit of %d (limits.max_elements)", spec.Name, elements, d.Limits.MaxElements)
	}
	if err := d.Bounded(spec.Name, elements*int64(spec.Type.Size())); err != nil {
		return err
	}
	*d.Slot(i) = tensor.Tensor{Name: spec.Name, Type: spec.Type, Shape: d.Task.Arena.KeepShape(dims)}
	return nil
}

// checkSize counts the elements, in int64 as the wire's sizes are.
func checkSize(spec *tensor.Spec, dims []int64) (elements int64, err error) {
	elements, ok := tensor.Elements(dims)
	if !ok {
		return 0, fault.Newf(fault.ShapeTooLarge, "shape %s of input '%s' causes total element count to exceed maximum size of 9223372036854775807", tensor.ShapeText(dims), spec.Name)
	}
	if elements > (1<<63-1)/int64(max(spec.Type.Size(), 1)) {
		return 0, fault.Newf(fault.ShapeTooLarge, "byte size overflow for input '%s' of shape %s", spec.Name, tensor.ShapeText(dims))
	}
	return elements, nil
}

// mostFilled is the most rows of a request whose inputs are filled and which no max_rows bounds: each may be a key of a store.
const mostFilled = 1 << 16

// batch checks axis 0 of an input whose model takes rows. The rows of an input that is given
// once are compared with those of the others when all inputs are there.
func (d *Target) batch(spec *tensor.Spec, dims []int64) error {
	rows := dims[0]
	switch {
	case rows == 0:
		return fault.Newf(fault.InvalidShape, "input '%s' has no rows: axis 0 of its shape %s counts the rows of the request, and there must be one at least", spec.Name, tensor.ShapeText(dims))
	case rows > int64(d.Schema.MaxRows) && d.Schema.Batchable():
		return fault.Newf(fault.BatchTooLarge, "inference request batch-size must be <= %d for '%s', got %d (max_rows in its model.yaml)", d.Schema.MaxRows, d.Model, rows)
	case rows > mostFilled && !d.Schema.Batchable():
		return fault.Newf(fault.BatchTooLarge, "input '%s' has %d rows; a request to model '%s', whose inputs are filled and which runs whole, has at most %d", spec.Name, rows, d.Model, mostFilled)
	case spec.Once, spec.Spreads() && rows == 1:
		return nil
	case d.Task.Rows != 0 && rows != int64(d.Task.Rows):
		return fault.Newf(fault.BatchMismatch, "input '%s' batch size does not match other inputs for '%s': got %d, others have %d", spec.Name, d.Model, rows, d.Task.Rows)
	}
	d.Task.Rows = int(rows)
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

// Bounded refuses an input of more bytes than one may have.
func (d *Target) Bounded(name string, bytes int64) error {
	if bytes > d.Limits.MaxTensorBytes {
		return fault.Newf(fault.ShapeTooLarge, "input '%s' has %d bytes, more than the limit of %d (limits.max_decompressed_bytes)", name, bytes, d.Limits.MaxTensorBytes)
	}
	return nil
}

// Room gives input into memory of the task for n bytes, if the inputs of all requests leave some.
func (d *Target) Room(into *tensor.Tensor, n int) error {
	if err := d.Bounded(into.Name, int64(n)); err != nil {
		return err
	}
	if err := d.Claim(n); err != nil {
		return err
	}
	into.Data = d.Task.Arena.Alloc(n)
	return nil
}

// Claim counts memory for n bytes of an input before it is taken.
func (d *Target) Claim(n int) error {
	if !d.Task.Arena.Claim(d.Limits.Inputs, n) {
		return d.NoRoom()
	}
	return nil
}

// NoRoom is the fault of a request for whose inputs there is no memory now.
func (d *Target) NoRoom() error {
	return fault.Newf(fault.NoCapacity, "the inputs of the requests that wait and run would together take more than %d bytes (limits.max_inputs_bytes); try again", d.Limits.Inputs.Limit())
}
