package oip

import (
	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/tensor"
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
		if a.Index == d.lim.MaxOutputs {
			return fault.Newf(fault.TooManyOutputs, "'outputs' has more than %d entries, the limit of limits.max_outputs", d.lim.MaxOutputs)
		}
		a.Err = d.output(a.Index)
	}
	return a.Err
}

func (d *decoder) sizeOutputs() {
	n := len(d.schema.Outputs)
	if cap(d.r.Outputs) < n {
		d.r.Outputs = make([]OutputChoice, n)
	}
	d.r.Outputs = d.r.Outputs[:n]
	clear(d.r.Outputs)
}

// outputKey knows the keys of an entry of "outputs" that matter.
func outputKey(key []byte) uint8 { return entryKey(key) & (keyName | keyEntryParameters) }

// output reads one entry of "outputs".
func (d *decoder) output(entry int) error {
	s := d.s
	if s.Peek() != '{' {
		return s.Refuse(fault.InvalidRequest, "entry %d of 'outputs' must be an object", entry)
	}
	choice, index := OutputChoice{Wanted: true}, -1
	o := s.Object(outputKey)
	for o.Next() {
		switch o.Bit {
		case keyName:
			index, o.Err = d.outputName(entry)
		case keyEntryParameters:
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
		return fault.Newf(fault.DuplicateOutput, "output '%s' already exists in request", d.schema.Outputs[index].Name)
	}
	d.r.Outputs[index] = choice
	return nil
}

func (d *decoder) outputName(entry int) (int, error) {
	name, err := d.name("outputs", entry)
	if err != nil {
		return 0, err
	}
	index := d.schema.Output(name)
	if index < 0 {
		return 0, d.unknownOutput(name)
	}
	return index, nil
}

func (d *decoder) outputParameters(entry int, choice *OutputChoice) error {
	s := d.s
	if there, err := s.parameters(" of an output"); !there {
		return err
	}
	o := s.Object(parameterKey)
	for o.Next() {
		switch o.Bit {
		case keyBinaryData:
			choice.Binary, o.Err = d.flag("binary_data")
		case keyClassification:
			var k uint64
			k, o.Err = d.count("classification")
			choice.Classification = int(min(k, 1<<31-1))
		default:
			if jsonscan.Begins(o.Key, "shared_memory_") {
				return noSharedMemory("output", entry)
			}
			o.Err = s.Skip()
		}
	}
	return o.Err
}

// Keys of the parameters of an input or output, as bits.
const (
	keyBinarySize uint8 = 1 << iota
	keyBinaryData
	keyClassification
)

func parameterKey(key []byte) uint8 {
	switch string(key) {
	case "binary_data_size":
		return keyBinarySize
	case "binary_data":
		return keyBinaryData
	case "classification":
		return keyClassification
	}
	return 0
}

// sizeKey knows the one that says how long binary data is.
func sizeKey(key []byte) uint8 { return parameterKey(key) & keyBinarySize }

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
		choice, spec := &d.r.Outputs[k], &d.schema.Outputs[k]
		if !choice.Wanted {
			continue
		}
		d.t.Wanted |= 1 << uint(k)
		switch {
		case choice.Classification > 0 && !ordered(spec.Type):
			return fault.Newf(fault.WrongDatatype, "class result not available for output '%s' due to unsupported type '%s'", spec.Name, spec.Type)
		case choice.Classification == 0 && !choice.Binary && (spec.Type == tensor.FP16 || spec.Type == tensor.BF16):
			return noJSON(spec.Type, spec.Name)
		}
	}
	return nil
}
