package onnx

import (
	"sluice/internal/clock"
	"sluice/internal/rows"
	"sluice/internal/task"
)

// Run gathers the parts into the lane and runs the session. It is task.Runner's Run.
func (s *Session) Run(lane int, parts []task.Part, limit clock.Instant) (t task.Timing, err error) {
	if !s.use.Enter() {
		return t, errClosed
	}
	defer s.use.Leave()
	l, err := s.lane(lane)
	if err != nil {
		return t, rows.AsFault(err)
	}
	l.ran = 0
	if err := l.gather(s, parts); err != nil {
		return t, rows.AsFault(err)
	}
	t.Gathered = clock.Now()
	err = s.execute(l, l.batch.Wanted, limit)
	t.Done = clock.Now()
	if err == nil {
		l.ran = l.batch.Wanted
	}
	return t, err
}

// RunRaw makes the C call alone, on whatever the lane's memory holds (zeros at first),
// with free axes at the first padding bucket or else 1. It is for warm-up, where the
// inputs do not matter, and for measuring the model without the gateway.
func (s *Session) RunRaw(lane, n int) (err error) {
	if !s.use.Enter() {
		return errClosed
	}
	defer s.use.Leave()
	l, err := s.lane(lane)
	if err != nil {
		return err
	}
	l.ran = 0
	if l.batch, err = s.measureRaw(n, 0); err != nil {
		return err
	}
	for i := range l.in {
		if err := l.bindBlank(s, i); err != nil {
			return err
		}
	}
	l.call.c.given = 0
	if err := l.bindOutputs(); err != nil {
		return err
	}
	return s.execute(l, l.batch.Wanted, clock.Never)
}

// bindBlank binds an input without a caller's data.
func (l *lane) bindBlank(s *Session, i int) (err error) {
	p := &l.in[i]
	if p.Fixed {
		l.call.in[i], err = p.view(l.call, l.batch.Filled)
		return err
	}
	row := s.layout.BlankRow(i, p.shape[:0])
	p.shape = row
	n := 1
	for _, d := range row {
		n *= int(d)
	}
	if size := p.Spec.Type.Size(); size > 0 {
		err = p.bindOwn(l, row, n*size)
	} else {
		err = p.blankStrings(l, row, n*p.TensorRows(l.batch.Filled))
	}
	l.call.in[i] = p.made
	return err
}

// blankStrings binds empty strings.
func (p *port) blankStrings(l *lane, row []int64, n int) (err error) {
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
	p.dims = p.AppendShape(p.dims[:0], l.batch.Filled, row)
	p.made, err = l.call.strings(p.dims, p.table.pointer(), n)
	return err
}
