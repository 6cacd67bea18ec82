package rows

import (
	"bytes"
	"fmt"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// An input that is given once for all rows of a request comes as one row, or as one for each
// row. A run sees the row repeated for each row of the part; or, where the file takes one row
// alone, that row, which all parts must then have in common.

// TensorRows is the rows of the port's tensor in a run of so many rows.
func (p *Port) TensorRows(filled int) int {
	if !p.Batched || p.alone {
		return 1
	}
	return filled
}

// given is the rows that a task gives for the port.
func (p *Port) given(t *task.Task) int {
	if shape := t.Inputs[p.index].Shape; p.once && len(shape) > 0 && shape[0] == 1 {
		return 1
	}
	return t.Rows
}

// span is the rows of a task that a part takes: the one that stands for all, or its own.
func (p *Port) span(part task.Part) (from, to int) {
	if p.given(part.Task) == 1 {
		return 0, 1
	}
	return part.From, part.To
}

// copyOnce is Copy for rows that may stand for several.
func (p *Port) copyOnce(dst []byte, parts []task.Part, rowBytes, filled int) error {
	at := 0
	for _, part := range parts {
		data, given := part.Task.Inputs[p.index].Data, p.given(part.Task)
		if len(data) != given*rowBytes {
			return p.badSize(len(data), given, rowBytes)
		}
		from, to := p.span(part)
		data = data[from*rowBytes : to*rowBytes]
		if p.alone {
			if at == 0 {
				at = copy(dst, data[:rowBytes])
			}
			if err := p.allEqual(dst[:at], data, part); err != nil {
				return err
			}
			continue
		}
		end := at + part.Rows()*rowBytes
		at += copy(dst[at:], data)
		at = repeatLast(dst, at, rowBytes, end)
	}
	repeatLast(dst, at, rowBytes, p.TensorRows(filled)*rowBytes)
	return nil
}

// fillOnce is Fill for padded rows that may stand for several.
func (l *Layout) fillOnce(dst []byte, i int, b Batch, parts []task.Part, row []int64, rowBytes int) error {
	p := &l.In[i]
	outer, inner := strides(row, p.padded-1, p.Spec.Type.Size())
	at, first := 0, parts[0].Task.Inputs[i]
	for _, part := range parts {
		in := part.Task.Inputs[i]
		own := outer * int(in.Shape[p.padded]) * inner
		from, to := p.span(part)
		data, n := in.Data[from*own:to*own], to-from
		if p.alone {
			if in.Shape[p.padded] != first.Shape[p.padded] {
				return p.notEqual(part)
			}
			if err := p.allEqual(first.Data[:own], data, part); err != nil {
				return err
			}
			at, n = 0, 1
		}
		end := at + part.Rows()*rowBytes
		at += l.pad(dst[at:], i, data, int(in.Shape[p.padded])*inner, b.Bucket*inner, n*outer)
		if !p.alone {
			at = repeatLast(dst, at, rowBytes, end)
		}
	}
	repeatLast(dst, at, rowBytes, p.TensorRows(b.Filled)*rowBytes)
	return nil
}

// allEqual checks that each row of data is the one that stands for all.
func (p *Port) allEqual(row, data []byte, part task.Part) error {
	for ; len(data) >= len(row) && len(row) > 0; data = data[len(row):] {
		if !bytes.Equal(data[:len(row)], row) {
			return p.notEqual(part)
		}
	}
	if len(data) > 0 {
		return p.notEqual(part)
	}
	return nil
}

// notEqual is about rows that cannot share a run. Where a request's own rows differ, no run
// can take it.
func (p *Port) notEqual(part task.Part) error {
	if p.given(part.Task) > 1 && p.differs(part.Task) {
		return fault.Newf(fault.InvalidValue, "input %q is one row for all rows of a request, and the %d rows given for it differ", p.Spec.Name, part.Task.Rows)
	}
	return fmt.Errorf("input %q is one row for the whole batch and differs between its parts", p.Spec.Name)
}

// differs reports whether a task's own rows differ.
func (p *Port) differs(t *task.Task) bool {
	in := &t.Inputs[p.index]
	first, rest := in.Data[:0], in.Data
	perRow := tensor.RowElements(in.Shape)
	for row := range t.Rows {
		size := perRow * p.Spec.Type.Size()
		if size == 0 {
			span, err := tensor.BytesSpan(rest, 0, perRow)
			if err != nil {
				return true
			}
			size = len(span)
		}
		if size > len(rest) {
			return true
		}
		if row == 0 {
			first = rest[:size]
		}
		if !bytes.Equal(rest[:size], first) {
			return true
		}
		rest = rest[size:]
	}
	return false
}

// scatterOnce stores the row of an output that a request gets once: the first of its first part.
func (l *Layout) scatterOnce(p *Port, part task.Part, row []int64, data, crop []byte) ([]byte, error) {
	if part.From > 0 {
		return crop, nil
	}
	data, _, err := p.split(data, row, 1)
	if err != nil {
		return crop, err
	}
	var shape [maxRank + 1]int64
	if len(row) > maxRank {
		return crop, fmt.Errorf("it has rows of %d dimensions; %d are the most", len(row), maxRank)
	}
	whole := append(append(shape[:0], 1), row...)
	if axis := p.padded; axis > 0 {
		length := rowLength(l.Schema.Padding, part.Task)
		if crop, err = cropRows(crop[:0], data, row, axis-1, length, p.Spec.Type.Size()); err != nil {
			return crop, err
		}
		data, whole[axis] = crop, int64(length)
	}
	part.Task.SetWhole(p.index, p.Spec, whole, data)
	return crop, nil
}
