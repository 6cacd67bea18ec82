package onnx

import (
	"fmt"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// Run gathers the parts into the lane and runs the session. It is task.Runner's Run.
func (s *Session) Run(lane int, parts []task.Part, limit clock.Instant) (t task.Timing, err error) {
	if !s.use.enter() {
		return t, errClosed
	}
	defer s.use.leave()
	l := &s.lanes[lane]
	l.ran = 0
	wanted, err := l.gather(s, parts)
	if err != nil {
		return t, asFault(err)
	}
	t.Gathered = clock.Now()
	err = s.execute(l, wanted, limit)
	t.Done = clock.Now()
	if err == nil {
		l.ran = wanted
	}
	return t, err
}

// asFault hides from the client what gather could not foresee.
func asFault(err error) error {
	var f *fault.Error
	if f = fault.Of(err); f.Kind != fault.Internal {
		return f
	}
	return fault.Wrap(fault.InferenceFailed, err, "the model could not be run on this batch")
}

// RunRaw makes the C call alone, on whatever the lane's memory holds (zeros at first),
// with free axes at the first padding bucket or else 1. It is for warm-up, where the
// inputs do not matter, and for measuring the model without the gateway.
func (s *Session) RunRaw(lane, rows int) error {
	if !s.use.enter() {
		return errClosed
	}
	defer s.use.leave()
	l := &s.lanes[lane]
	l.ran = 0
	if most := max(s.schema.MaxBatch, 1); rows < 1 || rows > most {
		return fmt.Errorf("cannot run a batch of %d rows; it must have 1 to %d", rows, most)
	}
	l.rows, l.filled = rows, s.fill(rows)
	for i := range l.in {
		if err := l.bindBlank(s, i); err != nil {
			return err
		}
	}
	if err := l.bindOutputs(); err != nil {
		return err
	}
	return s.execute(l, uint64(1)<<len(l.out)-1, clock.Never)
}

// bindBlank binds an input without a caller's data.
func (l *lane) bindBlank(s *Session, i int) (err error) {
	p := &l.in[i]
	if p.fixed {
		l.call.in[i], err = p.view(l.call, l.filled)
		return err
	}
	row := p.shape[:0]
	n := 1
	for axis, d := range p.row {
		if d < 0 {
			d = 1
			if pad := s.schema.Padding; pad != nil && pad.InputAxis[i] == axis+1 && len(pad.Buckets) > 0 {
				d = int64(pad.Buckets[0])
			}
		}
		row = append(row, d)
		n *= int(d)
	}
	p.shape = row
	if size := p.spec.Type.Size(); size > 0 {
		return p.bindFree(l, i, row, n*size)
	}
	return p.blankStrings(l, i, row, n*l.filled)
}

// blankStrings binds empty strings.
func (p *port) blankStrings(l *lane, i int, row []int64, n int) (err error) {
	if _, err = p.memory.ensure(1); err != nil {
		return err
	}
	if _, err = p.table.ensure(max(n, 1) * wordSize); err != nil {
		return err
	}
	p.memory.bytes[0] = 0
	for k := range p.words(n) {
		p.words(n)[k] = uintptr(p.memory.pointer())
	}
	release(p.made)
	p.setDims(l.filled, row)
	p.made, err = l.call.strings(p.dims, p.table.pointer(), n)
	l.call.in[i] = p.made
	return err
}
