package oip

import (
	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// inputData reads the data at once if it is known how, and else remembers it.
func (d *decoder) inputData(in *input) error {
	const needed = keyName | keyDatatype | keyShape
	if in.Seen&needed == needed {
		if err := d.resolve(in); err != nil {
			return err
		}
		in.filled = true
		return d.readData(in)
	}
	in.dataFrom, in.depth = d.s.Pos, d.s.Depth
	return d.s.Skip()
}

// endInput reads what the entry's keys could not be read for until now.
func (d *decoder) endInput(in *input) error {
	if in.index < 0 {
		return fault.Newf(fault.InvalidInputs, "entry %d of 'inputs' has no 'name'", d.got-1)
	}
	name := d.schema.Given(in.index).Name
	hasData, hasBinary := in.Seen&keyData != 0, in.binary >= 0
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
	resume, depth := s.Pos, s.Depth
	s.Pos, s.Depth = in.dataFrom, in.depth
	err := d.readData(in)
	s.Pos, s.Depth = resume, depth
	return err
}

// resolve checks an entry against the schema and gives it its place in the task.
func (d *decoder) resolve(in *input) error {
	spec := d.schema.Given(in.index)
	into := d.slot(in.index)
	if into.Type != tensor.Invalid {
		return fault.Newf(fault.DuplicateInput, "input '%s' already exists in request", spec.Name)
	}
	if in.Seen&keyDatatype == 0 {
		return fault.Newf(fault.WrongDatatype, "input '%s' has no 'datatype'", spec.Name)
	}
	if in.Seen&keyShape == 0 {
		return fault.Newf(fault.WrongShape, "input '%s' has no 'shape'", spec.Name)
	}
	kind := spec.Type
	if string(in.datatype) != kind.String() {
		if tensor.ParseDataType(in.datatype) == tensor.Invalid {
			return fault.Newf(fault.WrongDatatype, "invalid datatype for input %s: '%s'", spec.Name, fault.Shown(in.datatype))
		}
		return fault.Newf(fault.WrongDatatype, "inference input '%s' data-type is '%s', but model '%s' expects '%s'", spec.Name, in.datatype, d.model, kind)
	}
	return d.place(in.index, d.r.dims)
}

// readData reads the JSON data of a resolved entry into the task's arena.
func (d *decoder) readData(in *input) error {
	into := d.slot(in.index)
	elements, _ := tensor.Elements(into.Shape)
	d.s.lists.entry = d.got - 1
	size := int64(into.Type.Size())
	if elements > 0 && (into.Type == tensor.FP16 || into.Type == tensor.BF16) {
		return fault.Newf(fault.WrongDatatype, "receiving %s data via JSON is not supported. Please use the binary data format for input %s", into.Type, into.Name)
	}
	if size == 0 {
		return d.readStrings(into, elements)
	}
	// Each element takes a byte and a separator at least: what the rest of the
	// document cannot hold is not worth any memory.
	if most := int64(len(d.s.Data)-d.s.Pos)/2 + 1; elements <= most {
		data, err := d.alloc(int(elements * size))
		if err != nil {
			return err
		}
		into.Data = data
	}
	return d.s.flat(into.Data, into, elements)
}

// keptStrings is how much room for strings a request that waits may hold on to.
const keptStrings = 64 << 10

func (d *decoder) readStrings(into *tensor.Tensor, elements int64) error {
	// They are read beside the arena, since their end is not known. An element has a length in place of
	// its quotes and its comma: a third more at most.
	if scratch := int64(len(d.s.Data)-d.s.Pos) / 3 * 4; scratch > keptStrings {
		if !d.lim.Inputs.Take(scratch) {
			return d.noRoom()
		}
		defer d.lim.Inputs.Give(scratch)
		defer func() {
			if cap(d.r.elements) > keptStrings {
				d.r.elements = nil // the request may wait for long
			}
		}()
	}
	all, count, err := d.s.flatStrings(d.r.elements[:0], into)
	if err != nil {
		return err
	}
	d.r.elements = all
	if count != elements {
		return fault.Newf(fault.InvalidBytes, "expected %d string elements for inference input '%s', got %d", elements, into.Name, count)
	}
	if err := d.s.nestingFault(into); err != nil {
		return err
	}
	if int64(len(all)) > d.lim.MaxTensorBytes {
		return tooManyBytes(into.Name, int64(len(all)), d.lim.MaxTensorBytes)
	}
	if into.Data, err = d.alloc(len(all)); err != nil {
		return err
	}
	copy(into.Data, all)
	return nil
}
