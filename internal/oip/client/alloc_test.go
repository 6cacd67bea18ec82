//go:build !race

package client

import (
	"testing"

	"sluice/internal/tensor"
)

// TestClientAllocations holds the promise that reading answers allocates nothing in the steady state.
func TestClientAllocations(t *testing.T) {
	var outputs []tensor.Tensor
	for _, kind := range tensor.DataTypes {
		data := make([]byte, 300*kind.Size())
		if kind == tensor.Bytes {
			for range 300 {
				data = tensor.AppendBytes(data, "é \n")
			}
		}
		outputs = append(outputs, tensor.Tensor{Name: kind.String(), Type: kind, Shape: []int64{3, 100}, Data: data})
	}
	for _, asBinary := range []bool{true, false} {
		body, jsonLen, err := answer("0123456789abcdef", outputs, func(i int) bool {
			return asBinary || outputs[i].Type == tensor.FP16 || outputs[i].Type == tensor.BF16
		})
		if err != nil {
			t.Fatal(err)
		}
		var r Response
		if n := testing.AllocsPerRun(100, func() {
			if err := ReadResponse(body, jsonLen, &r); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("binary=%v: %v allocations per answer, want 0", asBinary, n)
		}
	}
}
