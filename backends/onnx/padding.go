package onnx

import (
	"fmt"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// gatherPadded copies rows of different length on one axis, each filled up to the
// batch's bucket with the input's padding value.
func (p *port) gatherPadded(l *lane, i int, parts []task.Part, pad *tensor.Padding) error {
	axis := pad.InputAxis[i]
	first, err := p.commonRow(i, parts, axis)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := p.checkPadded(i, part.Task, pad); err != nil {
			return err
		}
	}
	row := append(p.shape[:0], first...)
	p.shape = row
	row[axis-1] = int64(l.bucket)
	rowBytes, err := p.sizeOf(row)
	if err != nil {
		return err
	}
	if err := p.bindFree(l, i, row, rowBytes); err != nil {
		return err
	}
	outer, inner := strides(row, axis-1, p.spec.Type.Size())
	at := 0
	for _, part := range parts {
		in := part.Task.Inputs[i]
		length := int(in.Shape[axis])
		own := outer * length * inner
		src := in.Data[part.From*own : part.To*own]
		for range part.Rows() * outer {
			n := copy(p.memory.bytes[at:], src[:length*inner])
			src = src[n:]
			fill(p.memory.bytes[at+n:at+l.bucket*inner], pad.Values[i])
			at += l.bucket * inner
		}
	}
	for ; at < l.filled*rowBytes; at += rowBytes {
		copy(p.memory.bytes[at:at+rowBytes], p.memory.bytes[at-rowBytes:at])
	}
	return nil
}

// checkPadded holds a task's data against its shape, and its length against that of the
// task's first padded input: they share the padded axis.
func (p *port) checkPadded(i int, t *task.Task, pad *tensor.Padding) error {
	shape, axis := t.Inputs[i].Shape, pad.InputAxis[i]
	if want := rowLength(pad, t); shape[axis] != int64(want) {
		return fault.Newf(fault.WrongShape, "input %q has size %d on axis %d; %d is wanted, as other inputs have", p.spec.Name, shape[axis], axis, want)
	}
	own, err := p.sizeOf(shape[1:])
	if err != nil {
		return err
	}
	if got := len(t.Inputs[i].Data); got != t.Rows*own {
		return badSize(p.spec.Name, got, t.Rows, own)
	}
	return nil
}

// strides gives the repeats before an axis and the bytes of one step along it.
func strides(row []int64, axis, size int) (outer, inner int) {
	outer, inner = 1, size
	for i, d := range row {
		switch {
		case i < axis:
			outer *= int(d)
		case i > axis:
			inner *= int(d)
		}
	}
	return outer, inner
}

func fill(dst, element []byte) {
	n := copy(dst, element)
	for n > 0 && n < len(dst) {
		n += copy(dst[n:], dst[:n])
	}
}

// cropRows takes the padding off rows of an output: data holds rows whose axis has the
// length have, of which each caller wants the first want. The result is scratch.
func (l *lane) cropRows(data []byte, row []int64, axis, want, size int) ([]byte, error) {
	have := int(row[axis])
	if want > have {
		return nil, fmt.Errorf("it has size %d on the padded axis, less than the %d of the input", have, want)
	}
	_, inner := strides(row, axis, size)
	l.crop = l.crop[:0]
	for step := have * inner; len(data) >= step && step > 0; data = data[step:] {
		l.crop = append(l.crop, data[:want*inner]...)
	}
	return l.crop, nil
}
