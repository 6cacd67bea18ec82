package oip

import (
	"strconv"

	"sluice/internal/fault"
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
	if s.next() != '[' {
		return dims, s.refuse(fault.InvalidShape, "Unable to parse 'shape': entry %d of '%s' has no array there", entry, list)
	}
	if err := s.open(); err != nil {
		return dims, err
	}
	for first := true; ; first = false {
		ok, err := s.more(first, ']')
		if !ok || err != nil {
			return dims, err
		}
		if len(dims) == maxRank {
			return dims, fault.Newf(fault.WrongShape, "shape of entry %d of '%s' has more than %d dimensions", entry, list, maxRank)
		}
		from := s.pos
		mantissa, _, flags, end := scanNumber(s.data, from)
		if end < 0 || flags&(fractional|negative) != 0 {
			if err := s.skip(); err != nil {
				return dims, err
			}
			return dims, fault.Newf(fault.InvalidShape, "Unable to parse 'shape': dimension %s of entry %d of '%s' is not an unsigned integer", shown(s.data[from:s.pos]), entry, list)
		}
		if flags&long != 0 || mantissa > 1<<63-1 {
			return dims, fault.Newf(fault.ShapeTooLarge, "shape of entry %d of '%s' causes total element count to exceed maximum size of 9223372036854775807", entry, list)
		}
		dims = append(dims, int64(mantissa))
		s.pos = end
	}
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
