package models

import (
	"bytes"
	"fmt"
	"slices"

	"sluice/internal/tensor"
)

// sample is one request that a gate runs. Its tensors are read-only and outlive the run.
type sample struct {
	inputs []tensor.Tensor // in schema order
	rows   int
}

// row cuts one row out of a request of a batchable model. What the request gives once stands
// beside each of its rows.
func (s *sample) row(r int) (sample, error) {
	one := sample{rows: 1, inputs: slices.Clone(s.inputs)}
	for i := range one.inputs {
		t := &one.inputs[i]
		if t.Shape[0] == 1 {
			continue
		}
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

// join makes one request of rows whose shapes agree, each its own on axis 0.
func join(rows []sample, s *tensor.Schema) sample {
	all := sample{rows: len(rows), inputs: slices.Clone(rows[0].inputs)}
	for i := range all.inputs {
		t := &all.inputs[i]
		if shared(&s.Inputs[i]) {
			continue
		}
		t.Shape = slices.Clone(t.Shape)
		t.Shape[0] = int64(len(rows))
		t.Data = nil
		for k := range rows {
			t.Data = append(t.Data, rows[k].inputs[i].Data...)
		}
	}
	return all
}

// spread repeats what a request gives once for each of its n rows, as a batch does.
func (s *sample) spread(schema *tensor.Schema, n int) sample {
	all := sample{rows: s.rows, inputs: slices.Clone(s.inputs)}
	for i := range all.inputs {
		if t := &all.inputs[i]; schema.Inputs[i].Once && !shared(&schema.Inputs[i]) && t.Shape[0] == 1 {
			t.Shape = slices.Clone(t.Shape)
			t.Shape[0], t.Data = int64(n), bytes.Repeat(t.Data, n)
		}
	}
	return all
}

// vary tells whether every input has at least two different values among the rows; one that
// requests must share to share a run is left out.
func vary(rows []sample, s *tensor.Schema) bool {
	for i := range s.Inputs {
		differs := shared(&s.Inputs[i])
		for k := 1; k < len(rows) && !differs; k++ {
			a, b := &rows[0].inputs[i], &rows[k].inputs[i]
			differs = !slices.Equal(a.Shape, b.Shape) || !bytes.Equal(a.Data, b.Data)
		}
		if !differs {
			return false
		}
	}
	return len(rows) > 1
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
			bits, _ := tensor.AppendNumber(nil, t.Type, factor*tensor.FloatAt(t.Type, t.Data, k)) // a float type has no error
			data = append(data, bits...)
		}
		t.Data = data
	}
	return other
}

func (s *sample) hasFloats() bool {
	return slices.ContainsFunc(s.inputs, func(t tensor.Tensor) bool { return t.Type.Float() })
}

// group is equal for rows that may share a batch. bucketed takes the padded axis as its bucket;
// else rows of any padded length are alike.
func (s *sample) group(schema *tensor.Schema, bucketed bool) string {
	var key []int64
	var equal []byte
	for i := range s.inputs {
		shape := slices.Clone(s.inputs[i].Shape[1:])
		if p := schema.Padding; p != nil && p.InputAxis[i] > 0 {
			at := p.InputAxis[i] - 1
			if bucketed {
				shape[at] = int64(p.Bucket(int(shape[at])))
			} else {
				shape[at] = -1
			}
		}
		key = append(append(key, shape...), -2)
		if i < len(schema.Inputs) && shared(&schema.Inputs[i]) {
			equal = append(equal, s.inputs[i].Data...)
		}
	}
	return fmt.Sprintf("%v %q", key, equal)
}

// largestGroup returns the rows of the group that most rows are in, in order.
func largestGroup(rows []sample, s *tensor.Schema, bucketed bool) []sample {
	groups := map[string][]sample{}
	var best []sample
	for i := range rows {
		key := rows[i].group(s, bucketed)
		groups[key] = append(groups[key], rows[i])
		if len(groups[key]) > len(best) {
			best = groups[key]
		}
	}
	return best
}

// mostRows is how many of such rows a run may hold.
func mostRows(rows []sample, s *tensor.Schema) int {
	most := s.MaxBatch
	for i := range rows {
		if n := s.MostRows(rows[i].inputs); n > 0 {
			most = min(most, n)
		}
	}
	return most
}

func stretchAll(rows []sample, p *tensor.Padding, length int) []sample {
	all := make([]sample, len(rows))
	for i := range rows {
		all[i] = rows[i].stretched(p, length)
	}
	return all
}

// stretched repeats or cuts the row along its padded axis: its elements stay such that
// the model takes them, which made-up ones might not be.
func (s *sample) stretched(p *tensor.Padding, length int) sample {
	other := sample{rows: s.rows, inputs: slices.Clone(s.inputs)}
	for i := range other.inputs {
		t := &other.inputs[i]
		at := p.InputAxis[i]
		if at < 0 || t.Shape[at] == 0 {
			continue
		}
		own := int(t.Shape[at])
		step := t.Type.Size()
		for _, d := range t.Shape[at+1:] {
			step *= int(d)
		}
		var data []byte
		for block := range slices.Chunk(t.Data, own*step) {
			for k := range length {
				data = append(data, block[k%own*step:(k%own+1)*step]...)
			}
		}
		t.Shape = slices.Clone(t.Shape)
		t.Shape[at] = int64(length)
		t.Data = data
	}
	return other
}
