package oip

import (
	"fmt"
	"unsafe"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// maxRank is the most dimensions of a shape; ONNX models use a handful.
const maxRank = 32

// reserveInputs gives the task n empty inputs.
func reserveInputs(t *task.Task, n int) {
	if cap(t.Inputs) < n {
		t.Inputs = make([]tensor.Tensor, n)
	}
	t.Inputs = t.Inputs[:n]
	clear(t.Inputs)
	t.Rows, t.Wanted, t.ShapeKey = 0, 0, 0
}

// shape reads the "shape" of an input into r.dims.
func (d *decoder) shape() error {
	s := d.s
	d.r.dims = d.r.dims[:0]
	if s.next() != '[' {
		if err := s.skip(); err != nil {
			return err
		}
		return fault.Newf(fault.InvalidShape, "Unable to parse 'shape': entry %d of 'inputs' has no array there", d.got-1)
	}
	if err := s.open(); err != nil {
		return err
	}
	for first := true; ; first = false {
		ok, err := s.more(first, ']')
		if !ok || err != nil {
			return err
		}
		if len(d.r.dims) == maxRank {
			return fault.Newf(fault.WrongShape, "shape of entry %d of 'inputs' has more than %d dimensions", d.got-1, maxRank)
		}
		from := s.pos
		mantissa, _, flags, end := scanNumber(s.data, from)
		if end < 0 || flags&(fractional|negative) != 0 {
			if err := s.skip(); err != nil {
				return err
			}
			return fault.Newf(fault.InvalidShape, "Unable to parse 'shape': dimension %s of entry %d of 'inputs' is not an unsigned integer", shown(s.data[from:s.pos]), d.got-1)
		}
		if flags&long != 0 || mantissa > 1<<63-1 {
			return fault.Newf(fault.ShapeTooLarge, "shape of entry %d of 'inputs' causes total element count to exceed maximum size of 9223372036854775807", d.got-1)
		}
		d.r.dims = append(d.r.dims, int64(mantissa))
		s.pos = end
	}
}

// place checks a shape against input i of the schema and enters the tensor, still
// without data, into the task.
func (d *decoder) place(i int, dims []int64) error {
	spec := &d.schema.Inputs[i]
	elements, err := checkSize(spec, dims)
	if err != nil {
		return err
	}
	if d.schema.Batchable() {
		if err := d.batch(spec, dims); err != nil {
			return err
		}
	}
	if !fits(spec.Shape, dims) {
		return fault.Newf(fault.WrongShape, "unexpected shape for input '%s' for model '%s'. Expected %s, got %s", spec.Name, d.model, showShape(spec.Shape), showShape(dims))
	}
	if elements > d.lim.MaxElements {
		return fault.Newf(fault.ShapeTooLarge, "input '%s' has %d elements, more than the limit of %d", spec.Name, elements, d.lim.MaxElements)
	}
	if bytes := elements * int64(spec.Type.Size()); bytes > d.lim.MaxTensorBytes {
		return tooManyBytes(spec.Name, bytes, d.lim.MaxTensorBytes)
	}
	d.t.Inputs[i] = tensor.Tensor{Name: spec.Name, Type: spec.Type, Shape: keepShape(&d.t.Arena, dims)}
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

// batch checks axis 0 of an input whose model takes rows.
func (d *decoder) batch(spec *tensor.Spec, dims []int64) error {
	if len(dims) == 0 {
		return nil // the rank is wrong, which fits reports
	}
	rows := dims[0]
	switch {
	case rows == 0:
		return fault.Newf(fault.InvalidShape, "input '%s' has no rows: its shape is %s", spec.Name, showShape(dims))
	case rows > int64(d.schema.MaxRows):
		return fault.Newf(fault.BatchTooLarge, "inference request batch-size must be <= %d for '%s', got %d", d.schema.MaxRows, d.model, rows)
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
	return fault.Newf(fault.ShapeTooLarge, "input '%s' has %d bytes, more than the limit of %d", name, got, limit)
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

// showShape writes a shape as the protocol's clients know it: [-1,16].
func showShape(dims []int64) string {
	out := []byte{'['}
	for i, n := range dims {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Append(out, n)
	}
	return string(append(out, ']'))
}

// finishTask derives what the scheduler sorts by from the complete inputs.
func finishTask(schema *tensor.Schema, t *task.Task) error {
	if !schema.Batchable() {
		t.Rows = 1
		return nil
	}
	if err := samePadding(schema, t); err != nil {
		return err
	}
	t.Rows = max(t.Rows, 1)
	t.ShapeKey = shapeKey(schema, t)
	return nil
}

// samePadding checks that the inputs agree on the length that padding evens out:
// afterwards the model could not tell any more.
func samePadding(schema *tensor.Schema, t *task.Task) error {
	if schema.Padding == nil {
		return nil
	}
	first := -1
	for i, axis := range schema.Padding.InputAxis {
		if axis < 0 {
			continue
		}
		if first < 0 {
			first = i
			continue
		}
		want := t.Inputs[first].Shape[schema.Padding.InputAxis[first]]
		if got := t.Inputs[i].Shape[axis]; got != want {
			return fault.Newf(fault.WrongShape, "input '%s' has length %d on axis %d, but input '%s' has %d: they must agree", t.Inputs[i].Name, got, axis, t.Inputs[first].Name, want)
		}
	}
	return nil
}

// shapeKey hashes the free dimensions besides the batch (FNV-1a over whole words); a
// padded one enters as its bucket. 0 if there are none.
func shapeKey(schema *tensor.Schema, t *task.Task) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	key := uint64(0)
	for i := range schema.Inputs {
		for axis, dim := range schema.Inputs[i].Shape {
			if axis == 0 || dim >= 0 {
				continue
			}
			length := t.Inputs[i].Shape[axis]
			if p := schema.Padding; p != nil && p.InputAxis[i] == axis {
				length = int64(p.Bucket(int(length)))
			}
			if key == 0 {
				key = offset
			}
			key = (key ^ uint64(length)) * prime
		}
	}
	return key
}
