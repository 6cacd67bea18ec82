package onnx

import (
	"fmt"
	"slices"
	"unsafe"

	"sluice/internal/rows"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// gather copies the parts' rows into the lane and binds all values.
func (l *lane) gather(s *Session, parts []task.Part) (err error) {
	if l.batch, err = s.layout.Measure(parts); err != nil {
		return err
	}
	for i := range l.in {
		if err := l.bindInput(s, i, parts); err != nil {
			return err
		}
	}
	if err := l.bindOptional(s, parts[0].Task.Optional); err != nil {
		return err
	}
	return l.bindOutputs()
}

func (l *lane) bindInput(s *Session, i int, parts []task.Part) (err error) {
	p, filled := &l.in[i], l.batch.Filled
	if p.Fixed {
		if err = p.Copy(p.memory.bytes, parts, p.RowBytes, filled); err == nil {
			l.call.in[i], err = p.view(l.call, filled)
		}
		return err
	}
	err = p.gatherFree(l, s.layout, i, l.batch, parts)
	l.call.in[i] = p.made
	return err
}

// gatherFree copies rows whose size only the parts tell into the port's own memory, and makes
// its tensor. i is the input's place in the layout.
func (p *port) gatherFree(l *lane, layout *rows.Layout, i int, b rows.Batch, parts []task.Part) error {
	if p.Spec.Type.Size() == 0 {
		return p.gatherStrings(l, i, parts)
	}
	row, rowBytes, err := layout.Row(i, b, parts, p.shape[:0])
	if err != nil {
		return err
	}
	p.shape = row
	if err := p.bindOwn(l, row, rowBytes); err != nil {
		return err
	}
	return layout.Fill(p.memory.bytes, i, b, parts, row, rowBytes)
}

// bindOptional binds those optional inputs that a request gives; most give none.
func (l *lane) bindOptional(s *Session, given []tensor.Tensor) error {
	l.call.c.given = 0
	for i := range given {
		if given[i].Type == tensor.Invalid {
			continue
		}
		p := &l.optional[i]
		if err := p.gatherFree(l, s.layout.Optional, i, rows.Batch{Rows: 1, Filled: 1}, l.alone(1, given)); err != nil {
			return err
		}
		l.call.give(i, p.made)
	}
	return nil
}

// alone is a batch of one request with those inputs, in scratch.
func (l *lane) alone(n int, inputs []tensor.Tensor) []task.Part {
	if l.single == nil {
		l.single, l.parts = &task.Task{}, make([]task.Part, 1)
	}
	l.single.Rows, l.single.Inputs = n, inputs
	l.parts[0] = task.Part{Task: l.single, From: 0, To: n}
	return l.parts
}

// bindOwn makes the port's memory and tensor fit the shape.
func (p *port) bindOwn(l *lane, row []int64, rowBytes int) error {
	size := p.TensorRows(l.batch.Filled) * rowBytes
	if _, err := p.memory.ensure(size); err != nil {
		return err
	}
	return p.bindAt(l, row, p.memory.pointer(), size)
}

// bindAt makes a tensor over memory; it is kept while shape and place stay.
func (p *port) bindAt(l *lane, row []int64, at unsafe.Pointer, size int) (err error) {
	if p.made == nil || p.at != at || !p.hasDims(l.batch.Filled, row) {
		release(p.made)
		p.at = at
		p.dims = p.AppendShape(p.dims[:0], l.batch.Filled, row)
		if p.made, err = l.call.tensor(p.dims, p.Spec.Type, at, size); err != nil {
			return fmt.Errorf("input %q: %w", p.Spec.Name, err)
		}
	}
	return nil
}

func (p *port) hasDims(filled int, row []int64) bool {
	if !p.Batched {
		return slices.Equal(p.dims, row)
	}
	return len(p.dims) > 0 && p.dims[0] == int64(p.TensorRows(filled)) && slices.Equal(p.dims[1:], row)
}

// measureRaw is the batch of a run without a caller's data.
func (s *Session) measureRaw(n int, wanted uint64) (b rows.Batch, err error) {
	if most := max(s.schema.MaxBatch, 1); n < 1 || n > most {
		return b, fmt.Errorf("cannot run a batch of %d rows; it must have 1 to %d", n, most)
	}
	if wanted &= s.layout.All(); wanted == 0 {
		wanted = s.layout.All()
	}
	return rows.Batch{Rows: n, Filled: s.layout.SizeFor(n), Wanted: wanted}, nil
}
