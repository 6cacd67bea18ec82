package oip

import (
	"encoding/binary"
	"math"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/tensor"
)

// leaf reads the JSON value at the scanner as one element of a type with a fixed
// size and stores it at the beginning of dst. c is the value's first byte.
func (s *scanner) leaf(dst []byte, kind tensor.DataType, name string, c byte) error {
	if kind == tensor.Bool {
		return s.boolLeaf(dst, name, c)
	}
	n, end := jsonscan.ScanNumber(s.Data, s.Pos)
	if end < 0 {
		return s.oddLeaf(dst, kind, name, c)
	}
	text := s.Data[s.Pos:end]
	ok := false
	switch kind {
	case tensor.FP32:
		var v float32
		v, ok = n.Float32(text)
		binary.LittleEndian.PutUint32(dst, math.Float32bits(v))
	case tensor.FP64:
		var v float64
		v, ok = n.Float64(text)
		binary.LittleEndian.PutUint64(dst, math.Float64bits(v))
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64:
		var v int64
		v, ok = n.Int64(uint(8 * kind.Size()))
		jsonscan.PutUint(dst, uint64(v), kind.Size())
	case tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		var v uint64
		v, ok = n.Uint64(uint(8*kind.Size()), text)
		jsonscan.PutUint(dst, v, kind.Size())
	}
	if !ok {
		return fault.Newf(fault.ValueOutOfRange, "value %s of %s '%s' does not fit its datatype %s", fault.Shown(text), s.noun(), name, kind)
	}
	s.Pos = end
	return nil
}

func (s *scanner) boolLeaf(dst []byte, name string, c byte) error {
	switch {
	case c == 't' && s.Literal("true"):
		dst[0] = 1
		return nil
	case c == 'f' && s.Literal("false"):
		dst[0] = 0
		return nil
	}
	from := s.Pos
	if err := s.Skip(); err != nil {
		return err
	}
	text := s.Data[from:s.Pos]
	if c == '-' || c >= '0' && c <= '9' {
		return fault.Newf(fault.ValueOutOfRange, "value %s of %s '%s' is a number; BOOL takes true and false", fault.Shown(text), s.noun(), name)
	}
	return s.wrongLeaf(text, tensor.Bool, name)
}

// oddLeaf reads what is no number: a token such as NaN where the type has it, null for a value
// that is missing, which is NaN there too, and everything else to tell malformed JSON from a
// value of the wrong kind.
func (s *scanner) oddLeaf(dst []byte, kind tensor.DataType, name string, c byte) error {
	from := s.Pos
	if c == 0 {
		return s.Unexpected()
	}
	if v, n := noNumber(s.Data[from:]); n > 0 {
		s.Pos += n
		switch kind {
		case tensor.FP32:
			binary.LittleEndian.PutUint32(dst, math.Float32bits(float32(v)))
			return nil
		case tensor.FP64:
			binary.LittleEndian.PutUint64(dst, math.Float64bits(v))
			return nil
		}
		return s.wrongLeaf(s.Data[from:s.Pos], kind, name)
	}
	if err := s.Skip(); err != nil {
		return err
	}
	return s.wrongLeaf(s.Data[from:s.Pos], kind, name)
}

// noNumber is jsonscan.NonFinite with null besides.
func noNumber(b []byte) (v float64, n int) {
	if jsonscan.Begins(b, "null") {
		return math.NaN(), len("null")
	}
	return jsonscan.NonFinite(b)
}

func (s *scanner) wrongLeaf(text []byte, kind tensor.DataType, name string) error {
	return fault.Newf(fault.InvalidValue, "value %s of %s '%s' is not of its datatype %s", fault.Shown(text), s.noun(), name, kind)
}

