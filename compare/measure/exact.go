package measure

import (
	"math"
	"strconv"

	"sluice/internal/agree"
	"sluice/internal/tensor"
)

// exact compares rows of what are no floats: they are equal, or differ by more than any tolerance allows.
func (c *Comparer) exact(rows, n int) {
	want, got := c.want.Data, c.got.Data
	for range rows {
		wantRow, gotRow := span(c.want.Type, want, n), span(c.got.Type, got, n)
		want, got = want[len(wantRow):], got[len(gotRow):]
		c.end(c.exactRow(gotRow, wantRow, n), false)
	}
}

// span is the bytes of the first n elements, which are there.
func span(kind tensor.DataType, data []byte, n int) []byte {
	if kind != tensor.Bytes {
		return data[:n*kind.Size()]
	}
	row, _ := tensor.BytesSpan(data, 0, n) // held has counted them
	return row
}

func (c *Comparer) exactRow(got, want []byte, n int) float64 {
	c.rowShape[0] = int64(n)
	g, w := &c.rowTensors[0], &c.rowTensors[1]
	*g = tensor.Tensor{Name: c.spec.Name, Type: c.spec.Type, Shape: c.rowShape[:], Data: got}
	*w = tensor.Tensor{Name: c.spec.Name, Type: c.spec.Type, Shape: c.rowShape[:], Data: want}
	d := agree.First(g, w, c.o.Tolerance)
	*g, *w = tensor.Tensor{}, tensor.Tensor{}
	if d.Kind == agree.None {
		return 0
	}
	if c.o.Pairs != nil && c.o.Kind == Class && n == 1 {
		c.labels[0], c.labels[1] = appendValue(c.labels[0][:0], c.spec.Type, want), appendValue(c.labels[1][:0], c.spec.Type, got)
		c.o.Pairs.Add(c.labels[0], c.labels[1])
	}
	return math.Inf(1)
}

// appendValue appends an element that is no float, as a person writes it.
func appendValue(b []byte, kind tensor.DataType, data []byte) []byte {
	switch {
	case kind == tensor.Bytes:
		return append(b, data[4:]...)
	case kind == tensor.Bool:
		return strconv.AppendBool(b, data[0] != 0)
	case kind.Unsigned():
		return strconv.AppendUint(b, tensor.UintAt(kind, data), 10)
	default:
		return strconv.AppendInt(b, tensor.IntAt(kind, data), 10)
	}
}

// ValueText is element i of a tensor that holds no floats, as a person writes it; false if there is none.
func ValueText(t *tensor.Tensor, i int) ([]byte, bool) {
	size := t.Type.Size()
	switch {
	case t.Type == tensor.Bytes:
		element, err := tensor.BytesSpan(t.Data, i, 1)
		if err != nil || len(element) < 4 {
			return nil, false
		}
		return element[4:], true
	case t.Type.Float() || size == 0 || (i+1)*size > len(t.Data):
		return nil, false
	}
	return appendValue(nil, t.Type, t.Data[i*size:(i+1)*size]), true
}
