package wire

import (
	"encoding/binary"
	"math"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/tensor"
)

// Element reads the JSON value at the scanner as one element of a type with a fixed
// size and stores it at the beginning of dst. c is the value's first byte.
func (s *Scanner) Element(dst []byte, kind tensor.DataType, name string, c byte) error {
	if kind == tensor.Bool {
		return s.boolElement(dst, name, c)
	}
	n, end := jsonscan.ScanNumber(s.Data, s.Pos)
	if end < 0 {
		return s.oddElement(dst, kind, name)
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
		return fault.Newf(fault.ValueOutOfRange, "value %s of %s '%s' does not fit its datatype %s", fault.Shown(text), s.Noun(), name, kind)
	}
	s.Pos = end
	return nil
}

func (s *Scanner) boolElement(dst []byte, name string, c byte) error {
	if v, ok := s.Bool(); ok {
		dst[0] = 0
		if v {
			dst[0] = 1
		}
		return nil
	}
	if c != '-' && (c < '0' || c > '9') {
		return s.wrong(tensor.Bool, name)
	}
	from := s.Pos
	if err := s.Skip(); err != nil {
		return err
	}
	return fault.Newf(fault.ValueOutOfRange, "value %s of %s '%s' is a number; BOOL takes true and false", fault.Shown(s.Data[from:s.Pos]), s.Noun(), name)
}

// oddElement reads what is no number: a token such as NaN where the type has it, and null for a value
// that is missing, which is NaN there too.
func (s *Scanner) oddElement(dst []byte, kind tensor.DataType, name string) error {
	v, n := jsonscan.NonFinite(s.Data[s.Pos:])
	if jsonscan.Begins(s.Data[s.Pos:], "null") {
		v, n = math.NaN(), len("null")
	}
	switch {
	case n > 0 && kind == tensor.FP32:
		binary.LittleEndian.PutUint32(dst, math.Float32bits(float32(v)))
	case n > 0 && kind == tensor.FP64:
		binary.LittleEndian.PutUint64(dst, math.Float64bits(v))
	default:
		return s.wrong(kind, name)
	}
	s.Pos += n
	return nil
}

// wrong is the fault of a value that is not of its tensor's type, unless it is not even JSON.
func (s *Scanner) wrong(kind tensor.DataType, name string) error {
	from := s.Pos
	if err := s.Skip(); err != nil {
		return err
	}
	return fault.Newf(fault.InvalidValue, "value %s of %s '%s' is not of its datatype %s", fault.Shown(s.Data[from:s.Pos]), s.Noun(), name, kind)
}

// BytesElement reads a JSON string as one BYTES element and appends it to dst in the
// binary form. c is the value's first byte.
func (s *Scanner) BytesElement(dst []byte, name string, c byte) ([]byte, error) {
	if c != '"' {
		return nil, s.wrong(tensor.Bytes, name)
	}
	at := len(dst)
	dst, err := s.AppendText(append(dst, 0, 0, 0, 0))
	if err != nil {
		return nil, err
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst, nil
}

// Run reads as many elements as there is a fast way for, and returns their number.
func (s *Scanner) Run(dst []byte, kind tensor.DataType) (n int) {
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
