package oip

import (
	"math"
	"time"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
)

// parameters reads the request's parameters. Those that nobody here knows are
// checked as JSON and otherwise ignored; some clients send whole objects there.
func (d *decoder) parameters() error {
	s := d.s
	if there, err := s.parameters(""); !there {
		return err
	}
	o := s.Object(nil)
	for o.Next() {
		o.Err = d.parameter(o.Key)
	}
	return o.Err
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
		if d.s.Peek() == '"' {
			return d.s.Skip()
		}
		_, err = d.count("sequence_id")
		return err
	}
	if jsonscan.Begins(key, "triton_") {
		return fault.Newf(fault.InvalidParameter, "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified. Got '%s'", fault.Shown(key))
	}
	return d.s.Skip()
}

func (d *decoder) count(name string) (uint64, error) { return d.s.count(name) }

// count reads a parameter that is an unsigned integer.
func (s *scanner) count(name string) (uint64, error) {
	s.Peek()
	n, end := jsonscan.ScanNumber(s.Data, s.Pos)
	if end >= 0 {
		if v, ok := n.Uint64(64, s.Data[s.Pos:end]); ok {
			s.Pos = end
			return v, nil
		}
	}
	return 0, s.Refuse(fault.InvalidParameter, "parameter '%s' must be an unsigned integer", name)
}

// flag reads a parameter that is a boolean.
func (d *decoder) flag(name string) (bool, error) {
	d.s.Peek()
	if d.s.Literal("true") {
		return true, nil
	}
	if d.s.Literal("false") {
		return false, nil
	}
	return false, d.s.Refuse(fault.InvalidParameter, "parameter '%s' must be true or false", name)
}

// parameters says whether the 'parameters' object of the request, or of its owner, is next. It is
// not there if it is null, which means the same as leaving it out, or if err says why it
// cannot be read.
func (s *scanner) parameters(owner string) (there bool, err error) {
	switch s.Peek() {
	case 'n':
		return false, s.Expect("null")
	case '{':
		return true, nil
	}
	return false, s.Refuse(fault.InvalidParameter, "'parameters'%s must be an object", owner)
}
