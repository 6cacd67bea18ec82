package wire

import (
	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// Values reads the array at the scanner, which holds so many elements, as the data of a tensor whose
// name, type and shape are set. take gives the tensor memory for n bytes.
func (s *Scanner) Values(into *tensor.Tensor, elements int64, take func(into *tensor.Tensor, n int) error) error {
	if into.Type == tensor.Bytes {
		return s.strings(into, elements, take)
	}
	// Each element takes a byte and a separator at least: what the rest of the
	// document cannot hold is not worth any memory.
	into.Data = into.Data[:0]
	if most := int64(len(s.Data)-s.Pos)/2 + 1; elements <= most {
		if err := take(into, int(elements)*into.Type.Size()); err != nil {
			return err
		}
	}
	_, got, err := s.elements(into.Data, into)
	if err != nil {
		return err
	}
	if got != elements {
		return s.lengthFault(into, got, elements)
	}
	return s.nestingFault(into)
}

// strings is Values for BYTES. They are read beside their memory, since their end is not known.
func (s *Scanner) strings(into *tensor.Tensor, elements int64, take func(into *tensor.Tensor, n int) error) error {
	all, got, err := s.elements(s.Strings[:0], into)
	if err != nil {
		return err
	}
	s.Strings = all
	switch {
	case got == elements:
	case s.source == Request:
		return fault.Newf(fault.InvalidBytes, "expected %d string elements for inference input '%s', got %d", elements, into.Name, got)
	default:
		return fault.Newf(fault.DataLengthMismatch, "%s '%s' has %d strings, and its shape %s has %d", s.Noun(), into.Name, got, tensor.ShapeText(into.Shape), elements)
	}
	if err := s.nestingFault(into); err != nil {
		return err
	}
	if err := take(into, len(all)); err != nil {
		return err
	}
	copy(into.Data, all)
	return nil
}

// elements reads the array at the scanner as elements of a tensor, in order. Those of a fixed size fill
// dst; without room for them they are only counted: the fault that says how many there are takes
// no memory. Strings are appended to dst, and returned.
func (s *Scanner) elements(dst []byte, into *tensor.Tensor) (strings []byte, got int64, err error) {
	if s.Peek() != '[' {
		return nil, 0, s.Refuse(fault.InvalidValue, "'data' of %s '%s' must be an array", s.Noun(), into.Name)
	}
	kind, size, base := into.Type, into.Type.Size(), s.Depth
	counted := int64(0) // of them, those that s.lists knows of
	s.lists.begin(into.Shape)
	for {
		if n := s.Run(dst, kind); n > 0 {
			dst, got = dst[size*n:], got+int64(n)
		}
		c := s.Peek()
		if c == '[' {
			s.lists.add(s.Depth-base, got-counted)
			counted = got
			if err := s.Open(); err != nil {
				return nil, got, err
			}
			s.lists.open(s.Depth - base)
			if s.Peek() != ']' {
				continue
			}
		} else {
			if dst, err = s.element(dst, into, c); err != nil {
				s.lists.add(s.Depth-base, got-counted)
				return nil, got, s.valueFault(err, s.Depth-base, got)
			}
			got++
			if s.Pos < len(s.Data) && s.Data[s.Pos] == ',' {
				s.Pos++
				continue
			}
		}
		s.lists.add(s.Depth-base, got-counted)
		counted = got
		if done, err := s.closeLists(base); done || err != nil {
			return dst, got, err
		}
	}
}

// element reads one element at the beginning of dst, or behind it, and returns what is left of dst, or
// dst grown.
func (s *Scanner) element(dst []byte, into *tensor.Tensor, c byte) ([]byte, error) {
	switch {
	case into.Type == tensor.Bytes:
		return s.BytesElement(dst, into.Name, c)
	case len(dst) == 0:
		return dst, s.Skip()
	}
	err := s.Element(dst, into.Type, into.Name, c)
	return dst[into.Type.Size():], err
}

// PlainBools makes every true a 1: any byte but 0 is true on the wire.
func PlainBools(data []byte) {
	for i, b := range data {
		if b > 1 {
			data[i] = 1
		}
	}
}
