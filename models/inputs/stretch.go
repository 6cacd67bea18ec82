package inputs

import (
	"errors"

	"sluice/internal/tensor"
)

// Stretch makes a tensor longer or shorter: along each axis its elements are repeated from the
// beginning, or left out at the end.
func Stretch(t *tensor.Tensor, shape []int64) (tensor.Tensor, error) {
	total, valid := tensor.Elements(shape)
	if had, ok := tensor.Elements(t.Shape); !ok || had == 0 || !valid || len(shape) != len(t.Shape) {
		return tensor.Tensor{}, errors.New("it has no element to repeat")
	}
	at, err := elements(t)
	if err != nil {
		return tensor.Tensor{}, err
	}
	out := tensor.Tensor{Name: t.Name, Type: t.Type, Shape: shape}
	index := make([]int64, len(shape))
	for range total {
		from := int64(0)
		for d := range shape {
			from = from*t.Shape[d] + index[d]%t.Shape[d]
		}
		out.Data = append(out.Data, t.Data[at(from):at(from+1)]...)
		for d := len(shape) - 1; d >= 0; d-- {
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
