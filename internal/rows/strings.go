package rows

import (
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// CopyStrings copies the strings of a Bytes input in the protocol's form, and repeats those
// of the last row up to filled rows. It returns their row shape and the bytes that they take;
// a batch that dst does not hold is refused.
func (p *Port) CopyStrings(dst []byte, parts []task.Part, filled int) (row []int64, size int, err error) {
	row, perRow, err := p.StringRow(parts)
	if err != nil {
		return nil, 0, err
	}
	if p.alone {
		common, err := p.CommonStrings(parts, perRow)
		if err == nil && len(common) > len(dst) {
			err = p.TooLarge(len(common), len(dst))
		}
		return row, copy(dst, common), err
	}
	rows := 0
	var last []byte // as many rows as lastRows says
	lastRows := 0
	for _, part := range parts {
		span, n, err := p.Strings(part, perRow)
		if err != nil {
			return nil, 0, err
		}
		for range part.Rows() / n {
			if len(span) > len(dst)-size {
				return nil, 0, p.TooLarge(size+len(span), len(dst))
			}
			size += copy(dst[size:], span)
		}
		last, lastRows = span, n
		rows += part.Rows()
	}
	if rows >= filled {
		return row, size, nil
	}
	if last, err = tensor.BytesSpan(last, (lastRows-1)*perRow, perRow); err != nil {
		return nil, 0, fault.Newf(fault.InvalidBytes, "input %q: %v", p.Spec.Name, err)
	}
	if len(last)*(filled-rows) > len(dst)-size {
		return nil, 0, p.TooLarge(size+len(last)*(filled-rows), len(dst))
	}
	for ; rows < filled; rows++ {
		size += copy(dst[size:], last)
	}
	return row, size, nil
}

// StringRow returns the common row shape of a Bytes input and how many strings a row has. The
// parts' data could hold them all: it bounds the memory that is then asked for.
func (p *Port) StringRow(parts []task.Part) (row []int64, perRow int, err error) {
	if row, err = p.CommonRow(parts, -1); err != nil {
		return nil, 0, err
	}
	n, ok := tensor.Elements(row)
	if !ok || n > maxElements {
		return nil, 0, fault.Newf(fault.ShapeTooLarge, "input %q has rows of shape %v", p.Spec.Name, row)
	}
	for _, part := range parts {
		got, given := len(part.Task.Inputs[p.index].Data), p.given(part.Task)
		if n > int64(got/4/given) {
			return nil, 0, fault.Newf(fault.InvalidBytes, "input %q has %d bytes, too few for %d rows of %d strings", p.Spec.Name, got, given, n)
		}
	}
	return row, int(n), nil
}

// Strings returns the strings that a part takes, perRow for each of n rows. n is 1 for a row
// that stands for all of the part's, and else their number.
func (p *Port) Strings(part task.Part, perRow int) (span []byte, n int, err error) {
	from, to := p.span(part)
	span = part.Task.Inputs[p.index].Data
	if from > 0 || to < p.given(part.Task) {
		if span, err = tensor.BytesSpan(span, from*perRow, (to-from)*perRow); err != nil {
			return nil, 0, fault.Newf(fault.InvalidBytes, "input %q: %v", p.Spec.Name, err)
		}
	}
	return span, to - from, nil
}

// Alone reports whether a run has one row of the port, whatever the rows of the batch.
func (p *Port) Alone() bool { return p.alone }

// CommonStrings returns the strings of the one row that a port which is Alone has in a run.
func (p *Port) CommonStrings(parts []task.Part, perRow int) (common []byte, err error) {
	for n, part := range parts {
		span, _, err := p.Strings(part, perRow)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			if common, err = tensor.BytesSpan(span, 0, perRow); err != nil {
				return nil, fault.Newf(fault.InvalidBytes, "input %q: %v", p.Spec.Name, err)
			}
		}
		if err := p.allEqual(common, span, part); err != nil {
			return nil, err
		}
	}
	return common, nil
}

// TooLarge is the fault of a batch that the memory for it does not hold.
func (p *Port) TooLarge(size, most int) error {
	return fault.Newf(fault.ShapeTooLarge, "input %q takes %d bytes in a batch; %d are the most on this device: send fewer or shorter rows", p.Spec.Name, size, most)
}
