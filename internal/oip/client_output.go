package oip

import (
	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/tensor"
)

// outputEntry is one entry of an answer's "outputs" while it is read. As in a request, data
// that comes before what says how to read it is only checked, and read in the end.
type outputEntry struct {
	jsonscan.Object
	at       int // in Response.Outputs
	dataFrom int
	depth    int
	filled   bool
	binary   int64 // binary_data_size; -1 if it has none
}

func (r *Response) output() error {
	s := &r.scanner
	entry := len(r.Outputs)
	if s.Peek() != '{' {
		return s.Refuse(fault.InvalidRequest, "entry %d of 'outputs' must be an object", entry)
	}
	if entry < cap(r.Outputs) {
		r.Outputs = r.Outputs[:entry+1]
		r.Outputs[entry] = tensor.Tensor{Name: r.Outputs[entry].Name}
	} else {
		r.Outputs = append(r.Outputs, tensor.Tensor{})
	}
	o := outputEntry{Object: s.Object(entryKey), at: entry, binary: -1}
	s.lists.entry = entry
	for o.Next() {
		o.Err = r.outputField(&o)
	}
	if o.Err != nil {
		return o.Err
	}
	return r.endOutput(&o)
}

func (r *Response) outputField(o *outputEntry) (err error) {
	s, into := &r.scanner, &r.Outputs[o.at]
	switch o.Bit {
	case keyName:
		if r.text, err = s.word(r.text[:0], "name"); err == nil && into.Name != string(r.text) {
			into.Name = string(r.text)
		}
		return err
	case keyDatatype:
		if r.text, err = s.word(r.text[:0], "datatype"); err != nil {
			return err
		}
		if into.Type = tensor.ParseDataType(r.text); into.Type == tensor.Invalid {
			return fault.Newf(fault.WrongDatatype, "entry %d of 'outputs' has the datatype '%s', which the protocol does not know", o.at, fault.Shown(r.text))
		}
		return nil
	case keyShape:
		if r.dims, err = s.shape(r.dims[:0], "outputs", o.at); err != nil {
			return err
		}
		into.Shape = keepShape(&r.arena, r.dims)
		return nil
	case keyData:
		if s.Peek() == 'n' { // some servers write what they do not have
			o.Seen &^= keyData
			return s.Expect("null")
		}
		if o.Seen&(keyDatatype|keyShape) == keyDatatype|keyShape {
			o.filled = true
			return r.outputData(into)
		}
		o.dataFrom, o.depth = s.Pos, s.Depth
		return s.Skip()
	case keyEntryParameters:
		return r.outputParameters(o)
	}
	return s.Skip()
}

func (r *Response) outputParameters(entry *outputEntry) error {
	s := &r.scanner
	if there, err := s.parameters(" of an output"); !there {
		return err
	}
	o := s.Object(sizeKey)
	for o.Next() {
		if o.Bit == keyBinarySize {
			entry.binary, o.Err = s.binarySize()
		} else {
			o.Err = s.Skip()
		}
	}
	return o.Err
}

// binarySize reads how many bytes of binary data an entry has.
func (s *scanner) binarySize() (int64, error) {
	size, err := s.count("binary_data_size")
	return int64(min(size, 1<<62)), err
}

// endOutput reads what the entry's keys could not be read for until now.
func (r *Response) endOutput(o *outputEntry) error {
	into := &r.Outputs[o.at]
	const needed = keyName | keyDatatype | keyShape
	if o.Seen&needed != needed || into.Name == "" {
		return fault.Newf(fault.InvalidRequest, "entry %d of 'outputs' lacks one of 'name', 'datatype' and 'shape'", o.at)
	}
	hasData, hasBinary := o.Seen&keyData != 0, o.binary >= 0
	switch {
	case hasData == hasBinary:
		return fault.Newf(fault.InvalidRequest, "output '%s' must have either 'data' or 'binary_data_size'", into.Name)
	case hasBinary:
		return r.outputBlob(into, o.binary)
	case o.filled:
		return nil
	}
	s := &r.scanner
	resume, depth := s.Pos, s.Depth
	s.Pos, s.Depth = o.dataFrom, o.depth
	err := r.outputData(into)
	s.Pos, s.Depth = resume, depth
	return err
}

