package oip

import (
	"fmt"
	"strings"

	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// input is one entry of "inputs" while it is read. Its keys may come in any order:
// data that comes before what says how to read it is only checked, and read once the
// entry is complete.
type input struct {
	seen     uint8
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
	if s.next() != '[' {
		return s.refuse(fault.InvalidInputs, "'inputs' must be an array")
	}
	if err := s.open(); err != nil {
		return err
	}
	most := d.lim.mostInputs(d.schema)
	for first := true; ; first = false {
		ok, err := s.more(first, ']')
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if d.got++; d.got > most {
			return fault.Newf(fault.InvalidInputs, "'inputs' has more than %d entries, the limit of limits.max_inputs for this model", most)
		}
		if err := d.input(); err != nil {
			return err
		}
	}
	if d.got == 0 && len(d.schema.Inputs) > 0 {
		return fault.New(fault.InvalidInputs, "'inputs' is empty")
	}
	return nil
}

func (d *decoder) input() error {
	s := d.s
	if s.next() != '{' {
		return s.refuse(fault.InvalidInputs, "entry %d of 'inputs' must be an object", d.got-1)
	}
	if err := s.open(); err != nil {
		return err
	}
	in := input{index: -1, binary: -1}
	mark := len(s.keys)
	for first := true; ; first = false {
		key, ok, err := s.member(first)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		bit := entryKey(key)
		if in.seen&bit != 0 {
			return duplicate(key)
		}
		in.seen |= bit
		switch bit {
		case keyName:
			err = d.inputName(&in)
		case keyDatatype:
			err = d.inputDatatype(&in)
		case keyShape:
			err = d.shape()
		case keyData:
			err = d.inputData(&in)
		case keyEntryParameters:
			err = d.inputParameters(&in)
		default:
			s.note(key)
			err = s.skip()
		}
		if err != nil {
			return err
		}
	}
	if err := s.distinct(mark); err != nil {
		return err
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
	if s.next() != '"' {
		return nil, s.refuse(fault.InvalidRequest, "'name' of entry %d of '%s' must be a string", entry, list)
	}
	raw, escaped, err := s.str()
	if err != nil || !escaped {
		return raw, err
	}
	d.r.text, err = unescape(d.r.text[:0], raw)
	return d.r.text, err
}

func (d *decoder) inputDatatype(in *input) (err error) {
	s := d.s
	if s.next() != '"' {
		return s.refuse(fault.WrongDatatype, "'datatype' of entry %d of 'inputs' must be a string", d.got-1)
	}
	// No datatype needs an escape, so text with escapes is none.
	in.datatype, _, err = s.str()
	return err
}

func (d *decoder) inputParameters(in *input) error {
	s := d.s
	if there, err := s.openParameters(" of an input"); !there {
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
		switch {
		case parameterKey(key) == keyBinarySize:
			if in.binary >= 0 {
				return duplicate(key)
			}
			var size uint64
			if size, err = d.count("binary_data_size"); err != nil {
				return err
			}
			in.binary = int64(min(size, 1<<62))
		case begins(key, "shared_memory_"):
			return noSharedMemory("input", d.got-1)
		default:
			s.note(key)
			if err := s.skip(); err != nil {
				return err
			}
		}
	}
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
			missing.add(shown(d.schema.Inputs[i].Name))
		} else {
			got.add(shown(d.schema.Inputs[i].Name))
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
