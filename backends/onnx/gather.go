package onnx

import (
	"fmt"
	"slices"
	"unsafe"

	"sluice/internal/rows"
	"sluice/internal/task"
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
	return l.bindOutputs()
}

func (l *lane) bindInput(s *Session, i int, parts []task.Part) (err error) {
	p, filled := &l.in[i], l.batch.Filled
	switch {
	case p.Spec.Type.Size() == 0:
		return p.gatherStrings(l, i, parts)
	case p.Fixed:
		if err = p.Copy(p.memory.bytes, parts, p.RowBytes, filled); err == nil {
			l.call.in[i], err = p.view(l.call, filled)
		}
		return err
	}
	row, rowBytes, err := s.layout.Row(i, l.batch, parts, p.shape[:0])
	if err != nil {
		return err
	}
	p.shape = row
	if err := p.bindOwn(l, i, row, rowBytes); err != nil {
		return err
	}
	return s.layout.Fill(p.memory.bytes, i, l.batch, parts, row, rowBytes)
}

// bindOwn makes the port's memory and tensor fit the shape.
func (p *port) bindOwn(l *lane, i int, row []int64, rowBytes int) error {
	size := l.batch.Filled * rowBytes
	if _, err := p.memory.ensure(size); err != nil {
		return err
	}
	return p.bindAt(l, i, row, p.memory.pointer(), size)
}

// bindAt makes a tensor over memory; it is kept while shape and place stay.
func (p *port) bindAt(l *lane, i int, row []int64, at unsafe.Pointer, size int) (err error) {
	if p.made == nil || p.at != at || !p.hasDims(l.batch.Filled, row) {
		release(p.made)
		p.at = at
		p.dims = p.AppendShape(p.dims[:0], l.batch.Filled, row)
		if p.made, err = l.call.tensor(p.dims, p.Spec.Type, at, size); err != nil {
			return fmt.Errorf("input %q: %w", p.Spec.Name, err)
		}
	}
	l.call.in[i] = p.made
	return nil
}

func (p *port) hasDims(filled int, row []int64) bool {
	if !p.Batched {
		return slices.Equal(p.dims, row)
	}
	return len(p.dims) > 0 && p.dims[0] == int64(filled) && slices.Equal(p.dims[1:], row)
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
