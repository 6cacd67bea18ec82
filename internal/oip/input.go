package oip

import (
	"fmt"
	"strings"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/tensor"
)

// input is one entry of "inputs" while it is read. Its keys may come in any order:
// data that comes before what says how to read it is only checked, and read once the
// entry is complete.
type input struct {
	jsonscan.Object
	index    int // among the inputs that a request may give, once named
	datatype []byte
	dataFrom int // where unread data begins; 0 if there is none
	depth    int // nesting at the data
	filled   bool
	binary   int64 // binary_data_size; -1 if it has none
}

// Keys of an entry of "inputs" or "outputs", as bits.
const (
	keyName uint8 = 1 << iota
	keyDatatype
	keyShape
	keyData
	keyEntryParameters
)

func entryKey(key []byte) uint8 {
	switch string(key) {
	case "name":
		return keyName
	case "datatype":
		return keyDatatype
	case "shape":
		return keyShape
	case "data":
		return keyData
	case "parameters":
		return keyEntryParameters
	}
	return 0
}

func (d *decoder) inputs() error {
	s := d.s
	if s.Peek() != '[' {
		return s.Refuse(fault.InvalidInputs, "'inputs' must be an array")
	}
	most := d.lim.mostInputs(d.schema)
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
	if d.got == 0 && len(d.schema.Inputs) > 0 {
		return fault.New(fault.InvalidInputs, "'inputs' is empty")
	}
	return nil
}

func (d *decoder) input() error {
	s := d.s
	if s.Peek() != '{' {
		return s.Refuse(fault.InvalidInputs, "entry %d of 'inputs' must be an object", d.got-1)
	}
	in := input{Object: s.Object(entryKey), index: -1, binary: -1}
	for in.Next() {
		switch in.Bit {
		case keyName:
			in.Err = d.inputName(&in)
		case keyDatatype:
			in.Err = d.inputDatatype(&in)
		case keyShape:
			in.Err = d.shape()
		case keyData:
			in.Err = d.inputData(&in)
		case keyEntryParameters:
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
	if in.index = d.schema.Find(name, d.got-1); in.index < 0 {
		return d.unknownInput(name)
	}
	if in.index < len(d.schema.Inputs) {
		d.required++
	}
	return nil
}

// name reads the name of an entry; it is valid until the next string with escapes.
func (d *decoder) name(list string, entry int) ([]byte, error) {
	s := d.s
	if s.Peek() != '"' {
		return nil, s.Refuse(fault.InvalidRequest, "'name' of entry %d of '%s' must be a string", entry, list)
	}
	raw, escaped, err := s.Text()
	if err != nil || !escaped {
		return raw, err
	}
	d.r.text, err = jsonscan.Unescape(d.r.text[:0], raw)
	return d.r.text, err
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
	if there, err := s.parameters(" of an input"); !there {
		return err
	}
	o := s.Object(sizeKey)
	for o.Next() {
		switch {
		case o.Bit == keyBinarySize:
			in.binary, o.Err = s.binarySize()
		case jsonscan.Begins(o.Key, "shared_memory_"):
			return noSharedMemory("input", d.got-1)
		default:
			o.Err = s.Skip()
		}
	}
	return o.Err
}

func noSharedMemory(what string, entry int) error {
	return fault.Newf(fault.Unsupported, "client shared memory is not supported: %s %d must travel in the body", what, entry)
}

// allInputs checks that every input that the model requires was there.
func (d *decoder) allInputs() error {
	if d.required == len(d.schema.Inputs) {
		return nil // none unknown, none twice
	}
	var got, missing nameList
	for i := range d.schema.Inputs {
		if d.t.Inputs[i].Type == tensor.Invalid {
			missing.add(fault.Shown(d.schema.Inputs[i].Name))
		} else {
			got.add(fault.Shown(d.schema.Inputs[i].Name))
		}
	}
	return fault.Newf(fault.MissingInput, "expected %d inputs but got %d inputs for model '%s'. Got input(s) [%s], but missing required input(s) [%s]. Please provide all required input(s).",
		len(d.schema.Inputs), d.required, d.model, got.text(), missing.text())
}

// listed is the most names that an error lists.
const listed = 20

// nameList is names in an error.
type nameList struct {
	names []string
	more  int // that are not listed
}

func (l *nameList) add(name string) {
	if len(l.names) == listed {
		l.more++
		return
	}
	l.names = append(l.names, "'"+name+"'")
}

func (l *nameList) text() string {
	text := strings.Join(l.names, ",")
	if l.more > 0 {
		text += fmt.Sprintf(" and %d more", l.more)
	}
	return text
}
