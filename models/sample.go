package models

import (
	"fmt"
	"slices"

	"sluice/internal/tensor"
)

// sample is one request that a gate runs. Its tensors are read-only and outlive the run.
type sample struct {
	inputs []tensor.Tensor // in schema order
	rows   int
}

// row cuts one row out of a request of a batchable model.
func (s *sample) row(r int) (sample, error) {
	one := sample{rows: 1, inputs: slices.Clone(s.inputs)}
	for i := range one.inputs {
		t := &one.inputs[i]
		per := tensor.RowElements(t.Shape)
		t.Shape = slices.Clone(t.Shape)
		t.Shape[0] = 1
		if size := t.Type.Size(); size > 0 {
			t.Data = t.Data[r*per*size : (r+1)*per*size]
			continue
		}
		data, err := tensor.BytesSpan(t.Data, r*per, per)
		if err != nil {
			return sample{}, err
		}
		t.Data = data
	}
	return one, nil
}

// scaled multiplies the floating inputs, so that rows of one batch differ in size too:
// operators that take a scale from the whole batch show only then.
func (s *sample) scaled(factor float64) sample {
	other := sample{rows: s.rows, inputs: slices.Clone(s.inputs)}
	for i := range other.inputs {
		t := &other.inputs[i]
		if !t.Type.Float() {
			continue
		}
		size := t.Type.Size()
		data := make([]byte, 0, len(t.Data))
		for k := range len(t.Data) / size {
			bits, _ := encodeNumber(t.Type, factor*tensor.FloatAt(t.Type, t.Data, k)) // a float type has no error
			data = append(data, bits...)
		}
		t.Data = data
	}
	return other
}

func (s *sample) hasFloats() bool {
	return slices.ContainsFunc(s.inputs, func(t tensor.Tensor) bool { return t.Type.Float() })
}

// shapeOf is equal for rows that may share a batch. bucketed takes the padded axis as
// its bucket; else rows of any padded length are alike.
func (s *sample) shapeOf(p *tensor.Padding, bucketed bool) string {
	var key []int64
	for i := range s.inputs {
		shape := slices.Clone(s.inputs[i].Shape[1:])
		if p != nil && p.InputAxis[i] > 0 {
			at := p.InputAxis[i] - 1
			if bucketed {
				shape[at] = int64(p.Bucket(int(shape[at])))
			} else {
				shape[at] = -1
			}
		}
		key = append(append(key, shape...), -2)
	}
	return fmt.Sprint(key)
}

// largestGroup returns the rows of the shape that most rows have, in order.
func largestGroup(rows []sample, p *tensor.Padding, bucketed bool) []sample {
	groups := map[string][]sample{}
	var best []sample
	for i := range rows {
		key := rows[i].shapeOf(p, bucketed)
		groups[key] = append(groups[key], rows[i])
		if len(groups[key]) > len(best) {
			best = groups[key]
		}
	}
	return best
}
