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
	if there, err := s.Parameters(""); !there {
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
		micros, err = d.s.Count("timeout")
		d.r.Budget = budget(micros)
		return err
	case "priority":
		d.r.Priority, err = d.s.Count("priority")
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
		_, err = d.s.Count("sequence_id")
		return err
	}
	if jsonscan.Begins(key, "triton_") {
		return fault.Newf(fault.InvalidParameter, "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified. Got '%s'", fault.Shown(key))
	}
	return d.s.Skip()
}

// budget is a timeout as a Duration, cut to the longest.
func budget(micros uint64) time.Duration {
	return time.Duration(min(micros, math.MaxInt64/1000)) * time.Microsecond
}

// flag reads a parameter that is a boolean.
func (d *decoder) flag(name string) (bool, error) {
	d.s.Peek()
	v, ok := d.s.Bool()
	if !ok {
		return false, d.s.Refuse(fault.InvalidParameter, "parameter '%s' must be true or false", name)
	}
	return v, nil
}
