package oip

import (
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/oip/v1"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// An answer is not longer than its estimate but where floats or strings are unusual, and then not by
// much; and an estimate is no more than some times too high.
func TestEstimates(t *testing.T) {
	kinds := []tensor.DataType{tensor.Bool, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64, tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.FP32, tensor.FP64, tensor.Bytes}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		shape := []int64{rapid.Int64Range(1, 20).Draw(t, "rows"), rapid.Int64Range(1, 20).Draw(t, "columns"), rapid.Int64Range(1, 3).Draw(t, "depth")}
		elements, _ := tensor.Elements(shape)
		data := drawData(t, kind, int(elements))
		free := []int64{-1, -1, -1}
		s := echo(kind, free...)
		tk := task.Get()
		defer tk.Release()
		tk.Rows = int(shape[0])
		tk.Reserve(1)
		tk.SetWhole(0, &s.Outputs[0], shape, data)
		r := Request{Outputs: []OutputChoice{{Wanted: true, Binary: rapid.Bool().Draw(t, "binary")}}, ID: []byte("7")}
		check := func(what string, out []byte, err error, estimate int64) {
			if err != nil {
				return // strings that are no text
			}
			slack := int64(len(out)) // of what may be unusual
			if kind != tensor.FP32 && kind != tensor.Bytes {
				slack = 0
			}
			if n := int64(len(out)); n > estimate+slack || estimate > 15*n+400 {
				t.Errorf("%s of %v %v has %d bytes, estimated %d", what, kind, shape, n, estimate)
			}
		}
		estimate := r.EstimateResponse("m", tk)
		out, _, err := r.AppendResponse(nil, s, "m", "1", tk)
		check("V2", out, err, estimate)
		v1 := v1.Request{Row: rapid.Bool().Draw(t, "by row")}
		estimate = v1.EstimateResponse(s, tk)
		out, err = v1.AppendResponse(nil, s, tk)
		check("V1", out, err, estimate)
	})
}
