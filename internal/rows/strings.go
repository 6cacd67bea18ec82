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
	if row, err = p.CommonRow(parts, -1); err != nil {
		return nil, 0, err
	}
	perRow, ok := tensor.Elements(row)
	if !ok || perRow > maxElements {
		return nil, 0, fault.Newf(fault.ShapeTooLarge, "input %q has rows of shape %v", p.Spec.Name, row)
	}
	rows := 0
	var last []byte
	for _, part := range parts {
		t := part.Task
		data := t.Inputs[p.index].Data
		if perRow > int64(len(data)/4/t.Rows) {
			return nil, 0, fault.Newf(fault.InvalidBytes, "input %q has %d bytes, too few for %d rows of %d strings", p.Spec.Name, len(data), t.Rows, perRow)
		}
		span, err := tensor.BytesSpan(data, part.From*int(perRow), part.Rows()*int(perRow))
		if err != nil {
			return nil, 0, fault.Newf(fault.InvalidBytes, "input %q: %v", p.Spec.Name, err)
		}
		if len(span) > len(dst)-size {
			return nil, 0, p.TooLarge(size+len(span), len(dst))
		}
		last = span
		rows += part.Rows()
		size += copy(dst[size:], span)
	}
	if rows >= filled {
		return row, size, nil
	}
	n := parts[len(parts)-1].Rows()
	if last, err = tensor.BytesSpan(last, (n-1)*int(perRow), int(perRow)); err != nil {
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

// TooLarge is the fault of a batch that the memory for it does not hold.
func (p *Port) TooLarge(size, most int) error {
	return fault.Newf(fault.ShapeTooLarge, "input %q takes %d bytes in a batch; %d are the most on this device: send fewer or shorter rows", p.Spec.Name, size, most)
}
