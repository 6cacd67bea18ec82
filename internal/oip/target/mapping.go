package target

import (
	"fmt"
	"slices"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Mapping is how requests that were decoded for one model become requests for another, which takes what they have. It is made
// once for two models, and does not change.
type Mapping struct {
	from *tensor.Schema
	// inputs leads from each input that requests may give to that of the other model: left or apart if it goes nowhere.
	inputs []int
	// outputs leads from each output to that of the other model.
	outputs []int
}

// Where an input does not go: the other model does not take it, and it is left out; or the other model takes another of the name, so
// that a request which has it cannot go there.
const (
	left  = -1
	apart = -2
)

// Map makes the mapping from one model's requests to another's, by the schemas that clients see. Inputs that the other model does
// not take are left out. What it needs it must have among them, with the same name, type and shape, and its outputs must be the same.
// The error says what is not so.
func Map(from, to *tensor.Schema) (*Mapping, error) {
	m := &Mapping{from: from}
	for i := range len(from.Inputs) + len(from.Optional) {
		in := from.Given(i)
		j := to.Find([]byte(in.Name), i)
		if j >= 0 {
			if why := difference(in, to.Given(j)); why != "" && (i >= len(from.Inputs) || in.MayMiss()) {
				j = apart
			} else if why != "" {
				return nil, fmt.Errorf("its input '%s' %s", in.Name, why)
			}
		}
		m.inputs = append(m.inputs, j)
	}
	for j := range to.Inputs {
		if i := slices.Index(m.inputs, j); !to.Inputs[j].MayMiss() && (i < 0 || i >= len(from.Inputs) || from.Inputs[i].MayMiss()) {
			return nil, fmt.Errorf("it needs the input '%s', which requests do without", to.Inputs[j].Name)
		}
	}
	if len(from.Outputs) != len(to.Outputs) {
		return nil, fmt.Errorf("it has %d outputs instead of %d", len(to.Outputs), len(from.Outputs))
	}
	for k := range from.Outputs {
		out := &from.Outputs[k]
		j := to.Output([]byte(out.Name))
		if j < 0 {
			return nil, fmt.Errorf("it has no output '%s'", out.Name)
		}
		if why := difference(out, &to.Outputs[j]); why != "" {
			return nil, fmt.Errorf("its output '%s' %s", out.Name, why)
		}
		m.outputs = append(m.outputs, j)
	}
	return m, nil
}

// difference says how one tensor differs from another of its name; empty if one may stand for the other.
func difference(was, is *tensor.Spec) string {
	a, b := was.OnWire(), is.OnWire()
	switch {
	case was.Type != is.Type:
		return fmt.Sprintf("is %s instead of %s", is.Type, was.Type)
	case !slices.EqualFunc(a, b, func(m, n int64) bool { return m == n || m < 0 || n < 0 }):
		return fmt.Sprintf("has the shape %s instead of %s", tensor.ShapeText(b), tensor.ShapeText(a))
	}
	return ""
}

// Output is the number that output k has in the other model.
func (m *Mapping) Output(k int) int { return m.outputs[k] }

// Carry gives d's task, which is of the other model, the inputs of a request. Their data stays where it is: the task borrows from t,
// whose inputs must not change any more. One row that stands for all is repeated where the other model wants one for each.
func (m *Mapping) Carry(d *Target, t *task.Task) error {
	rows := max(t.Rows, 1)
	d.Task.Borrow(t)
	for i, j := range m.inputs {
		in := given(m.from, t, i)
		switch {
		case in == nil || j == left:
			continue
		case j == apart:
			return fault.Newf(fault.InvalidInputs, "its input '%s' is of another type or shape", in.Name)
		}
		was, is := m.from.Given(i), d.Schema.Given(j)
		spreads := rows > 1 && len(in.Shape) > 0 && in.Shape[0] == 1 && (was.Spreads() || was.Once) && !is.Spreads() && !is.Once
		var room [8]int64
		dims := append(room[:0], in.Shape...)
		if spreads {
			dims[0] = int64(rows)
		}
		if err := d.Place(j, dims); err != nil {
			return err
		}
		into := d.Slot(j)
		if into.Data = in.Data; spreads {
			if err := d.Repeat(into, rows); err != nil {
				return err
			}
		}
	}
	has := func(j int) bool { return d.Task.Inputs[j].Type != tensor.Invalid }
	for j := range d.Schema.Inputs {
		if Lacks(d.Schema, j, has) {
			return fault.Newf(fault.MissingInput, "it needs the input '%s', which the request does not have", d.Schema.Inputs[j].Name)
		}
	}
	for k, other := range m.outputs {
		if t.Wants(k) {
			d.Task.Wanted |= 1 << uint(other)
		}
	}
	return d.Settle()
}

// given is input i of those that a request may give; nil if it has not.
func given(schema *tensor.Schema, t *task.Task, i int) *tensor.Tensor {
	list, k := t.Inputs, i
	if i >= len(schema.Inputs) {
		list, k = t.Optional, i-len(schema.Inputs)
	}
	if k >= len(list) || list[k].Type == tensor.Invalid {
		return nil
	}
	return &list[k]
}

// Repeat gives all rows of an input the one that there is.
func (d *Target) Repeat(in *tensor.Tensor, rows int) error {
	one := in.Data
	if err := d.Room(in, rows*len(one)); err != nil {
		return err
	}
	for r := range rows {
		copy(in.Data[r*len(one):], one)
	}
	in.Shape[0] = int64(rows)
	return nil
}
