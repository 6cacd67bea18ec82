package inputs

import (
	"bytes"
	"fmt"
	"slices"

	"sluice/internal/clock"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models/bundle"
)

// Request is one request that a gate runs. Its tensors are read-only and outlive the run.
type Request struct {
	Inputs []tensor.Tensor // in schema order
	Rows   int
}

// Task makes a task of the request that wants every output. It is the caller's to release.
func (s *Request) Task(outputs int) *task.Task {
	t := task.Get()
	t.Inputs = append(t.Inputs[:0], s.Inputs...)
	t.Rows, t.Wanted, t.Deadline = s.Rows, ^uint64(0)>>(64-min(outputs, 64)), clock.Never
	t.Reserve(outputs)
	return t
}

// Row cuts one row out of a request of a batchable model. What the request gives once stands
// beside each of its rows.
func (s *Request) Row(r int) (one Request, err error) {
	one = Request{Rows: 1, Inputs: slices.Clone(s.Inputs)}
	for i := range one.Inputs {
		if t := &one.Inputs[i]; t.Shape[0] != 1 {
			if *t, err = CutRow(*t, r); err != nil {
				return Request{}, err
			}
		}
	}
	return one, nil
}

// CutRow is one row of a tensor, whose data it shares.
func CutRow(t tensor.Tensor, r int) (tensor.Tensor, error) {
	per, size := tensor.RowElements(t.Shape), t.Type.Size()
	switch {
	case size == 0:
		data, err := tensor.BytesSpan(t.Data, r*per, per)
		if err != nil {
			return tensor.Tensor{}, err
		}
		t.Data = data
	case len(t.Data) < (r+1)*per*size:
		return tensor.Tensor{}, fmt.Errorf("its data ends before row %d", r)
	default:
		t.Data = t.Data[r*per*size : (r+1)*per*size]
	}
	t.Shape = slices.Clone(t.Shape)
	t.Shape[0] = 1
	return t, nil
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
		data := make([]byte, 0, len(t.Data))
		for k := range len(t.Data) / t.Type.Size() {
			data = tensor.AppendFloat(data, t.Type, factor*tensor.FloatAt(t.Type, t.Data, k))
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
