package models

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"sluice/internal/tensor"
)

// difference is the worst disagreement found so far between answers and what they
// should be.
type difference struct {
	// excess is the difference over what the tolerance allows; above 1 is a fault.
	excess float64
	output string
	row    int
	// delta is the difference of two numbers that are close enough; text says what
	// differs, with values.
	delta float64
	text  string
}

func (d *difference) failed() bool { return d.excess > 1 }

// String is the end of a sentence.
func (d *difference) String() string {
	switch {
	case d.text == "":
		return "no difference"
	case !d.failed():
		return fmt.Sprintf("largest difference %.2g, %.2g %% of the tolerance (output %s, row %d)", d.delta, 100*d.excess, d.output, d.row)
	}
	return fmt.Sprintf("worst in output %s, row %d: %s", d.output, d.row, d.text)
}

// measure says how large the difference is, without the values themselves.
func (d *difference) measure() string {
	if math.IsInf(d.excess, 1) {
		return "no tolerance allows it"
	}
	return fmt.Sprintf("a difference of %.2g, %.3g of the tolerance", d.delta, d.excess)
}

// add compares one answer with what it should be. row is the number for messages of
// the tensors' first row; it is the whole tensor's if the model cannot batch.
func (d *difference) add(got, want *tensor.Tensor, batchable bool, row int, tol Tolerance) {
	if !slices.Equal(got.Shape, want.Shape) {
		d.raise(differs(want.Name, row, fmt.Sprintf("shape %v instead of %v", got.Shape, want.Shape)))
		return
	}
	perRow := math.MaxInt
	if batchable && len(want.Shape) > 0 {
		perRow = max(1, tensor.RowElements(want.Shape))
	}
	switch {
	case want.Type.Float():
		d.addFloats(got, want, perRow, row, tol)
	case want.Type == tensor.Bytes:
		d.addBytes(got, want, perRow, row)
	default:
		d.addExact(got, want, perRow, row)
	}
}

func (d *difference) addFloats(got, want *tensor.Tensor, perRow, row int, tol Tolerance) {
	n := min(len(got.Data), len(want.Data)) / want.Type.Size()
	for i := range n {
		g, w := tensor.FloatAt(want.Type, got.Data, i), tensor.FloatAt(want.Type, want.Data, i)
		if g == w || math.IsNaN(g) && math.IsNaN(w) {
			continue
		}
		delta := math.Abs(g - w)
		excess := delta / (tol.Abs + tol.Rel*math.Abs(w))
		if math.IsNaN(excess) || math.IsInf(delta, 1) {
			excess = math.Inf(1)
		}
		if excess > d.excess {
			d.raise(difference{excess: excess, delta: delta, output: want.Name, row: row + i/perRow, text: fmt.Sprintf("%.7g instead of %.7g (difference %.2g, %.3g of the tolerance)", g, w, delta, excess)})
		}
	}
}

func (d *difference) addExact(got, want *tensor.Tensor, perRow, row int) {
	size := want.Type.Size()
	for i := range min(len(got.Data), len(want.Data)) / size {
		g, w := got.Data[i*size:(i+1)*size], want.Data[i*size:(i+1)*size]
		if !bytes.Equal(g, w) {
			d.raise(differs(want.Name, row+i/perRow, fmt.Sprintf("%s instead of %s", integerText(want.Type, g), integerText(want.Type, w))))
			return
		}
	}
}

func (d *difference) addBytes(got, want *tensor.Tensor, perRow, row int) {
	count, err := tensor.BytesCount(want.Data)
	if err != nil || count == 0 {
		return
	}
	for i := range count {
		g, gotErr := tensor.BytesSpan(got.Data, i, 1)
		w, _ := tensor.BytesSpan(want.Data, i, 1)
		if gotErr != nil {
			d.raise(differs(want.Name, row+i/perRow, fmt.Sprintf("%d strings instead of %d", i, count)))
			return
		}
		if !bytes.Equal(g, w) {
			d.raise(differs(want.Name, row+i/perRow, fmt.Sprintf("%.40q instead of %.40q", g[4:], w[4:])))
			return
		}
	}
}

// raise keeps the worse of two differences.
func (d *difference) raise(other difference) {
	if other.excess > d.excess {
		*d = other
	}
}

// differs is a difference that no tolerance allows.
func differs(output string, row int, text string) difference {
	return difference{excess: math.Inf(1), output: output, row: row, text: text}
}

// integerText prints one little-endian integer or bool.
func integerText(t tensor.DataType, data []byte) string {
	var whole uint64
	for i, b := range data {
		whole |= uint64(b) << (8 * i)
	}
	switch t {
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64:
		shift := 64 - 8*len(data)
		return fmt.Sprint(int64(whole<<shift) >> shift)
	}
	return fmt.Sprint(whole)
}
