package v1

import (
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Rows have each input that they name in all of them; columns may have one value for all rows.
func TestFills(t *testing.T) {
	s := &tensor.Schema{
		Inputs: []tensor.Spec{
			{Name: "id", Type: tensor.Int64, Shape: []int64{-1}, Part: tensor.Keyed},
			{Name: "x", Type: tensor.FP16, Shape: []int64{-1, 2}, Part: tensor.Filled},
			{Name: "user", Type: tensor.Bytes, Shape: []int64{-1}, Part: tensor.Named},
			{Name: "g:a", Type: tensor.FP32, Shape: []int64{-1}, Part: tensor.Given},
			{Name: "g:l", Type: tensor.FP32, Shape: []int64{-1, 3}, Part: tensor.Given},
		},
		Outputs:  []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1}}},
		MaxBatch: 8, MaxRows: 8, Fills: true,
	}
	f := func(body, want string) {
		t.Helper()
		var r Request
		tk := task.Get()
		defer tk.Release()
		err := r.Decode(s, "m", []byte(body), nil, tk)
		if err != nil {
			if got := fault.Of(err).Kind.Code() + ": " + err.Error(); got != want {
				t.Errorf("%s\ngot  %s\nwant %s", body, got, want)
			}
			return
		}
		var got []string
		for i := range tk.Inputs {
			if in := &tk.Inputs[i]; in.Type != tensor.Invalid {
				got = append(got, in.Name+tensor.ShapeText(in.Shape))
			}
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s\ngot  %s\nwant %s", body, text, want)
		}
	}
	f(`{"instances":[{"id":1,"user":"u"},{"user":"v","id":2}]}`, "id[2] user[2]")
	f(`{"instances":[{"id":1,"user":"u","g:a":null},{"user":"v","g:a":3,"id":2}]}`, "id[2] user[2] g:a[2]")
	f(`{"instances":[{"id":1,"user":"u","g:l":null},{"id":2,"user":"v","g:l":[1,2,3]},{"id":2,"user":"v","g:l":null}]}`, "id[3] user[3] g:l[3,3]")
	f(`{"instances":[{"id":1,"user":"u","g:l":1}]}`, "WRONG_SHAPE: unexpected shape for input 'g:l' for model 'm'. Expected [-1,3], got [1]")
	f(`{"inputs":{"id":[1,2,3],"user":["u"]}}`, "id[3] user[1]")
	f(`{"inputs":{"id":[1],"user":["u","v"],"g:a":[1]}}`, "id[1] user[2] g:a[1]")
	f(`{"instances":[{"id":1,"user":"u"},{"id":2}]}`, "MISSING_INPUT: Failed to process element: 1: missing required input 'user' of model 'm'")
	f(`{"instances":[{"id":1,"user":"u","g:a":1},{"id":2,"user":"v"}]}`, "BATCH_MISMATCH: Failed to process element: 1 of 'instances': input 'g:a' of model 'm' must be in all elements or in none")
	f(`{"instances":[{"id":1,"user":"u"},{"id":2,"user":"v","g:a":1}]}`, "BATCH_MISMATCH: Failed to process element: 1 of 'instances': input 'g:a' of model 'm' must be in all elements or in none")
	f(`{"instances":[{"id":1,"x":[1,2]}]}`, "UNSUPPORTED: tensor 'x' of model 'm' is FP16, which the V1 format cannot carry: use the V2 protocol with binary data")
	f(`{"instances":[1,2]}`, "INVALID_INPUTS: model 'm' has 2 inputs, so each item of 'instances' must be an object with a value for each")
	f(`{"inputs":{"id":[1,2],"user":["u","v","w"]}}`, "BATCH_MISMATCH: input 'user' batch size does not match other inputs for 'm': got 3, others have 2")
}
