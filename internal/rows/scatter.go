package rows

import (
	"fmt"

	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Scatter copies output k of a batch into the tasks that want it. data holds b.Filled rows of
// the shape row in the protocol's form (the whole tensor if the model cannot batch; the one row
// of an output that has no more). row is changed for the time of the call. A part whose Task is
// nil is skipped. crop is scratch, and is returned grown. An error is a fault that names the
// output and what it has.
func (l *Layout) Scatter(k int, row []int64, data []byte, parts []task.Part, crop []byte) ([]byte, error) {
	crop, err := l.scatter(k, row, data, parts, crop)
	if err != nil {
		err = l.Out[k].misfit(err)
	}
	return crop, err
}

func (l *Layout) scatter(k int, row []int64, data []byte, parts []task.Part, crop []byte) ([]byte, error) {
	p := &l.Out[k]
	if !p.Batched {
		if t := parts[0].Task; t != nil && t.Wants(k) {
			t.SetWhole(k, p.Spec, row, data)
		}
		return crop, nil
	}
	axis := p.padded - 1 // of the row; -1 for none
	if axis >= len(row) {
		return crop, fmt.Errorf("it has rows of shape %v, without the padded axis", row)
	}
	for _, part := range parts {
		mine, rest, err := p.split(data, row, p.TensorRows(part.Rows()))
		if err != nil {
			return crop, err
		}
		if !p.alone {
			data = rest
		}
		if part.Task == nil || !part.Task.Wants(k) {
			continue
		}
		switch {
		case p.once:
			crop, err = l.scatterOnce(p, part, row, mine, crop)
		case axis < 0:
			err = part.Task.SetRows(k, p.Spec, row, part.From, part.To, mine)
		default:
			crop, err = l.cropped(p, part, row, axis, mine, crop)
		}
		if err != nil {
			return crop, err
		}
	}
	return crop, nil
}

// cropped stores one part's rows in its task, without their padding.
func (l *Layout) cropped(p *Port, part task.Part, row []int64, axis int, data, crop []byte) ([]byte, error) {
	length := rowLength(l.Schema.Padding, part.Task)
	crop, err := cropRows(crop[:0], data, row, axis, length, p.Spec.Type.Size())
	if err != nil {
		return crop, err
	}
	padded := row[axis]
	row[axis] = int64(length)
	err = part.Task.SetRows(p.index, p.Spec, row, part.From, part.To, crop)
	row[axis] = padded
	return crop, err
}

// cropRows takes the padding off rows of an output: data holds rows whose axis has the
// length have, of which each caller wants the first want. It appends to dst.
func cropRows(dst, data []byte, row []int64, axis, want, size int) ([]byte, error) {
	have := int(row[axis])
	if want > have {
		return dst, fmt.Errorf("it has size %d on the padded axis, less than the %d of the input", have, want)
	}
	_, inner := strides(row, axis, size)
	for step := have * inner; len(data) >= step && step > 0; data = data[step:] {
		dst = append(dst, data[:want*inner]...)
	}
	return dst, nil
}

// split takes the first rows off data.
func (p *Port) split(data []byte, row []int64, rows int) (first, rest []byte, err error) {
	n, _ := tensor.Elements(row)
	size := rows * int(n) * p.Spec.Type.Size()
	if p.Spec.Type.Size() == 0 {
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
