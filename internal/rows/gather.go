package rows

import (
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Copy copies rows of one size, and repeats the last up to filled rows. dst must hold them.
func (p *Port) Copy(dst []byte, parts []task.Part, rowBytes, filled int) error {
	if p.once {
		return p.copyOnce(dst, parts, rowBytes, filled)
	}
	at := 0
	for _, part := range parts {
		t := part.Task
		data := t.Inputs[p.index].Data
		if len(data) != t.Rows*rowBytes {
			return p.badSize(len(data), t.Rows, rowBytes)
		}
		at += copy(dst[at:], data[part.From*rowBytes:part.To*rowBytes])
	}
	repeatLast(dst, at, rowBytes, filled*rowBytes)
	return nil
}

// repeatLast repeats the last row of dst[:at] up to end, and returns end.
func repeatLast(dst []byte, at, rowBytes, end int) int {
	for ; at < end; at += rowBytes {
		copy(dst[at:at+rowBytes], dst[at-rowBytes:at])
	}
	return end
}

// badSize means that the decoder or the scheduler let something through.
func (p *Port) badSize(got, rows, rowBytes int) error {
	return fault.Newf(fault.DataLengthMismatch, "input %q has %d bytes for %d rows of %d bytes", p.Spec.Name, got, rows, rowBytes)
}

// Row finds the common row shape of an input that is not fixed and has elements of one size;
// its padded axis has the batch's bucket. It checks the parts' data against it, so that what
// the rows really hold bounds the memory that is then asked for. The shape is appended to scratch.
func (l *Layout) Row(i int, b Batch, parts []task.Part, scratch []int64) (row []int64, rowBytes int, err error) {
	p := &l.In[i]
	skip := -1
	if p.padded > 0 {
		skip = p.padded
	}
	first, err := p.CommonRow(parts, skip)
	if err != nil {
		return nil, 0, err
	}
	row = append(scratch, first...)
	if p.padded > 0 {
		for _, part := range parts {
			if err := p.checkPadded(part.Task, l.Schema.Padding); err != nil {
				return nil, 0, err
			}
		}
		row[p.padded-1] = int64(b.Bucket)
		rowBytes, err = p.sizeOf(row)
		return row, rowBytes, err
	}
	if rowBytes, err = p.sizeOf(row); err != nil {
		return nil, 0, err
	}
	for _, part := range parts {
		if got, given := len(part.Task.Inputs[i].Data), p.given(part.Task); got != given*rowBytes {
			return nil, 0, p.badSize(got, given, rowBytes)
		}
	}
	return row, rowBytes, nil
}

// Fill copies the rows that Row has looked at. dst must hold b.Filled rows.
func (l *Layout) Fill(dst []byte, i int, b Batch, parts []task.Part, row []int64, rowBytes int) error {
	p := &l.In[i]
	switch {
	case p.padded == 0:
		return p.Copy(dst, parts, rowBytes, b.Filled)
	case p.once:
		return l.fillOnce(dst, i, b, parts, row, rowBytes)
	}
	outer, inner := strides(row, p.padded-1, p.Spec.Type.Size())
	at := 0
	for _, part := range parts {
		in := part.Task.Inputs[i]
		length := int(in.Shape[p.padded]) * inner
		own := outer * length
		at += l.pad(dst[at:], i, in.Data[part.From*own:part.To*own], length, b.Bucket*inner, part.Rows()*outer)
	}
	repeatLast(dst, at, rowBytes, b.Filled*rowBytes)
	return nil
}

// pad copies n pieces of length bytes, each filled up to bucket bytes, and returns their size.
func (l *Layout) pad(dst []byte, i int, src []byte, length, bucket, n int) int {
	at := 0
	for range n {
		copied := copy(dst[at:], src[:length])
		src = src[copied:]
		fill(dst[at+copied:at+bucket], l.Schema.Padding.Values[i])
		at += bucket
	}
	return at
}

// CommonRow returns the first part's row shape, after checking that the other parts
// agree on every axis but skip (of the whole shape).
func (p *Port) CommonRow(parts []task.Part, skip int) ([]int64, error) {
	lead := 0
	if p.Batched {
		lead = 1
	}
	first := parts[0].Task.Inputs[p.index].Shape
	for n, part := range parts {
		shape := part.Task.Inputs[p.index].Shape
		if len(shape) != lead+len(p.Row) {
			return nil, fault.Newf(fault.WrongShape, "input %q has %d dimensions; %d are wanted", p.Spec.Name, len(shape), lead+len(p.Row))
		}
		for axis := lead; axis < len(shape); axis++ {
			want := p.Row[axis-lead]
			if want < 0 && n > 0 && axis != skip {
				want = first[axis]
			}
			if want >= 0 && shape[axis] != want {
				return nil, fault.Newf(fault.WrongShape, "input %q has size %d on axis %d; %d is wanted", p.Spec.Name, shape[axis], axis, want)
			}
		}
	}
	return first[lead:], nil
}

func (p *Port) sizeOf(row []int64) (int, error) {
	n, ok := tensor.Elements(row)
	if !ok || n > maxElements {
		return 0, fault.Newf(fault.ShapeTooLarge, "input %q has rows of shape %v", p.Spec.Name, row)
	}
	return int(n) * p.Spec.Type.Size(), nil
}

// checkPadded holds a task's data against its shape, and its length against that of the
// task's first padded input: they share the padded axis.
func (p *Port) checkPadded(t *task.Task, pad *tensor.Padding) error {
	shape := t.Inputs[p.index].Shape
	if want := rowLength(pad, t); shape[p.padded] != int64(want) {
		return fault.Newf(fault.WrongShape, "input %q has size %d on axis %d; %d is wanted, as other inputs have", p.Spec.Name, shape[p.padded], p.padded, want)
	}
	own, err := p.sizeOf(shape[1:])
	if err != nil {
		return err
	}
	if got, given := len(t.Inputs[p.index].Data), p.given(t); got != given*own {
		return p.badSize(got, given, own)
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
