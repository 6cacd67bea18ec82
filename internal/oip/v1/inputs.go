package v1

import (
	"bytes"
	"math"
	"slices"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/oip/target"
	"sluice/internal/tensor"
)

// instances reads the row format: a list with one item per row.
func (d *decoder) instances() error {
	s := d.s
	if s.Peek() != '[' {
		return s.Refuse(fault.InvalidInputs, "'instances' must be an array")
	}
	from := s.Pos
	a := s.Array()
	switch first := s.Peek(); {
	case a.Err != nil:
		return a.Err
	case first == ']':
		return fault.New(fault.InvalidInputs, "'instances' is empty")
	case first == '{' && !d.isBase64():
		return d.objects(&a)
	case len(d.Schema.Inputs) != 1:
		return d.notBare("each item of 'instances'")
	}
	// With one input the list of its rows is its tensor.
	s.Pos = from
	s.Depth--
	return d.bare()
}

// notBare reports a value without a name, unless it is no JSON at all.
func (d *decoder) notBare(what string) error {
	n := 0
	for i := range d.Schema.Inputs {
		if !d.Schema.Inputs[i].MayMiss() {
			n++
		}
	}
	return d.s.Refuse(fault.InvalidInputs, "model '%s' has %d inputs, so %s must be an object with a value for each", d.Model, n, what)
}

// bare reads a value that is the tensor of the only input.
func (d *decoder) bare() error {
	c, spec := &d.r.columns[0], &d.Schema.Inputs[0]
	if err := d.value(c, spec); err != nil {
		return err
	}
	c.shape = append(c.shape[:0], d.r.nest.dims...)
	return d.fill()
}

// objects reads rows that are objects.
func (d *decoder) objects(rows *jsonscan.Array) error {
	for rows.Next() {
		if d.s.Peek() != '{' {
			return d.notBare("each item of 'instances'")
		}
		rows.Err = d.object(int64(rows.Index))
	}
	if rows.Err != nil {
		return rows.Err
	}
	for i := range d.Schema.Inputs {
		c := &d.r.columns[i]
		if !c.given {
			continue
		}
		c.shape = slices.Insert(c.shape, 0, int64(rows.Index)+1)
	}
	return d.fill()
}

// tensors reads the column format: a value, or an object with one per input.
func (d *decoder) tensors() error {
	s := d.s
	if s.Peek() == '{' && !d.isBase64() {
		if err := d.object(0); err != nil {
			return err
		}
		return d.fill()
	}
	if len(d.Schema.Inputs) != 1 {
		return d.notBare("'inputs'")
	}
	return d.bare()
}

// object reads an object whose keys are exactly the inputs' names, and perhaps those of some that may be
// left out. All rows must have the inputs and the shapes of row 0.
func (d *decoder) object(row int64) error {
	d.row = row
	columns := d.columns()
	for i := range columns {
		columns[i].given = false
	}
	o := d.s.Object(nil)
	for n := 0; o.Member(); n++ {
		i, err := d.Find(o.Key, n) // most requests keep to the schema's order
		if err != nil {
			return err
		}
		if columns[i].given {
			return jsonscan.Duplicate(o.Key)
		}
		columns[i].given = true
		o.Err = d.rowValue(i, row)
	}
	if o.Err != nil {
		return o.Err
	}
	given := func(i int) bool { return columns[i].given }
	for i := range columns {
		c, spec := &columns[i], d.Schema.Given(i)
		switch {
		case !c.given && i < len(d.Schema.Inputs) && target.Lacks(d.Schema, i, given):
			return fault.Newf(fault.MissingInput, "Failed to process element: %d: missing required input '%s' of model '%s'", row, spec.Name, d.Model)
		case row == 0:
			c.was = c.given
		case c.was && !c.given:
			return d.partly(row, spec)
		}
	}
	return nil
}

// partly refuses an optional input that only some rows have.
func (d *decoder) partly(row int64, spec *tensor.Spec) error {
	return fault.Newf(fault.BatchMismatch, "Failed to process element: %d of 'instances': input '%s' of model '%s' must be in all elements or in none", row, spec.Name, d.Model)
}

// columns is a column for each input that a request may give.
func (d *decoder) columns() []column {
	return d.r.columns[:len(d.Schema.Inputs)+len(d.Schema.Optional)]
}

// rowValue reads the value of input i in a row. An optional input is whole in each row, and the
// same in all.
func (d *decoder) rowValue(i int, row int64) error {
	c, spec := &d.r.columns[i], d.Schema.Given(i)
	optional := i >= len(d.Schema.Inputs)
	if optional || spec.Part > tensor.Keyed {
		if row > 0 && !c.was {
			return d.partly(row, spec)
		}
		if err := d.carries(spec); err != nil {
			return err
		}
	}
	before := len(c.data)
	if err := d.value(c, spec); err != nil {
		return err
	}
	dims := d.r.nest.dims
	if spec.Part == tensor.Given && spec.Type.Float() && len(dims) == 0 && len(spec.Shape) == 2 {
		dims = d.noList(c, spec, before)
	}
	if row == 0 {
		c.shape = append(c.shape[:0], dims...)
		return nil
	}
	if !slices.Equal(c.shape, dims) {
		return fault.Newf(fault.DataLengthMismatch, "Failed to process element: %d of 'instances': input '%s' has shape %s, in element 0 it has %s", row, spec.Name, tensor.ShapeText(dims), tensor.ShapeText(c.shape))
	}
	if optional {
		if !bytes.Equal(c.data[:before], c.data[before:]) {
			return fault.Newf(fault.BatchMismatch, "Failed to process element: %d of 'instances': optional input '%s' is given once per request, but its value is not that of element 0", row, spec.Name)
		}
		c.data = c.data[:before]
	}
	return nil
}

// noList makes a null in the place of a stored list the list that says that none is given.
func (d *decoder) noList(c *column, spec *tensor.Spec, from int) []int64 {
	if one := c.data[from:]; math.IsNaN(tensor.FloatAt(spec.Type, one, 0)) {
		for range spec.Shape[1] - 1 {
			c.data = append(c.data, one...)
		}
		d.r.nest.dims = append(d.r.nest.dims, spec.Shape[1])
	}
	return d.r.nest.dims
}

// fill checks the columns against the schema and copies them into the task.
func (d *decoder) fill() error {
	columns := d.columns()
	for i := range columns {
		c := &columns[i]
		if (i >= len(d.Schema.Inputs) || d.Schema.Fills) && !c.given {
			continue
		}
		if err := d.Place(i, c.shape); err != nil {
			return err
		}
		into := d.Slot(i)
		if err := d.Room(into, len(c.data)); err != nil {
			return err
		}
		copy(into.Data, c.data)
	}
	return nil
}
