package worker

import (
	"fmt"

	"sluice/internal/fault"
	"sluice/internal/rows"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// gather copies the parts' rows into the lane's slab and describes those inputs whose shape
// the schema leaves open.
func (s *Session) gather(l *lane, parts []task.Part) (err error) {
	if l.batch, err = s.layout.Measure(parts); err != nil {
		return err
	}
	l.inputs, l.dims = l.inputs[:0], l.dims[:0]
	for i := range s.layout.In {
		p, at := &s.layout.In[i], s.places.in[i]
		memory := at.of(l.slab.bytes)
		if p.Fixed {
			if err := p.Copy(memory, parts, p.RowBytes, l.batch.Filled); err != nil {
				return err
			}
			continue
		}
		row, size, err := l.gatherFree(s.layout, i, l.batch, memory, parts)
		if err != nil {
			return err
		}
		l.describe(p, i, at.offset, size, row)
	}
	return s.gatherOptional(l, parts[0].Task.Optional)
}

// describe adds an input to the message of the run.
func (l *lane) describe(p *rows.Port, index, offset, size int, row []int64) {
	start := len(l.dims)
	l.dims = p.AppendShape(l.dims, l.batch.Filled, row)
	l.inputs = append(l.inputs, region{index, offset, size, l.dims[start:len(l.dims):len(l.dims)]})
}

// gatherFree copies rows whose size only the parts tell. i is the input's place in the layout.
func (l *lane) gatherFree(layout *rows.Layout, i int, b rows.Batch, memory []byte, parts []task.Part) (row []int64, size int, err error) {
	p := &layout.In[i]
	if p.Spec.Type.Size() == 0 {
		return p.CopyStrings(memory, parts, b.Filled)
	}
	row, rowBytes, err := layout.Row(i, b, parts, l.shape[:0])
	if err != nil {
		return nil, 0, err
	}
	l.shape = row
	n := p.TensorRows(b.Filled)
	if rowBytes > 0 && rowBytes > len(memory)/n {
		return nil, 0, p.TooLarge(rowBytes*n, len(memory))
	}
	return row, rowBytes * n, layout.Fill(memory, i, b, parts, row, rowBytes)
}

// gatherOptional copies those optional inputs that a request gives, one after another; most
// requests give none.
func (s *Session) gatherOptional(l *lane, given []tensor.Tensor) error {
	used := 0
	for i := range given {
		if given[i].Type == tensor.Invalid {
			continue
		}
		if l.single.Task == nil {
			l.single = task.Part{Task: &task.Task{Rows: 1}, From: 0, To: 1}
		}
		l.single.Task.Inputs = given
		l.parts = append(l.parts[:0], l.single)
		memory := s.places.optional.of(l.slab.bytes)[used:]
		row, size, err := l.gatherFree(s.layout.Optional, i, rows.Batch{Rows: 1, Filled: 1}, memory, l.parts)
		if err != nil {
			return err
		}
		l.describe(&s.layout.Optional.In[i], len(s.layout.In)+i, s.places.optional.offset+used, size, row)
		used = min(alignUp(used+size), s.places.optional.size)
	}
	return nil
}

// accept checks what an answer says about the outputs and keeps it with the lane.
func (s *Session) accept(l *lane, a *message) error {
	l.outDims = l.outDims[:0]
	for k := range l.outputs {
		l.outputs[k] = region{index: -1}
	}
	for i := range a.tensors {
		t := &a.tensors[i]
		if t.index >= len(l.outputs) || l.batch.Wanted&(1<<t.index) == 0 || l.outputs[t.index].index >= 0 {
			return fmt.Errorf("it describes output %d, which was not asked for or is described twice", t.index)
		}
		p := &s.layout.Out[t.index]
		if err := checkRegion(p, s.places.free, t, l.batch.Filled); err != nil {
			return fmt.Errorf("output %q has %w", p.Spec.Name, err)
		}
		start := len(l.outDims)
		l.outDims = append(l.outDims, t.dims...)
		l.outputs[t.index] = region{t.index, t.offset, t.size, l.outDims[start:len(l.outDims):len(l.outDims)]}
	}
	for k := range l.outputs {
		if l.batch.Wanted&(1<<k) != 0 && l.outputs[k].index < 0 && !s.layout.Out[k].Fixed {
			return fmt.Errorf("it does not describe output %q", s.layout.Out[k].Spec.Name)
		}
	}
	return nil
}

var errNoResult = fault.New(fault.Internal, "no result to hand out: the last run failed")

// Scatter copies the outputs of the lane's last Run into the tasks. It is task.Runner's
// Scatter, and works also if the process has ended since.
func (s *Session) Scatter(n int, parts []task.Part) error {
	if !s.use.Enter() {
		return errClosed
	}
	defer s.use.Leave()
	l := &s.lanes[n]
	if l.ran == 0 {
		return errNoResult
	}
	for k := range l.outputs {
		if l.ran&(1<<k) == 0 {
			continue
		}
		row, data := s.read(l, k)
		var err error
		if l.crop, err = s.layout.Scatter(k, row, data, parts, l.crop); err != nil {
			return err
		}
	}
	return nil
}

// read returns an output's row shape (the whole shape if the model cannot batch), which is
// scratch, and its data.
func (s *Session) read(l *lane, k int) (row []int64, data []byte) {
	p, t := &s.layout.Out[k], &l.outputs[k]
	if t.index < 0 {
		l.shape = append(l.shape[:0], p.Row...)
		return l.shape, s.places.out[k].of(l.slab.bytes)[:p.TensorRows(l.batch.Filled)*p.RowBytes]
	}
	row, data = t.dims, l.slab.bytes[t.offset:t.offset+t.size]
	if p.Batched {
		row = row[1:]
	}
	if p.Spec.Type.Size() == 0 {
		// Lengths in memory that another process can write may change after a look at them.
		l.text = append(l.text[:0], data...)
		data = l.text
	}
	l.shape = append(l.shape[:0], row...)
	return l.shape, data
}
