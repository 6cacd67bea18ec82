package oip

import (
	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/oip/wire"
)

// outputs reads which outputs the client wants, and how.
func (d *decoder) outputs() error {
	s := d.s
	switch s.Peek() {
	case 'n':
		return s.Expect("null")
	case '[':
	default:
		return s.Refuse(fault.InvalidRequest, "'outputs' must be an array")
	}
	a := s.Array()
	d.sizeOutputs()
	for a.Next() {
		if a.Index == d.Limits.MaxOutputs {
			return fault.Newf(fault.TooManyOutputs, "'outputs' has more than %d entries, the limit of limits.max_outputs", d.Limits.MaxOutputs)
		}
		a.Err = d.output(a.Index)
	}
	return a.Err
}

func (d *decoder) sizeOutputs() {
	n := len(d.Schema.Outputs)
	if cap(d.r.Outputs) < n {
		d.r.Outputs = make([]OutputChoice, n)
	}
	d.r.Outputs = d.r.Outputs[:n]
	clear(d.r.Outputs)
}

// Keys of an entry of "outputs" that matter, as bits.
const (
	outputName uint8 = 1 << iota
	outputParameters
)

var outputKeys = jsonscan.Names{"name", "parameters"}

// output reads one entry of "outputs".
func (d *decoder) output(entry int) error {
	s := d.s
	if s.Peek() != '{' {
		return s.Refuse(fault.InvalidRequest, "entry %d of 'outputs' must be an object", entry)
	}
	choice, index := OutputChoice{Wanted: true}, -1
	o := s.Object(outputKeys)
	for o.Next() {
		switch o.Bit {
		case outputName:
			index, o.Err = d.outputName(entry)
		case outputParameters:
			o.Err = d.outputParameters(entry, &choice)
		default:
			o.Err = s.Skip()
		}
	}
	if o.Err != nil {
		return o.Err
	}
	if index < 0 {
		return fault.Newf(fault.InvalidRequest, "entry %d of 'outputs' has no 'name'", entry)
	}
	if d.r.Outputs[index].Wanted {
		return fault.Newf(fault.DuplicateOutput, "output '%s' already exists in request", d.Schema.Outputs[index].Name)
	}
	d.r.Outputs[index] = choice
	return nil
}

func (d *decoder) outputName(entry int) (int, error) {
	name, err := d.name("outputs", entry)
	if err != nil {
		return 0, err
	}
	return d.FindOutput(name)
}

func (d *decoder) outputParameters(entry int, choice *OutputChoice) error {
	s := d.s
	if there, err := s.Parameters(" of an output"); !there {
		return err
	}
	o := s.Object(parameterKeys)
	for o.Next() {
		switch o.Bit {
		case keyBinaryData:
			choice.Binary, o.Err = d.flag("binary_data")
		case keyClassification:
			var k uint64
			k, o.Err = s.Count("classification")
			choice.Classification = int(min(k, 1<<31-1))
		default:
			o.Err = d.otherParameter(o.Key, "output", entry)
		}
	}
	return o.Err
}

// Keys of the parameters of an output, as bits.
const (
	keyBinaryData uint8 = 1 << iota
	keyClassification
)

var parameterKeys = jsonscan.Names{"binary_data", "classification"}

// chooseOutputs settles what the request left open, and refuses what no answer could
// be written for before the model runs for nothing.
func (d *decoder) chooseOutputs() error {
	listed := false
	for _, choice := range d.r.Outputs {
		listed = listed || choice.Wanted
	}
	if !listed {
		d.sizeOutputs()
		for k := range d.r.Outputs {
			d.r.Outputs[k] = OutputChoice{Wanted: true, Binary: d.r.binaryAll}
		}
	}
	for k := range d.r.Outputs {
		choice, spec := &d.r.Outputs[k], &d.Schema.Outputs[k]
		if !choice.Wanted {
			continue
		}
		d.Task.Wanted |= 1 << uint(k)
		switch {
		case choice.Classification > 0 && !ordered(spec.Type):
			return fault.Newf(fault.WrongDatatype, "class result not available for output '%s' due to unsupported type '%s'", spec.Name, spec.Type)
		case choice.Classification == 0 && !choice.Binary && spec.Type.Half():
			return wire.NoJSON(spec.Type, spec.Name)
		}
	}
	return nil
}
