package oip

import (
	"strings"

	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// input is one entry of "inputs" while it is read. Its keys may come in any order:
// data that comes before what says how to read it is only checked, and read once the
// entry is complete.
type input struct {
	seen     uint8
	index    int // in the schema, once named
	datatype []byte
	dataFrom int // where unread data begins; 0 if there is none
	depth    int // nesting at the data
	filled   bool
	binary   int64 // binary_data_size; -1 if it has none
}

// Keys of an entry of "inputs", as bits.
const (
	keyName uint8 = 1 << iota
	keyDatatype
	keyShape
	keyData
	keyInputParameters
)

func inputKey(key []byte) uint8 {
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
		return keyInputParameters
	}
	return 0
}

func (d *decoder) inputs() error {
	s := d.s
	if s.next() != '[' {
		if err := s.skip(); err != nil {
			return err
		}
		return fault.New(fault.InvalidInputs, "'inputs' must be an array")
	}
	if err := s.open(); err != nil {
		return err
	}
	for first := true; ; first = false {
		ok, err := s.more(first, ']')
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if d.got++; d.got > d.lim.MaxInputs {
			return fault.Newf(fault.InvalidInputs, "'inputs' has more than %d entries", d.lim.MaxInputs)
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
		if err := s.skip(); err != nil {
			return err
		}
		return fault.Newf(fault.InvalidInputs, "entry %d of 'inputs' must be an object", d.got-1)
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
		bit := inputKey(key)
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
		case keyInputParameters:
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

// endInput reads what the entry's keys could not be read for until now.
func (d *decoder) endInput(in *input) error {
	if in.index < 0 {
		return fault.Newf(fault.InvalidInputs, "entry %d of 'inputs' has no 'name'", d.got-1)
	}
	name := d.schema.Inputs[in.index].Name
	hasData, hasBinary := in.seen&keyData != 0, in.binary >= 0
	if hasData == hasBinary {
		what := "no field is set"
		if hasData {
			what = "set 'data' 'binary_data_size'"
		}
		return fault.Newf(fault.InvalidRequest, "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But %s for input '%s'", what, name)
	}
	if in.filled {
		return nil
	}
	if err := d.resolve(in); err != nil {
		return err
	}
	if hasBinary {
		return d.takeBlob(in)
	}
	s := d.s
	resume, depth := s.pos, s.depth
	s.pos, s.depth = in.dataFrom, in.depth
	err := d.readData(in)
	s.pos, s.depth = resume, depth
	return err
}

func (d *decoder) inputName(in *input) error {
	name, err := d.name("inputs", d.got-1)
	if err != nil {
		return err
	}
	if in.index = d.schema.Input(name); in.index < 0 {
		return fault.Newf(fault.UnknownInput, "unexpected inference input '%s' for model '%s'", shown(name), d.model)
	}
	return nil
}

// name reads the name of an entry; it is valid until the next string with escapes.
func (d *decoder) name(list string, entry int) ([]byte, error) {
	s := d.s
	if s.next() != '"' {
		if err := s.skip(); err != nil {
			return nil, err
		}
		return nil, fault.Newf(fault.InvalidRequest, "'name' of entry %d of '%s' must be a string", entry, list)
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
		if err := s.skip(); err != nil {
			return err
		}
		return fault.Newf(fault.WrongDatatype, "'datatype' of entry %d of 'inputs' must be a string", d.got-1)
	}
	// No datatype needs an escape, so text with escapes is none.
	in.datatype, _, err = s.str()
	return err
}

func (d *decoder) inputParameters(in *input) error {
	s := d.s
	switch s.next() {
	case 'n':
		return s.mustLiteral("null")
	case '{':
	default:
		return d.mistyped("'parameters' of an input must be an object")
	}
	if err := s.open(); err != nil {
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
		switch {
		case string(key) == "binary_data_size":
			var size uint64
			if size, err = d.count("binary_data_size"); err != nil {
				return err
			}
			in.binary = int64(min(size, 1<<62))
		case begins(key, "shared_memory_"):
			return noSharedMemory("input", d.got-1)
		default:
			if err := s.skip(); err != nil {
				return err
			}
		}
	}
}

func noSharedMemory(what string, entry int) error {
	return fault.Newf(fault.Unsupported, "client shared memory is not supported: %s %d must travel in the body", what, entry)
}

// resolve checks an entry against the schema and gives it its place in the task.
func (d *decoder) resolve(in *input) error {
	spec := &d.schema.Inputs[in.index]
	into := &d.t.Inputs[in.index]
	if into.Type != tensor.Invalid {
		return fault.Newf(fault.DuplicateInput, "input '%s' already exists in request", spec.Name)
	}
	if in.seen&keyDatatype == 0 {
		return fault.Newf(fault.WrongDatatype, "input '%s' has no 'datatype'", spec.Name)
	}
	if in.seen&keyShape == 0 {
		return fault.Newf(fault.WrongShape, "input '%s' has no 'shape'", spec.Name)
	}
	kind := spec.Type
	if string(in.datatype) != kind.String() {
		if tensor.ParseDataType(in.datatype) == tensor.Invalid {
			return fault.Newf(fault.WrongDatatype, "invalid datatype for input %s: '%s'", spec.Name, shown(in.datatype))
		}
		return fault.Newf(fault.WrongDatatype, "inference input '%s' data-type is '%s', but model '%s' expects '%s'", spec.Name, in.datatype, d.model, kind)
	}
	return d.place(in.index, d.r.dims)
}

// inputData reads the data at once if it is known how, and else remembers it.
func (d *decoder) inputData(in *input) error {
	const needed = keyName | keyDatatype | keyShape
	if in.seen&needed == needed {
		if err := d.resolve(in); err != nil {
			return err
		}
		in.filled = true
		return d.readData(in)
	}
	in.dataFrom, in.depth = d.s.pos, d.s.depth
	return d.s.skip()
}

// readData reads the JSON data of a resolved entry into the task's arena.
func (d *decoder) readData(in *input) error {
	into := &d.t.Inputs[in.index]
	elements, _ := tensor.Elements(into.Shape)
	if elements == 0 {
		if d.s.next() != '[' {
			return notArray(into.Name)
		}
		return d.s.skip()
	}
	switch size := int64(into.Type.Size()); {
	case into.Type == tensor.FP16 || into.Type == tensor.BF16:
		return fault.Newf(fault.WrongDatatype, "receiving %s data via JSON is not supported. Please use the binary data format for input %s", into.Type, into.Name)
	case size == 0:
		return d.readStrings(into, elements)
	default:
		// Each element takes a byte and a separator at least: what the rest of the
		// document cannot hold is not worth any memory.
		if most := int64(len(d.s.data)-d.s.pos)/2 + 1; elements > most {
			return d.tooFew(into, elements)
		}
		into.Data = d.t.Arena.Alloc(int(elements * size))
		return d.s.flat(into.Data, into.Type, into.Name)
	}
}

func (d *decoder) tooFew(into *tensor.Tensor, elements int64) error {
	if err := d.s.skip(); err != nil {
		return err
	}
	return fault.Newf(fault.DataLengthMismatch, "Failed to parse 'data' field: shape does not match true shape: input '%s' takes %d values, more than the body holds", into.Name, elements)
}

func (d *decoder) readStrings(into *tensor.Tensor, elements int64) error {
	all, count, err := d.s.flatStrings(d.r.elements[:0], into.Name)
	if err != nil {
		return err
	}
	d.r.elements = all
	if count != elements {
		return fault.Newf(fault.InvalidBytes, "expected %d string elements for inference input '%s', got %d", elements, into.Name, count)
	}
	if int64(len(all)) > d.lim.MaxTensorBytes {
		return tooManyBytes(into.Name, int64(len(all)), d.lim.MaxTensorBytes)
	}
	into.Data = d.t.Arena.Alloc(len(all))
	copy(into.Data, all)
	return nil
}

// allInputs checks that every input of the model was there.
func (d *decoder) allInputs() error {
	var got, missing []string
	if d.got == len(d.schema.Inputs) {
		return nil // none unknown, none twice
	}
	for i := range d.schema.Inputs {
		name := "'" + d.schema.Inputs[i].Name + "'"
		if d.t.Inputs[i].Type == tensor.Invalid {
			missing = append(missing, name)
		} else {
			got = append(got, name)
		}
	}
	return fault.Newf(fault.MissingInput, "expected %d inputs but got %d inputs for model '%s'. Got input(s) [%s], but missing required input(s) [%s]. Please provide all required input(s).",
		len(d.schema.Inputs), d.got, d.model, strings.Join(got, ","), strings.Join(missing, ","))
}