// stringLeaf reads a JSON string as one BYTES element and appends it to dst in the
// binary form.
func (s *scanner) stringLeaf(dst []byte, name string, c byte) ([]byte, error) {
	if c != '"' {
		from := s.Pos
		if err := s.Skip(); err != nil {
			return nil, err
		}
		return nil, s.wrongLeaf(s.Data[from:s.Pos], tensor.Bytes, name)
	}
	raw, escaped, err := s.Text()
	if err != nil {
		return nil, err
	}
	if !escaped {
		return tensor.AppendBytes(dst, raw), nil
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	if dst, err = jsonscan.Unescape(dst, raw); err != nil {
		return nil, err
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst, nil
}

// flat reads the array at the scanner, which holds the want elements of a tensor, and stores its
// leaves in order. Without room for them in dst it only counts: the fault that says how many
// there are takes no memory.
func (s *scanner) flat(dst []byte, into *tensor.Tensor, want int64) error {
	if s.Peek() != '[' {
		return s.notArray(into.Name)
	}
	kind, size, base := into.Type, into.Type.Size(), s.Depth
	got, counted := int64(0), int64(0) // leaves, and those of them that s.lists knows of
	s.lists.begin(into.Shape)
	for {
		if n := s.run(dst, kind); n > 0 {
			dst, got = dst[size*n:], got+int64(n)
		}
		c := s.Peek()
		if c == '[' {
			s.lists.add(s.Depth-base, got-counted)
			counted = got
			if err := s.Open(); err != nil {
				return err
			}
			s.lists.open(s.Depth - base)
			if s.Peek() != ']' {
				continue
			}
		} else {
			if len(dst) == 0 {
				if err := s.Skip(); err != nil {
					return err
				}
			} else {
				if err := s.leaf(dst, kind, into.Name, c); err != nil {
					s.lists.add(s.Depth-base, got-counted)
					return s.valueFault(err, s.Depth-base, got)
				}
				dst = dst[size:]
			}
			got++
			if s.Pos < len(s.Data) && s.Data[s.Pos] == ',' {
				s.Pos++
				continue
			}
		}
		s.lists.add(s.Depth-base, got-counted)
		counted = got
		if done, err := s.closeLists(base); err != nil {
			return err
		} else if done {
			break
		}
	}
	if got != want {
		return s.lengthFault(into, got, want)
	}
	return s.nestingFault(into)
}

// run reads as many elements as there is a fast way for, and returns their number.
func (s *scanner) run(dst []byte, kind tensor.DataType) (n int) {
	size := kind.Size()
	switch kind {
	case tensor.FP32:
		s.Pos, n = jsonscan.FloatRun(s.Data, s.Pos, dst)
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64:
		high := int64(1)<<(8*size-1) - 1
		s.Pos, n = jsonscan.IntegerRun(s.Data, s.Pos, dst, size, -high-1, high)
	case tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		high := int64(1)<<min(8*size, 62) - 1
		s.Pos, n = jsonscan.IntegerRun(s.Data, s.Pos, dst, size, 0, high)
	}
	return n
}

// flatStrings is flat for BYTES: it appends the elements to dst and counts them. What their
// number must be is for the caller to say, and then whether their nesting is right.
func (s *scanner) flatStrings(dst []byte, into *tensor.Tensor) (out []byte, count int64, err error) {
	if s.Peek() != '[' {
		return nil, 0, s.notArray(into.Name)
	}
	base := s.Depth
	s.lists.begin(into.Shape)
	for {
		c := s.Peek()
		if c == '[' {
			if err := s.Open(); err != nil {
				return nil, 0, err
			}
			s.lists.open(s.Depth - base)
			if s.Peek() != ']' {
				continue
			}
		} else {
			if dst, err = s.stringLeaf(dst, into.Name, c); err != nil {
				return nil, 0, s.valueFault(err, s.Depth-base, count)
			}
			count++
			s.lists.add(s.Depth-base, 1)
		}
		if done, err := s.closeLists(base); done || err != nil {
			return dst, count, err
		}
	}
}

func (s *scanner) notArray(name string) error {
	return s.Refuse(fault.InvalidValue, "'data' of %s '%s' must be an array", s.noun(), name)
}
