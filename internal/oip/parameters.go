package oip

import (
	"math"
	"time"

	"sluice/internal/fault"
)

// parameters reads the request's parameters. Those that nobody here knows are
// checked as JSON and otherwise ignored; some clients send whole objects there.
func (d *decoder) parameters() error {
	s := d.s
	if there, err := s.openParameters(""); !there {
		return err
	}
	mark := len(s.keys)
	for first := true; ; first = false {
		key, ok, err := s.member(first)
		if err != nil {
			return err
		}
		if !ok {
			return s.distinct(mark)
		}
		s.note(key)
		if err := d.parameter(key); err != nil {
			return err
		}
	}
}

func (d *decoder) parameter(key []byte) (err error) {
	switch string(key) {
	case "timeout":
		var micros uint64
		micros, err = d.count("timeout")
		d.r.Budget = time.Duration(min(micros, math.MaxInt64/1000)) * time.Microsecond
		return err
	case "priority":
		d.r.Priority, err = d.count("priority")
		return err
	case "binary_data_output":
		d.r.binaryAll, err = d.flag("binary_data_output")
		return err
	case "sequence_start":
		_, err = d.flag("sequence_start")
		return err
	case "sequence_end":
		_, err = d.flag("sequence_end")
		return err
	case "sequence_id":
		if d.s.next() == '"' {
			return d.s.skip()
		}
		_, err = d.count("sequence_id")
		return err
	}
	if begins(key, "triton_") {
		return fault.Newf(fault.InvalidParameter, "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified. Got '%s'", shown(key))
	}
	return d.s.skip()
}

func (d *decoder) count(name string) (uint64, error) { return d.s.count(name) }

// count reads a parameter that is an unsigned integer.
func (s *scanner) count(name string) (uint64, error) {
	s.next()
	mantissa, _, flags, end := scanNumber(s.data, s.pos)
	if end >= 0 {
		if v, ok := toUint64(mantissa, flags, 64, s.data[s.pos:end]); ok {
			s.pos = end
			return v, nil
		}
	}
	return 0, s.refuse(fault.InvalidParameter, "parameter '%s' must be an unsigned integer", name)
}

// flag reads a parameter that is a boolean.
func (d *decoder) flag(name string) (bool, error) {
	d.s.next()
	if d.s.literal("true") {
		return true, nil
	}
	if d.s.literal("false") {
		return false, nil
	}
	return false, d.s.refuse(fault.InvalidParameter, "parameter '%s' must be true or false", name)
}

// openParameters opens the 'parameters' object of the request, or of its owner. It is not
// there if it is null, which means the same as leaving it out, or if err says why it
// cannot be read.
func (s *scanner) openParameters(owner string) (there bool, err error) {
	switch s.next() {
	case 'n':
		return false, s.mustLiteral("null")
	case '{':
		err = s.open()
		return err == nil, err
	}
	return false, s.refuse(fault.InvalidParameter, "'parameters'%s must be an object", owner)
}
