package oip

import (
	"fmt"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/oip/target"
	"sluice/internal/oip/wire"
	"sluice/internal/tensor"
)

// input is one entry of "inputs" while it is read.
type input struct {
	wire.Entry
	index    int // among the inputs that a request may give, once named
	datatype []byte
}

func (d *decoder) inputs() error {
	s := d.s
	if s.Peek() != '[' {
		return s.Refuse(fault.InvalidInputs, "'inputs' must be an array")
	}
	most := d.Limits.MostInputs(d.Schema)
	a := s.Array()
	for a.Next() {
		if d.got++; d.got > most {
			return fault.Newf(fault.InvalidInputs, "'inputs' has more than %d entries, the limit of limits.max_inputs for this model", most)
		}
		a.Err = d.input()
	}
	if a.Err != nil {
		return a.Err
	}
	if d.got == 0 && len(d.Schema.Inputs) > 0 {
		return fault.New(fault.InvalidInputs, "'inputs' is empty")
	}
	return nil
}

func (d *decoder) input() error {
	s := d.s
	if s.Peek() != '{' {
		return s.Refuse(fault.InvalidInputs, "entry %d of 'inputs' must be an object", d.got-1)
	}
	in := input{Entry: s.Entry(d.got - 1), index: -1}
	for in.Next() {
		switch in.Bit {
		case wire.KeyName:
			in.Err = d.inputName(&in)
		case wire.KeyDatatype:
			in.Err = d.inputDatatype(&in)
		case wire.KeyShape:
			d.r.dims, in.Err = s.Shape(d.r.dims[:0])
		case wire.KeyData:
			in.Err = in.Data(s, wire.KeyName|wire.KeyDatatype|wire.KeyShape, func() error { return d.inputData(&in) })
		case wire.KeyParameters:
			in.Err = d.inputParameters(&in)
		default:
			in.Err = s.Skip()
		}
	}
	if in.Err != nil {
		return in.Err
	}
	return d.endInput(&in)
}

func (d *decoder) inputName(in *input) error {
	name, err := d.name("inputs", d.got-1)
	if err != nil {
		return err
	}
	// Most requests list the inputs in the schema's order.
	if in.index, err = d.Find(name, d.got-1); err != nil {
		return err
	}
	if in.index < len(d.Schema.Inputs) {
		d.required++
	}
	return nil
}

// name reads the name of an entry; it is valid until the next one.
func (d *decoder) name(list string, entry int) (name []byte, err error) {
	if d.s.Peek() != '"' {
		return nil, d.s.Refuse(fault.InvalidRequest, "'name' of entry %d of '%s' must be a string", entry, list)
	}
	name, d.r.text, err = d.s.Content(d.r.text)
	return name, err
}

func (d *decoder) inputDatatype(in *input) (err error) {
	s := d.s
	if s.Peek() != '"' {
		return s.Refuse(fault.WrongDatatype, "'datatype' of entry %d of 'inputs' must be a string", d.got-1)
	}
	// No datatype needs an escape, so text with escapes is none.
	in.datatype, _, err = s.Text()
	return err
}

func (d *decoder) inputParameters(in *input) error {
	s := d.s
	if there, err := s.Parameters(" of an input"); !there {
		return err
	}
	o := s.Object(wire.SizeKeys)
	for o.Next() {
		if o.Bit != 0 {
			o.Err = in.Size(s)
		} else {
			o.Err = d.otherParameter(o.Key, "input", d.got-1)
		}
	}
	return o.Err
}

// otherParameter skips a parameter of an entry that nobody here knows.
func (d *decoder) otherParameter(key []byte, what string, entry int) error {
	if jsonscan.Begins(key, "shared_memory_") {
		return fault.Newf(fault.Unsupported, "client shared memory is not supported: %s %d must travel in the body", what, entry)
	}
	return d.s.Skip()
}

// allInputs checks that every input that the model requires was there.
func (d *decoder) allInputs() error {
	if d.required == len(d.Schema.Inputs) {
		return nil // none unknown, none twice
	}
	var got, missing []string
	given := func(i int) bool { return d.Task.Inputs[i].Type != tensor.Invalid }
	for i := range d.Schema.Inputs {
		if target.Lacks(d.Schema, i, given) {
			missing = append(missing, d.Schema.Inputs[i].Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	for i := range d.Schema.Inputs {
		if given(i) {
			got = append(got, d.Schema.Inputs[i].Name)
		}
	}
	return fault.Newf(fault.MissingInput, "expected %d inputs but got %d inputs for model '%s'. Got input(s) [%s], but missing required input(s) [%s]. Please provide all required input(s).",
		len(got)+len(missing), len(got), d.Model, listed(got), listed(missing))
}

// listed is names in an error, so many that it can be read.
func listed(names []string) (text string) {
	const most = 20
	for i, name := range names[:min(len(names), most)] {
		if i > 0 {
			text += ","
		}
		text += "'" + fault.Shown(name) + "'"
	}
	if len(names) > most {
		text += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return text
}
