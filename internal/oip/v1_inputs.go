package oip

import (
	"slices"

	"sluice/internal/fault"
)

// instances reads the row format: a list with one item per row.
func (d *v1Decoder) instances() error {
	s := d.s
	if s.next() != '[' {
		return s.refuse(fault.InvalidInputs, "'instances' must be an array")
	}
	from := s.pos
	if err := s.open(); err != nil {
		return err
	}
	switch first := s.next(); {
	case first == ']':
		return fault.New(fault.InvalidInputs, "'instances' is empty")
	case first == '{' && !d.isBase64():
		return d.objects()
	case len(d.schema.Inputs) != 1:
		return d.notBare("each item of 'instances'")
	}
	// With one input the list of its rows is its tensor.
	s.pos = from
	s.depth--
	return d.bare()
}

// notBare reports a value without a name, unless it is no JSON at all.
func (d *v1Decoder) notBare(what string) error {
	return d.s.refuse(fault.InvalidInputs, "model '%s' has %d inputs, so %s must be an object with a value for each", d.model, len(d.schema.Inputs), what)
}

// bare reads a value that is the tensor of the only input.
func (d *v1Decoder) bare() error {
	c, spec := &d.r.columns[0], &d.schema.Inputs[0]
	if err := d.value(c, spec); err != nil {
		return err
	}
	c.shape = append(c.shape[:0], d.r.nest.dims...)
	return d.fill()
}

// objects reads rows that are objects, behind the bracket that opens their list.
func (d *v1Decoder) objects() error {
	s := d.s
	rows := int64(0)
	for ; ; rows++ {
		ok, err := s.more(rows == 0, ']')
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if s.next() != '{' {
			return d.notBare("each item of 'instances'")
		}
		if err := d.object(rows); err != nil {
			return err
		}
	}
	for i := range d.schema.Inputs {
		c := &d.r.columns[i]
		c.shape = slices.Insert(c.shape, 0, rows)
	}
	return d.fill()
}

// tensors reads the column format: a value, or an object with one per input.
func (d *v1Decoder) tensors() error {
	s := d.s
	if s.next() == '{' && !d.isBase64() {
		if err := d.object(0); err != nil {
			return err
		}
		return d.fill()
	}
	if len(d.schema.Inputs) != 1 {
		return d.notBare("'inputs'")
	}
	return d.bare()
}

// object reads an object whose keys are exactly the inputs' names. All rows must
// have the shapes of row 0.
func (d *v1Decoder) object(row int64) error {
	s := d.s
	if err := s.open(); err != nil {
		return err
	}
	for i := range d.schema.Inputs {
		d.r.columns[i].given = false
	}
	for first := true; ; first = false {
		key, ok, err := s.member(first)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		i := d.schema.Input(key)
		if i < 0 {
			return fault.Newf(fault.UnknownInput, "unexpected inference input '%s' for model '%s'", shown(key), d.model)
		}
		c, spec := &d.r.columns[i], &d.schema.Inputs[i]
		if c.given {
			return duplicate(key)
		}
		c.given = true
		if err := d.value(c, spec); err != nil {
			return err
		}
		if dims := d.r.nest.dims; row == 0 {
			c.shape = append(c.shape[:0], dims...)
		} else if !slices.Equal(c.shape, dims) {
			return fault.Newf(fault.DataLengthMismatch, "Failed to process element: %d of 'instances': input '%s' has shape %s, in element 0 it has %s", row, spec.Name, showShape(dims), showShape(c.shape))
		}
	}
	for i := range d.schema.Inputs {
		if !d.r.columns[i].given {
			return fault.Newf(fault.MissingInput, "Failed to process element: %d: missing required input '%s' of model '%s'", row, d.schema.Inputs[i].Name, d.model)
		}
	}
	return nil
}

// fill checks the columns against the schema and copies them into the task.
func (d *v1Decoder) fill() error {
	for i := range d.schema.Inputs {
		c := &d.r.columns[i]
		if err := d.place(i, c.shape); err != nil {
			return err
		}
		into := &d.t.Inputs[i]
		if len(c.data) > int(d.lim.MaxTensorBytes) {
			return tooManyBytes(into.Name, int64(len(c.data)), d.lim.MaxTensorBytes)
		}
		into.Data = d.t.Arena.Alloc(len(c.data))
		copy(into.Data, c.data)
	}
	return nil
}
