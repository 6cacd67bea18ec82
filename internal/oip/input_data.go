package oip

import (
	"sluice/internal/fault"
	"sluice/internal/oip/wire"
	"sluice/internal/tensor"
)

// endInput reads what the entry's keys could not be read for until now.
func (d *decoder) endInput(in *input) error {
	if in.index < 0 {
		return fault.Newf(fault.InvalidInputs, "entry %d of 'inputs' has no 'name'", d.got-1)
	}
	hasData, hasBinary := in.Seen&wire.KeyData != 0, in.HasBinary
	if hasData == hasBinary {
		what := "no field is set"
		if hasData {
			what = "set 'data' 'binary_data_size'"
		}
		return fault.Newf(fault.InvalidRequest, "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But %s for input '%s'", what, d.Schema.Given(in.index).Name)
	}
	switch {
	case in.Filled:
		return nil
	case hasData:
		return in.Late(d.s, func() error { return d.inputData(in) })
	}
	if err := d.resolve(in); err != nil {
		return err
	}
	return d.takeBlob(in)
}

// resolve checks an entry against the schema and gives it its place in the task.
func (d *decoder) resolve(in *input) error {
	spec := d.Schema.Given(in.index)
	switch kind := spec.Type; {
	case d.Slot(in.index).Type != tensor.Invalid:
		return fault.Newf(fault.DuplicateInput, "input '%s' already exists in request", spec.Name)
	case in.Seen&wire.KeyDatatype == 0:
		return fault.Newf(fault.WrongDatatype, "input '%s' has no 'datatype'", spec.Name)
	case in.Seen&wire.KeyShape == 0:
		return fault.Newf(fault.WrongShape, "input '%s' has no 'shape'", spec.Name)
	case string(in.datatype) == kind.String():
		return d.Place(in.index, d.r.dims)
	case tensor.ParseDataType(in.datatype) == tensor.Invalid:
		return fault.Newf(fault.WrongDatatype, "invalid datatype for input %s: '%s'", spec.Name, fault.Shown(in.datatype))
	default:
		return fault.Newf(fault.WrongDatatype, "inference input '%s' data-type is '%s', but model '%s' expects '%s'", spec.Name, in.datatype, d.Model, kind)
	}
}

// keptStrings is how much room for strings a request that waits may hold on to.
const keptStrings = 64 << 10

// inputData reads the JSON data of an entry into the task's arena.
func (d *decoder) inputData(in *input) error {
	if err := d.resolve(in); err != nil {
		return err
	}
	into := d.Slot(in.index)
	elements, _ := tensor.Elements(into.Shape)
	if elements > 0 && into.Type.Half() {
		return fault.Newf(fault.WrongDatatype, "receiving %s data via JSON is not supported. Please use the binary data format for input %s", into.Type, into.Name)
	}
	// Strings are read beside the arena. An element has a length in place of its quotes and its
	// comma: a third more at most.
	scratch := int64(len(d.s.Data)-d.s.Pos) / 3 * 4
	if into.Type != tensor.Bytes || scratch <= keptStrings {
		return d.s.Values(into, elements, d.Room)
	}
	if !d.Limits.Inputs.Take(scratch) {
		return d.NoRoom()
	}
	defer d.Limits.Inputs.Give(scratch)
	err := d.s.Values(into, elements, d.Room)
	if cap(d.s.Strings) > keptStrings {
		d.s.Strings = nil // the request may wait for long
	}
	return err
}
