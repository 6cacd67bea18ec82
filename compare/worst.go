package compare

import (
	"sluice/internal/oip/client"
	"sluice/internal/tensor"
)

// keepWorst offers the rows of a sample to those that differ most. What is written down of one is the request for it.
func (s *Study) keepWorst(o *output, rows []float64, x *Sample) {
	for r, difference := range rows {
		if difference > 0 && o.worst.Wants(difference, x.ID, r) {
			o.worst.Add(difference, x.ID, r, s.request(x, r, len(rows)))
		}
	}
}

// request is the infer request of one row of a sample, or of all of it where the output has no row for each. It is JSON, which the
// halves and text that is no UTF-8 have no words for: nil then.
func (s *Study) request(x *Sample, row, rows int) []byte {
	inputs := make([]tensor.Tensor, 0, len(x.Inputs))
	for i := range x.Inputs {
		in := x.Inputs[i]
		at := s.o.Schema.Input([]byte(in.Name))
		switch {
		case in.Type == tensor.Invalid:
			continue
		case in.Type.Half():
			return nil
		case rows > 1 && rows == x.Rows && at >= 0 && s.o.Schema.Batchable() && !s.o.Schema.Inputs[at].Once && len(in.Shape) > 0 && in.Shape[0] == int64(rows):
			one, ok := rowOf(&in, row)
			if !ok {
				return nil
			}
			in = one
		}
		inputs = append(inputs, in)
	}
	text, _, err := client.AppendInferRequest(nil, &client.InferRequest{Inputs: inputs})
	if err != nil || len(inputs) == 0 {
		return nil
	}
	return text
}

// rowOf is one row of a tensor.
func rowOf(t *tensor.Tensor, row int) (one tensor.Tensor, ok bool) {
	n := tensor.RowElements(t.Shape)
	one = tensor.Tensor{Name: t.Name, Type: t.Type, Shape: append([]int64{1}, t.Shape[1:]...)}
	if t.Type == tensor.Bytes {
		data, err := tensor.BytesSpan(t.Data, row*n, n)
		one.Data = data
		return one, err == nil
	}
	size := n * t.Type.Size()
	if (row+1)*size > len(t.Data) {
		return one, false
	}
	one.Data = t.Data[row*size : (row+1)*size]
	return one, true
}
