package onnx

import (
	"fmt"
	"slices"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// gather copies the parts' rows into the lane and binds all values. It returns the
// outputs that at least one part wants.
func (l *lane) gather(s *Session, parts []task.Part) (wanted uint64, err error) {
	l.rows = 0
	for _, p := range parts {
		l.rows += p.Rows()
		wanted |= p.Task.Wanted
		if len(p.Task.Inputs) != len(l.in) {
			return 0, fmt.Errorf("a task with %d inputs for a model of %d", len(p.Task.Inputs), len(l.in))
		}
	}
	all := uint64(1)<<len(l.out) - 1 // of 64 outputs too: the shift gives 0
	if wanted &= all; wanted == 0 {
		wanted = all
	}
	switch {
	case !s.schema.Batchable():
		if len(parts) != 1 || !parts[0].Whole() {
			return 0, fmt.Errorf("%d parts in a run of a model that cannot batch", len(parts))
		}
		l.rows = 1
	case l.rows < 1 || l.rows > s.schema.MaxBatch:
		return 0, fmt.Errorf("a batch of %d rows; it must have 1 to %d", l.rows, s.schema.MaxBatch)
	}
	l.filled = s.fill(l.rows)
	l.bucket = bucket(s.schema.Padding, parts)
	for i := range l.in {
		if err := l.bindInput(s, i, parts); err != nil {
			return 0, err
		}
	}
	return wanted, l.bindOutputs()
}

// bucket is the length that the parts' rows are padded to.
func bucket(p *tensor.Padding, parts []task.Part) int {
	if p == nil {
		return 0
	}
	longest := 0
	for _, part := range parts {
		longest = max(longest, rowLength(p, part.Task))
	}
	return p.Bucket(longest)
}

// rowLength is a task's own length on the padded axis.
func rowLength(p *tensor.Padding, t *task.Task) int {
	for i, axis := range p.InputAxis {
		if axis >= 0 {
			return int(t.Inputs[i].Shape[axis])
		}
	}
	return 0
}

func (l *lane) bindInput(s *Session, i int, parts []task.Part) (err error) {
	p := &l.in[i]
	switch {
	case p.spec.Type.Size() == 0:
		err = p.gatherStrings(l, i, parts)
	case p.fixed:
		if err = p.gatherRows(i, parts, p.rowBytes, l.filled); err == nil {
			l.call.in[i], err = p.view(l.call, l.filled)
		}
	case s.schema.Padding != nil && s.schema.Padding.InputAxis[i] > 0:
		err = p.gatherPadded(l, i, parts, s.schema.Padding)
	default:
		err = p.gatherFree(l, i, parts)
	}
	return err
}

// gatherRows copies rows of one size, and repeats the last up to filled rows.
func (p *port) gatherRows(i int, parts []task.Part, rowBytes, filled int) error {
	at := 0
	for _, part := range parts {
		t := part.Task
		data := t.Inputs[i].Data
		if len(data) != t.Rows*rowBytes {
			return badSize(p.spec.Name, len(data), t.Rows, rowBytes)
		}
		at += copy(p.memory.bytes[at:], data[part.From*rowBytes:part.To*rowBytes])
	}
	for ; at < filled*rowBytes; at += rowBytes {
		copy(p.memory.bytes[at:at+rowBytes], p.memory.bytes[at-rowBytes:at])
	}
	return nil
}

// badSize means that the decoder or the scheduler let something through.
func badSize(name string, got, rows, rowBytes int) error {
	return fault.Newf(fault.DataLengthMismatch, "input %q has %d bytes for %d rows of %d bytes", name, got, rows, rowBytes)
}

// gatherFree copies rows whose shape is known only now, and equal in all parts.
func (p *port) gatherFree(l *lane, i int, parts []task.Part) error {
	row, err := p.commonRow(i, parts, -1)
	if err != nil {
		return err
	}
	rowBytes, err := p.sizeOf(row)
	if err != nil {
		return err
	}
	// Before the lane's memory grows: what the rows hold bounds it.
	for _, part := range parts {
		if got := len(part.Task.Inputs[i].Data); got != part.Task.Rows*rowBytes {
			return badSize(p.spec.Name, got, part.Task.Rows, rowBytes)
		}
	}
	if err := p.bindFree(l, i, row, rowBytes); err != nil {
		return err
	}
	return p.gatherRows(i, parts, rowBytes, l.filled)
}

// commonRow returns the first part's row shape, after checking that the other parts
// agree on every axis but skip (of the whole shape).
func (p *port) commonRow(i int, parts []task.Part, skip int) ([]int64, error) {
	lead := 0
	if p.batched {
		lead = 1
	}
	first := parts[0].Task.Inputs[i].Shape
	for n, part := range parts {
		shape := part.Task.Inputs[i].Shape
		if len(shape) != lead+len(p.row) {
			return nil, fault.Newf(fault.WrongShape, "input %q has %d dimensions; %d are wanted", p.spec.Name, len(shape), lead+len(p.row))
		}
		for axis := lead; axis < len(shape); axis++ {
			want := p.row[axis-lead]
			if want < 0 && n > 0 && axis != skip {
				want = first[axis]
			}
			if want >= 0 && shape[axis] != want {
				return nil, fault.Newf(fault.WrongShape, "input %q has size %d on axis %d; %d is wanted", p.spec.Name, shape[axis], axis, want)
			}
		}
	}
	return first[lead:], nil
}

func (p *port) sizeOf(row []int64) (int, error) {
	n, ok := tensor.Elements(row)
	if !ok || n > 1<<40 {
		return 0, fault.Newf(fault.ShapeTooLarge, "input %q has rows of shape %v", p.spec.Name, row)
	}
	return int(n) * p.spec.Type.Size(), nil
}

// bindFree makes memory and tensor fit the shape; both are kept while it stays.
func (p *port) bindFree(l *lane, i int, row []int64, rowBytes int) error {
	moved, err := p.memory.ensure(l.filled * rowBytes)
	if err != nil {
		return err
	}
	if p.made == nil || moved || !p.hasDims(l.filled, row) {
		release(p.made)
		p.setDims(l.filled, row)
		if p.made, err = l.call.tensor(p.dims, p.spec.Type, p.memory.pointer(), l.filled*rowBytes); err != nil {
			return fmt.Errorf("input %q: %w", p.spec.Name, err)
		}
	}
	l.call.in[i] = p.made
	return nil
}

func (p *port) hasDims(rows int, row []int64) bool {
	if !p.batched {
		return slices.Equal(p.dims, row)
	}
	return len(p.dims) > 0 && p.dims[0] == int64(rows) && slices.Equal(p.dims[1:], row)
}
