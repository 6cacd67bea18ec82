package onnx

import (
	"fmt"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Scatter copies the outputs of the lane's last Run into the tasks. It is
// task.Runner's Scatter.
func (s *Session) Scatter(lane int, parts []task.Part) error {
	if !s.use.enter() {
		return errClosed
	}
	defer s.use.leave()
	l := &s.lanes[lane]
	if l.ran == 0 {
		return fault.New(fault.Internal, "no result to hand out: the last run failed")
	}
	for k := range l.out {
		if l.ran&(1<<k) == 0 {
			continue
		}
		if err := l.scatterOutput(s, k, parts); err != nil {
			return fault.Wrap(fault.InferenceFailed, fmt.Errorf("output %q: %w", l.out[k].spec.Name, err), "the model gave a result of an unexpected form")
		}
	}
	return nil
}

func (l *lane) scatterOutput(s *Session, k int, parts []task.Part) error {
	p := &l.out[k]
	row, data, err := l.read(k)
	if err != nil {
		return err
	}
	if !p.batched {
		if t := parts[0].Task; t != nil && t.Wants(k) {
			t.SetWhole(k, p.spec, row, data)
		}
		return nil
	}
	axis := -1 // of the row, whose padding is to be taken off
	if pad := s.schema.Padding; pad != nil && pad.OutputAxis[k] > 0 && p.spec.Type.Size() > 0 {
		axis = pad.OutputAxis[k] - 1
		if axis >= len(row) {
			return fmt.Errorf("it has rows of shape %v, without the padded axis", row)
		}
	}
	for _, part := range parts {
		mine, rest, err := p.split(data, row, part.Rows())
		if err != nil {
			return err
		}
		data = rest
		if part.Task == nil || !part.Task.Wants(k) {
			continue
		}
		if err := l.hand(s, k, part, row, axis, mine); err != nil {
			return err
		}
	}
	return nil
}

// hand stores one part's rows in its task.
func (l *lane) hand(s *Session, k int, part task.Part, row []int64, axis int, data []byte) error {
	spec := l.out[k].spec
	if axis < 0 {
		return part.Task.SetRows(k, spec, row, part.From, part.To, data)
	}
	length := rowLength(s.schema.Padding, part.Task)
	cropped, err := l.cropRows(data, row, axis, length, spec.Type.Size())
	if err != nil {
		return err
	}
	padded := row[axis]
	row[axis] = int64(length)
	err = part.Task.SetRows(k, spec, row, part.From, part.To, cropped)
	row[axis] = padded
	return err
}

// read returns an output's row shape (the whole shape if the model cannot batch) and its
// data in the protocol's form. Both are the lane's, valid until it runs again; the shape
// is scratch that hand may change for the time of a call.
func (l *lane) read(k int) (row []int64, data []byte, err error) {
	p := &l.out[k]
	if p.fixed {
		p.shape = append(p.shape[:0], p.row...)
		return p.shape, p.memory.bytes[:l.filled*p.rowBytes], nil
	}
	v := l.call.output(k)
	if p.sequence {
		return p.readMaps(l.call, v, l.filled)
	}
	d, err := l.call.describe(v)
	if err != nil {
		return nil, nil, err
	}
	if !d.is(p.spec.Type) {
		return nil, nil, fmt.Errorf("its elements have ONNX type %d, not %s", d.element, p.spec.Type)
	}
	p.shape = append(p.shape[:0], d.dims...)
	row = p.shape
	if p.batched {
		if len(row) == 0 || row[0] != int64(l.filled) {
			return nil, nil, fmt.Errorf("it has the shape %v for a batch of %d rows", row, l.filled)
		}
		row = row[1:]
	}
	if p.spec.Type.Size() > 0 {
		return row, d.bytes(p.spec.Type), nil
	}
	n, _ := tensor.Elements(p.shape)
	err = p.readStrings(l.call, v, int(n))
	return row, p.text, err
}

// split takes the first rows off data.
func (p *port) split(data []byte, row []int64, rows int) (first, rest []byte, err error) {
	n, _ := tensor.Elements(row)
	size := rows * int(n) * p.spec.Type.Size()
	if p.spec.Type.Size() == 0 {
		span, err := tensor.BytesSpan(data, 0, rows*int(n))
		if err != nil {
			return nil, nil, err
		}
		size = len(span)
	}
	if size > len(data) {
		return nil, nil, fmt.Errorf("it has %d bytes left for %d rows of shape %v", len(data), rows, row)
	}
	return data[:size], data[size:], nil
}
