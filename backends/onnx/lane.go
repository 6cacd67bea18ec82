package onnx

import (
	"fmt"
	"slices"

	"sluice/internal/tensor"
)

// lane owns the memory and the values of one batch at a time.
type lane struct {
	call    *call
	in, out []port
	guard   guard

	rows   int    // of the callers, in the last run
	filled int    // rows that the session saw: rows, or the fixed batch
	ran    uint64 // outputs that the last run produced; 0 after a failure
	bucket int    // length that rows were padded to
	crop   []byte // scratch of Scatter
}

// port is one input or output of a lane. A fixed port has rows of one size in memory,
// and a tensor over it for each batch size, made when first needed and kept. Any other
// has one value, made for the run.
type port struct {
	spec     *tensor.Spec
	row      []int64 // the shape without the batch; -1 where free
	batched  bool
	sequence bool
	fixed    bool
	rowBytes int // of a fixed port

	memory slab
	table  slab    // pointers to, or offsets of, strings
	views  []value // of a fixed port, by rows
	made   value   // of any other
	dims   []int64 // of made
	shape  []int64 // scratch of a padded row
	text   []byte  // rows converted from strings or maps
}

func (l *lane) open(s *Session) (err error) {
	if l.call, err = newCall(s.schema.Inputs, s.schema.Outputs); err != nil {
		return err
	}
	l.in, l.out = make([]port, len(s.schema.Inputs)), make([]port, len(s.schema.Outputs))
	for i := range l.in {
		if err := l.in[i].open(s, &s.schema.Inputs[i], false); err != nil {
			return fmt.Errorf("input %q: %w", s.schema.Inputs[i].Name, err)
		}
	}
	for i := range l.out {
		name := s.schema.Outputs[i].Name
		sequence, err := l.call.outputIsSequence(s.handle, i)
		if err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
		if err := l.out[i].open(s, &s.schema.Outputs[i], sequence); err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
	}
	return nil
}

func (p *port) open(s *Session, spec *tensor.Spec, sequence bool) error {
	p.spec, p.row, p.batched, p.sequence = spec, rowShape(s.schema, *spec), s.schema.Batchable(), sequence
	if sequence || spec.Type.Size() == 0 || slices.Contains(p.row, -1) {
		return nil
	}
	n, ok := tensor.Elements(p.row)
	rows := max(s.schema.MaxBatch, s.fixed, 1)
	if !ok || n > int64(1<<40/rows) {
		return fmt.Errorf("%d rows of shape %v are too large", rows, p.row)
	}
	p.fixed, p.rowBytes = true, int(n)*spec.Type.Size()
	p.views = make([]value, rows+1)
	_, err := p.memory.ensure(rows * p.rowBytes)
	return err
}

// view returns the fixed port's tensor for a batch size.
func (p *port) view(k *call, rows int) (value, error) {
	if v := p.views[rows]; v != nil {
		return v, nil
	}
	p.setDims(rows, p.row)
	v, err := k.tensor(p.dims, p.spec.Type, p.memory.pointer(), rows*p.rowBytes)
	p.views[rows] = v
	return v, err
}

func (p *port) setDims(rows int, row []int64) {
	p.dims = p.dims[:0]
	if p.batched {
		p.dims = append(p.dims, int64(rows))
	}
	p.dims = append(p.dims, row...)
}

// bindOutputs gives the run memory for fixed outputs and leaves the rest to ONNX Runtime.
func (l *lane) bindOutputs() error {
	for k := range l.out {
		p := &l.out[k]
		if !p.fixed {
			release(l.call.output(k))
			l.call.setOutput(k, nil)
			continue
		}
		v, err := p.view(l.call, l.filled)
		if err != nil {
			return fmt.Errorf("output %q: %w", p.spec.Name, err)
		}
		l.call.setOutput(k, v)
	}
	return nil
}

// close frees everything; also what open left half made.
func (l *lane) close() {
	for i := range l.in {
		l.in[i].close()
	}
	for k := range l.out {
		if !l.out[k].fixed {
			release(l.call.output(k))
		}
		l.out[k].close()
	}
	if l.call != nil {
		l.call.free()
	}
	*l = lane{}
}

func (p *port) close() {
	for _, v := range p.views {
		release(v)
	}
	release(p.made)
	p.memory.free()
	p.table.free()
	*p = port{}
}