// ReadValues reads a JSON array, flat or nested in any way, as the data of a tensor whose
// Name, Type and Shape are set. FP16 and BF16 are refused. For what comes from files: it
// allocates.
func ReadValues(text []byte, into *tensor.Tensor) error {
	var r Response
	r.scanner.source = fromFile
	r.scanner.start(text, DefaultLimits().MaxDepth)
	if err := r.outputData(into); err != nil {
		return err
	}
	return r.scanner.End()
}

// outputData reads JSON data whose type and shape are known into the arena.
func (r *Response) outputData(into *tensor.Tensor) error {
	s := &r.scanner
	elements, err := elementsOf(into, s.noun())
	if err != nil {
		return err
	}
	size := int64(into.Type.Size())
	switch {
	case into.Type == tensor.FP16 || into.Type == tensor.BF16:
		return fault.Newf(fault.WrongDatatype, "%s '%s' has %s data as JSON, which the protocol does not have: ask for binary data", s.noun(), into.Name, into.Type)
	case size == 0:
		all, count, err := s.flatStrings(r.elements[:0], into)
		if err != nil {
			return err
		}
		r.elements = all
		if count != elements {
			return fault.Newf(fault.DataLengthMismatch, "%s '%s' has %d strings, and its shape %s has %d", s.noun(), into.Name, count, showShape(into.Shape), elements)
		}
		into.Data = r.arena.Alloc(len(all))
		copy(into.Data, all)
		return s.nestingFault(into)
	}
	into.Data = into.Data[:0]
	// As in a request: no memory for what the rest of the document cannot hold.
	if most := int64(len(s.Data)-s.Pos)/2 + 1; elements <= most {
		into.Data = r.arena.Alloc(int(elements * size))
	}
	return s.flat(into.Data, into, elements)
}

func elementsOf(t *tensor.Tensor, noun string) (int64, error) {
	elements, ok := tensor.Elements(t.Shape)
	if most := DefaultLimits().MaxElements; !ok || elements > most {
		return 0, fault.Newf(fault.ShapeTooLarge, "%s '%s' has the shape %s, more than the limit of %d elements", noun, t.Name, showShape(t.Shape), most)
	}
	return elements, nil
}

// outputBlob takes the next binary data of the body.
func (r *Response) outputBlob(into *tensor.Tensor, size int64) error {
	elements, err := elementsOf(into, "output")
	if err != nil {
		return err
	}
	if size > int64(len(r.blobs)) {
		return fault.Newf(fault.BinarySizeMismatch, "output '%s' has %d bytes of binary data, and %d are left", into.Name, size, len(r.blobs))
	}
	blob := r.blobs[:size:size]
	r.blobs = r.blobs[size:]
	if width := int64(into.Type.Size()); width > 0 {
		if size != elements*width {
			return fault.Newf(fault.BinarySizeMismatch, "output '%s' has %d bytes of binary data, and its shape %s takes %d", into.Name, size, showShape(into.Shape), elements*width)
		}
	} else if n, err := tensor.BytesCount(blob); err != nil || int64(n) != elements {
		return fault.Newf(fault.InvalidBytes, "output '%s' has malformed strings, or not the %d that its shape %s says", into.Name, elements, showShape(into.Shape))
	}
	into.Data = blob
	if into.Type == tensor.Bool {
		r.plainBools(into)
	}
	return nil
}

// plainBools makes every true a 1, in a copy: any byte but 0 is true on the wire.
func (r *Response) plainBools(into *tensor.Tensor) {
	copied := false
	for i, b := range into.Data {
		if b <= 1 {
			continue
		}
		if !copied {
			data := r.arena.Alloc(len(into.Data))
			copy(data, into.Data)
			into.Data, copied = data, true
		}
		into.Data[i] = 1
	}
}
