package oip

import (
	"strconv"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
)

// maxRank is the most dimensions of a shape; ONNX models use a handful.
const maxRank = 32

// shape reads the "shape" of an input into r.dims.
func (d *decoder) shape() (err error) {
	d.r.dims, err = d.s.shape(d.r.dims[:0], "inputs", d.got-1)
	return err
}

// shape appends the shape at the scanner, which belongs to an entry of a list.
func (s *scanner) shape(dims []int64, list string, entry int) ([]int64, error) {
	if s.Peek() != '[' {
		return dims, s.Refuse(fault.InvalidShape, "Unable to parse 'shape': entry %d of '%s' has no array there", entry, list)
	}
	a := s.Array()
	for a.Next() {
		if len(dims) == maxRank {
			return dims, fault.Newf(fault.WrongShape, "shape of entry %d of '%s' has more than %d dimensions", entry, list, maxRank)
		}
		from := s.Pos
		n, end := jsonscan.ScanNumber(s.Data, from)
		if end < 0 || n.Flags&(jsonscan.Fractional|jsonscan.Negative) != 0 {
			if err := s.Skip(); err != nil {
				return dims, err
			}
			return dims, fault.Newf(fault.InvalidShape, "Unable to parse 'shape': dimension %s of entry %d of '%s' is not an unsigned integer", fault.Shown(s.Data[from:s.Pos]), entry, list)
		}
		if n.Flags&jsonscan.Long != 0 || n.Mantissa > 1<<63-1 {
			return dims, fault.Newf(fault.ShapeTooLarge, "shape of entry %d of '%s' causes total element count to exceed maximum size of 9223372036854775807", entry, list)
		}
		dims = append(dims, int64(n.Mantissa))
		s.Pos = end
	}
	return dims, a.Err
}

// showShape writes a shape as the protocol's clients know it: [-1,16].
func showShape(dims []int64) string {
	out := []byte{'['}
	for i, n := range dims {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(out, n, 10)
	}
	return string(append(out, ']'))
}
