package oip

import (
	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// raw reads a raw binary request: the whole body is the data of the only input, its
// shape follows from the size, the batch is 1, and all outputs come back as binary.
//
// An empty body is a raw request too. It is one only for a model that takes no
// elements; for every other its fault says what is really wrong, that the body is empty.
func (d *decoder) raw(body []byte) error {
	d.r.binaryAll = true
	err := d.rawInput(body)
	if err == nil {
		err = d.finish()
	}
	if err != nil && len(body) == 0 {
		f := *fault.Of(err)
		f.Kind, f.Text = fault.EmptyBody, "the request has no body: "+f.Text
		return &f
	}
	return err
}

func (d *decoder) rawInput(body []byte) error {
	if n := len(d.Schema.Inputs); n != 1 {
		return fault.Newf(fault.BadBinaryHeader, "Raw request must only have 1 input (found 1) to be deduced but got %d inputs in '%s' model configuration", n, d.Model)
	}
	spec := &d.Schema.Inputs[0]
	dims, free := append(d.r.dims[:0], spec.OnWire()...), -1
	d.r.dims = dims
	known := int64(1)
	for axis, n := range dims {
		switch {
		case axis == 0 && d.Schema.Batchable():
			dims[0] = 1
		case n >= 0:
			known *= n
		case free >= 0:
			return fault.Newf(fault.BadBinaryHeader, "The shape of Raw input '%s' can not be deduced because there are more than one variable-sized dimension", spec.Name)
		default:
			free = axis
		}
	}
	data, elements, err := d.rawElements(spec, body)
	if err != nil {
		return err
	}
	if free >= 0 {
		if known == 0 || elements%known != 0 {
			return fault.Newf(fault.BinarySizeMismatch, "input byte size mismatch for input '%s' for model '%s': %d bytes fill no shape like %s", spec.Name, d.Model, len(body), tensor.ShapeText(spec.OnWire()))
		}
		dims[free] = elements / known
	}
	if err := d.Place(0, dims); err != nil {
		return err
	}
	d.got, d.required = 1, 1
	return d.fillBlob(&d.Task.Inputs[0], data)
}

// rawElements counts the elements that the body is. For BYTES it is one, without the
// length that the binary form has in front.
func (d *decoder) rawElements(spec *tensor.Spec, body []byte) (data []byte, elements int64, err error) {
	size := spec.Type.Size()
	if size == 0 {
		d.r.elements = tensor.AppendBytes(d.r.elements[:0], body)
		return d.r.elements, 1, nil
	}
	if len(body)%size != 0 {
		return nil, 0, fault.Newf(fault.BinarySizeMismatch, "input byte size mismatch for input '%s' for model '%s': %d bytes are no whole number of %s values", spec.Name, d.Model, len(body), spec.Type)
	}
	return body, int64(len(body) / size), nil
}
