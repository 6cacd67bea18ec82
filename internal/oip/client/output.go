package client

import (
	"sluice/internal/fault"
	"sluice/internal/oip/wire"
	"sluice/internal/tensor"
)

// output reads one entry of "outputs".
func (r *Response) output() error {
	s := &r.scanner
	at := len(r.Outputs)
	if s.Peek() != '{' {
		return s.Refuse(fault.InvalidRequest, "entry %d of 'outputs' must be an object", at)
	}
	if at < cap(r.Outputs) {
		r.Outputs = r.Outputs[:at+1]
		r.Outputs[at] = tensor.Tensor{Name: r.Outputs[at].Name}
	} else {
		r.Outputs = append(r.Outputs, tensor.Tensor{})
	}
	e := s.Entry(at)
	for e.Next() {
		e.Err = r.field(&e, &r.Outputs[at])
	}
	if e.Err != nil {
		return e.Err
	}
	return r.endOutput(&e, &r.Outputs[at])
}

func (r *Response) field(e *wire.Entry, into *tensor.Tensor) (err error) {
	s := &r.scanner
	switch e.Bit {
	case wire.KeyName:
		if r.text, err = s.Word(r.text, "name", fault.InvalidRequest); err == nil && into.Name != string(r.text) {
			into.Name = string(r.text)
		}
		return err
	case wire.KeyDatatype:
		if r.text, err = s.Word(r.text, "datatype", fault.InvalidRequest); err != nil {
			return err
		}
		if into.Type = tensor.ParseDataType(r.text); into.Type == tensor.Invalid {
			return fault.Newf(fault.WrongDatatype, "entry %d of 'outputs' has the datatype '%s', which the protocol does not know", len(r.Outputs)-1, fault.Shown(r.text))
		}
		return nil
	case wire.KeyShape:
		if r.dims, err = s.Shape(r.dims[:0]); err != nil {
			return err
		}
		into.Shape = r.arena.KeepShape(r.dims)
		return nil
	case wire.KeyData:
		if s.Peek() == 'n' { // some servers write what they do not have
			e.Seen &^= wire.KeyData
			return s.Expect("null")
		}
		return e.Data(s, wire.KeyDatatype|wire.KeyShape, func() error { return r.values(into) })
	case wire.KeyParameters:
		return r.outputParameters(e)
	}
	return s.Skip()
}

func (r *Response) outputParameters(e *wire.Entry) error {
	s := &r.scanner
	if there, err := s.Parameters(" of an output"); !there {
		return err
	}
	o := s.Object(wire.SizeKeys)
	for o.Next() {
		if o.Bit != 0 {
			o.Err = e.Size(s)
		} else {
			o.Err = s.Skip()
		}
	}
	return o.Err
}

// endOutput reads what the entry's keys could not be read for until now.
func (r *Response) endOutput(e *wire.Entry, into *tensor.Tensor) error {
	const needed = wire.KeyName | wire.KeyDatatype | wire.KeyShape
	if e.Seen&needed != needed || into.Name == "" {
		return fault.Newf(fault.InvalidRequest, "entry %d of 'outputs' lacks one of 'name', 'datatype' and 'shape'", len(r.Outputs)-1)
	}
	hasData, hasBinary := e.Seen&wire.KeyData != 0, e.HasBinary
	switch {
	case hasData == hasBinary:
		return fault.Newf(fault.InvalidRequest, "output '%s' must have either 'data' or 'binary_data_size'", into.Name)
	case hasBinary:
		return r.blob(into, e.Binary)
	case e.Filled:
		return nil
	}
	return e.Late(&r.scanner, func() error { return r.values(into) })
}

// ReadValues reads a JSON array, flat or nested in any way, as the data of a tensor whose
// Name, Type and Shape are set. FP16 and BF16 are refused. For what comes from files: it
// allocates.
func ReadValues(text []byte, into *tensor.Tensor) error {
	var r Response
	r.scanner.Begin(wire.File, text, limits.MaxDepth)
	if err := r.values(into); err != nil {
		return err
	}
	return r.scanner.End()
}

// values reads JSON data whose type and shape are known into the arena.
func (r *Response) values(into *tensor.Tensor) error {
	elements, err := r.elements(into)
	if err != nil {
		return err
	}
	if into.Type.Half() {
		return fault.Newf(fault.WrongDatatype, "%s '%s' has %s data as JSON, which the protocol does not have: ask for binary data", r.scanner.Noun(), into.Name, into.Type)
	}
	return r.scanner.Values(into, elements, func(into *tensor.Tensor, n int) error {
		into.Data = r.arena.Alloc(n)
		return nil
	})
}

func (r *Response) elements(t *tensor.Tensor) (int64, error) {
	elements, ok := tensor.Elements(t.Shape)
	if !ok || elements > limits.MaxElements {
		return 0, fault.Newf(fault.ShapeTooLarge, "%s '%s' has the shape %s, more than the limit of %d elements", r.scanner.Noun(), t.Name, tensor.ShapeText(t.Shape), limits.MaxElements)
	}
	return elements, nil
}

// blob takes the next binary data of the body.
func (r *Response) blob(into *tensor.Tensor, size uint64) error {
	elements, err := r.elements(into)
	if err != nil {
		return err
	}
	if size > uint64(len(r.blobs)) {
		return fault.Newf(fault.BinarySizeMismatch, "output '%s' has %d bytes of binary data, and %d are left", into.Name, size, len(r.blobs))
	}
	blob := r.blobs[:size:size]
	r.blobs = r.blobs[size:]
	if width := int64(into.Type.Size()); width > 0 {
		if size != uint64(elements*width) {
			return fault.Newf(fault.BinarySizeMismatch, "output '%s' has %d bytes of binary data, and its shape %s takes %d", into.Name, size, tensor.ShapeText(into.Shape), elements*width)
		}
	} else if n, err := tensor.BytesCount(blob); err != nil || int64(n) != elements {
		return fault.Newf(fault.InvalidBytes, "output '%s' has malformed strings, or not the %d that its shape %s says", into.Name, elements, tensor.ShapeText(into.Shape))
	}
	into.Data = blob
	if into.Type == tensor.Bool {
		into.Data = r.arena.Alloc(len(blob)) // the body is the caller's
		copy(into.Data, blob)
		wire.PlainBools(into.Data)
	}
	return nil
}
