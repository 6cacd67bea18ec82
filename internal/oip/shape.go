package oip

import (
	"strconv"

	"sluice/internal/fault"
)

// maxRank is the most dimensions of a shape; ONNX models use a handful.
const maxRank = 32

// shape reads the "shape" of an input into r.dims.
func (d *decoder) shape() error {
	s := d.s
	d.r.dims = d.r.dims[:0]
	if s.next() != '[' {
		return s.refuse(fault.InvalidShape, "Unable to parse 'shape': entry %d of 'inputs' has no array there", d.got-1)
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
