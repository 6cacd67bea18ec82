package onnx

import (
	"fmt"
	"unsafe"

	"sluice/internal/rows"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// lane owns the memory and the values of one batch at a time.
type lane struct {
	call     *call
	in, out  []port
	optional []port
	guard    guard

	batch   rows.Batch      // the last run
	ran     uint64          // outputs that the last run produced; 0 after a failure
	crop    []byte          // scratch of Scatter
	single  *task.Task      // scratch of alone
	parts   []task.Part     // scratch of alone
	scratch []tensor.Tensor // scratch of RunGathered
}

// port is one input or output of a lane. A fixed port has rows of one size in memory,
// and a tensor over it for each batch size, made when first needed and kept. Any other
// has one value, made for the run.
type port struct {
	rows.Port // Fixed is false for a sequence
	sequence  bool

	memory slab
	table  slab           // pointers to, or offsets of, strings
	views  []value        // of a fixed port, by rows
	made   value          // of any other
	at     unsafe.Pointer // what a made tensor of fixed elements lies over
	dims   []int64        // of made
	shape  []int64        // scratch of a padded row
	text   []byte         // rows converted from strings or maps
}

// lane is one of the session's lanes, ready to run. Those after the first get their memory when they
// are first used: some stand by for years.
func (s *Session) lane(index int) (*lane, error) {
	l := &s.lanes[index]
	if l.call != nil {
		return l, nil
	}
	if err := l.open(s, index); err != nil {
		l.close()
		return nil, fmt.Errorf("cannot open a further lane: %w", err)
	}
	return l, nil
}

func (l *lane) open(s *Session, index int) (err error) {
	if l.call, err = newCall(s.schema); err != nil {
		return err
	}
	l.optional = make([]port, len(s.schema.Optional))
	for i := range l.optional {
		l.optional[i].Port = s.layout.Optional.In[i]
	}
	l.in, l.out = make([]port, len(s.schema.Inputs)), make([]port, len(s.schema.Outputs))
	for i := range l.in {
		if err := l.in[i].open(s, s.layout.In[i], index, false, i); err != nil {
			return fmt.Errorf("input %q: %w", s.schema.Inputs[i].Name, err)
		}
	}
	for i := range l.out {
		name := s.schema.Outputs[i].Name
		sequence, err := l.call.outputIsSequence(s.engines[0].handle, i)
		if err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
		l.out[i].sequence = sequence
		if err := l.out[i].open(s, s.layout.Out[i], index, true, i); err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
	}
	return nil
}

// open gives a port its memory: a fixed one that of the options, if they have any for it.
func (p *port) open(s *Session, layout rows.Port, lane int, output bool, index int) error {
	p.Port = layout
	if p.Fixed = p.Fixed && !p.sequence; !p.Fixed {
		return nil
	}
	n := s.layout.MostRows()
	p.views = make([]value, n+1)
	if s.memory != nil {
		if given := s.memory(lane, output, index); given != nil {
			return p.memory.adopt(given, n*p.RowBytes)
		}
	}
	_, err := p.memory.ensure(n * p.RowBytes)
	return err
}

// view returns the fixed port's tensor for a batch size.
func (p *port) view(k *call, filled int) (value, error) {
	if v := p.views[filled]; v != nil {
		return v, nil
	}
	p.dims = p.AppendShape(p.dims[:0], filled, p.Row)
	v, err := k.tensor(p.dims, p.Spec.Type, p.memory.pointer(), p.TensorRows(filled)*p.RowBytes)
	p.views[filled] = v
	return v, err
}

// bindOutputs gives the run memory for fixed outputs and leaves the rest to ONNX Runtime.
func (l *lane) bindOutputs() error {
	for k := range l.out {
		p := &l.out[k]
		if !p.Fixed {
			release(l.call.output(k))
			l.call.setOutput(k, nil)
			continue
		}
		v, err := p.view(l.call, l.batch.Filled)
		if err != nil {
			return fmt.Errorf("output %q: %w", p.Spec.Name, err)
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
	for i := range l.optional {
		l.optional[i].close()
	}
	for k := range l.out {
		if !l.out[k].Fixed {
			release(l.call.output(k))
		}
		l.out[k].close()
	}
	if l.call != nil {
		l.call.free()
	}
	l.call, l.in, l.out, l.optional, l.ran = nil, nil, nil, nil, 0 // not the guard, which others may look at
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
