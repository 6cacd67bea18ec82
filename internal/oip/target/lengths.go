package target

import (
	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// shortEnough checks the free axes of one input, before memory is taken for its data.
func (d *Target) shortEnough(i int, dims []int64) error {
	axis, dim := d.Schema.Lengths.TooLong(i, dims)
	if axis < 0 {
		return nil
	}
	a := &d.Schema.Lengths.Axes[axis]
	return fault.Newf(fault.ShapeTooLarge, "input '%s' has length %d on axis %d, more than the limit of %d for model '%s' (max_length: {%s: %d} in its model.yaml)",
		d.Schema.Inputs[i].Name, dims[dim], dim, a.Most, d.Model, fault.Shown(a.Name), a.Most)
}

// boundWork checks what all inputs come to, in the shapes that the model knows.
func (d *Target) boundWork() error {
	if most := d.Schema.MaxText; most > 0 {
		if n := tensor.TextBytes(d.Task.Inputs) + tensor.TextBytes(d.Task.Optional); n > most {
			return fault.Newf(fault.ShapeTooLarge, "the strings for model '%s' come to %d bytes, 12 for each of them beside its text, more than the limit of %d (a 128th of limits.memory): send fewer or shorter ones in a request",
				d.Model, n, most)
		}
	}
	l := d.Schema.Lengths
	if l == nil {
		return nil
	}
	for i := range d.Schema.Inputs {
		if d.Schema.Inputs[i].Wire != nil {
			if err := d.shortEnough(i, d.Task.Inputs[i].Shape); err != nil {
				return err
			}
		}
	}
	if l.Product > 0 {
		if n := l.Multiplied(d.Task.Inputs); n > l.Product {
			return fault.Newf(fault.ShapeTooLarge, "the free axes of input '%s' and the other inputs have lengths whose product is %d, more than the limit of %d for model '%s' (max_length in its model.yaml)",
				d.longest(), n, l.Product, d.Model)
		}
	}
	if rows, most, over := l.TooMany(d.Task.Inputs); over {
		return fault.Newf(fault.ShapeTooLarge, "input '%s' has %d on axis 0; a request to model '%s' runs whole, and with these lengths %d is the limit (max_length in its model.yaml): send several requests",
			d.longest(), rows, d.Model, most)
	}
	return nil
}

// longest is the input with the most elements.
func (d *Target) longest() string {
	name, most := "", int64(-1)
	for i := range d.Task.Inputs {
		if n, _ := tensor.Elements(d.Task.Inputs[i].Shape); n > most {
			name, most = d.Task.Inputs[i].Name, n
		}
	}
	return name
}
