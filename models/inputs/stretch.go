package inputs

import (
	"errors"
	"slices"

	"sluice/internal/tensor"
)

// StretchAll gives each row the length along its padded axis: its elements stay such that the model
// takes them, which made-up ones might not be.
func StretchAll(rows []Request, p *tensor.Padding, length int) []Request {
	all := make([]Request, len(rows))
	for i, row := range rows {
		all[i] = Request{Rows: row.Rows, Inputs: slices.Clone(row.Inputs)}
		for k, at := range p.InputAxis {
			if at < 0 {
				continue
			}
			shape := slices.Clone(row.Inputs[k].Shape)
			shape[at] = int64(length)
			if long, err := Stretch(&row.Inputs[k], shape); err == nil { // else it has no elements
				all[i].Inputs[k] = long
			}
		}
	}
	return all
}

// Stretch makes a tensor longer or shorter: along each axis its elements are repeated from the
// beginning, or left out at the end.
func Stretch(t *tensor.Tensor, shape []int64) (tensor.Tensor, error) {
	_, valid := tensor.Elements(shape)
	if had, ok := tensor.Elements(t.Shape); !ok || had == 0 || !valid || len(shape) != len(t.Shape) {
		return tensor.Tensor{}, errors.New("it has no element to repeat")
	}
	at, err := elements(t)
	if err != nil {
		return tensor.Tensor{}, err
	}
	last := len(shape) - 1 // the axes behind it stay, and their elements are copied together
	for last > 0 && shape[last] == t.Shape[last] {
		last--
	}
	block, _ := tensor.Elements(shape[last+1:])
	blocks, _ := tensor.Elements(shape[:last+1])
	out := tensor.Tensor{Name: t.Name, Type: t.Type, Shape: shape}
	index := make([]int64, last+1)
	for range blocks {
		from := int64(0)
		for d := range index {
			from = from*t.Shape[d] + index[d]%t.Shape[d]
		}
		out.Data = append(out.Data, t.Data[at(from*block):at((from+1)*block)]...)
		for d := last; d >= 0; d-- {
			if index[d]++; index[d] < shape[d] {
				break
			}
			index[d] = 0
		}
	}
	return out, nil
}

// elements tells where an element begins; the one after the last begins at the end.
func elements(t *tensor.Tensor) (at func(int64) int64, err error) {
	if t.Type != tensor.Bytes {
		size := int64(t.Type.Size())
		return func(i int64) int64 { return i * size }, nil
	}
	begins := []int64{0}
	for end := int64(0); end < int64(len(t.Data)); {
		one, err := tensor.BytesSpan(t.Data[end:], 0, 1)
		if err != nil {
			return nil, err
		}
		end += int64(len(one))
		begins = append(begins, end)
	}
	return func(i int64) int64 { return begins[i] }, nil
}
