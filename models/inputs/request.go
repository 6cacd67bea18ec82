package inputs

import (
	"bytes"
	"fmt"
	"slices"

	"sluice/internal/tensor"
	"sluice/models/bundle"
)

// Request is one request that a gate runs. Its tensors are read-only and outlive the run.
type Request struct {
	Inputs []tensor.Tensor // in schema order
	Rows   int
}

// Row cuts one row out of a request of a batchable model. What the request gives once stands
// beside each of its rows.
func (s *Request) Row(r int) (Request, error) {
	one := Request{Rows: 1, Inputs: slices.Clone(s.Inputs)}
	for i := range one.Inputs {
		t := &one.Inputs[i]
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
			return Request{}, err
		}
		t.Data = data
	}
	return one, nil
}

// Join makes one request of rows whose shapes agree, each its own on axis 0.
func Join(rows []Request, s *tensor.Schema) Request {
	all := Request{Rows: len(rows), Inputs: slices.Clone(rows[0].Inputs)}
	for i := range all.Inputs {
		t := &all.Inputs[i]
		if bundle.Shared(&s.Inputs[i]) {
			continue
		}
		t.Shape = slices.Clone(t.Shape)
		t.Shape[0] = int64(len(rows))
		t.Data = nil
		for k := range rows {
			t.Data = append(t.Data, rows[k].Inputs[i].Data...)
		}
	}
	return all
}

// Spread repeats what a request gives once for each of its n rows, as a batch does.
func (s *Request) Spread(schema *tensor.Schema, n int) Request {
	all := Request{Rows: s.Rows, Inputs: slices.Clone(s.Inputs)}
	for i := range all.Inputs {
		if t := &all.Inputs[i]; schema.Inputs[i].Once && !bundle.Shared(&schema.Inputs[i]) && t.Shape[0] == 1 {
			t.Shape = slices.Clone(t.Shape)
			t.Shape[0], t.Data = int64(n), bytes.Repeat(t.Data, n)
		}
	}
	return all
}

// Vary tells whether every input has at least two different values among the rows; one that
// requests must share to share a run is left out.
func Vary(rows []Request, s *tensor.Schema) bool {
	for i := range s.Inputs {
		differs := bundle.Shared(&s.Inputs[i])
		for k := 1; k < len(rows) && !differs; k++ {
			a, b := &rows[0].Inputs[i], &rows[k].Inputs[i]
			differs = !slices.Equal(a.Shape, b.Shape) || !bytes.Equal(a.Data, b.Data)
		}
		if !differs {
			return false
		}
	}
	return len(rows) > 1
}

// Scaled multiplies the floating inputs, so that rows of one batch differ in size too:
// operators that take a scale from the whole batch show only then.
func (s *Request) Scaled(factor float64) Request {
	other := Request{Rows: s.Rows, Inputs: slices.Clone(s.Inputs)}
	for i := range other.Inputs {
		t := &other.Inputs[i]
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

// HasFloats tells whether some input is of floats.
func (s *Request) HasFloats() bool {
	return slices.ContainsFunc(s.Inputs, func(t tensor.Tensor) bool { return t.Type.Float() })
}

// group is equal for rows that may share a batch. bucketed takes the padded axis as its bucket;
// else rows of any padded length are alike.
func (s *Request) group(schema *tensor.Schema, bucketed bool) string {
	var key []int64
	var equal []byte
	for i := range s.Inputs {
		shape := slices.Clone(s.Inputs[i].Shape[1:])
		if p := schema.Padding; p != nil && p.InputAxis[i] > 0 {
			at := p.InputAxis[i] - 1
			if bucketed {
				shape[at] = int64(p.Bucket(int(shape[at])))
			} else {
				shape[at] = -1
			}
		}
		key = append(append(key, shape...), -2)
		if i < len(schema.Inputs) && bundle.Shared(&schema.Inputs[i]) {
			equal = append(equal, s.Inputs[i].Data...)
		}
	}
	return fmt.Sprintf("%v %q", key, equal)
}

// LargestGroup returns the rows of the group that most rows are in, in order.
func LargestGroup(rows []Request, s *tensor.Schema, bucketed bool) []Request {
	groups := map[string][]Request{}
	var best []Request
	for i := range rows {
		key := rows[i].group(s, bucketed)
		groups[key] = append(groups[key], rows[i])
		if len(groups[key]) > len(best) {
			best = groups[key]
		}
	}
	return best
}

// MostRows is how many of such rows a run may hold.
func MostRows(rows []Request, s *tensor.Schema) int {
	most := s.MaxBatch
	for i := range rows {
		if n := s.MostRows(rows[i].Inputs); n > 0 {
			most = min(most, n)
		}
	}
	return most
}

// StretchAll gives each row the length along its padded axis.
func StretchAll(rows []Request, p *tensor.Padding, length int) []Request {
	all := make([]Request, len(rows))
	for i := range rows {
		all[i] = rows[i].stretched(p, length)
	}
	return all
}

// stretched repeats or cuts the row along its padded axis: its elements stay such that
// the model takes them, which made-up ones might not be.
func (s *Request) stretched(p *tensor.Padding, length int) Request {
	other := Request{Rows: s.Rows, Inputs: slices.Clone(s.Inputs)}
	for i := range other.Inputs {
		t := &other.Inputs[i]
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
