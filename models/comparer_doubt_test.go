package models

import (
	"testing"

	"sluice/internal/agree"
	"sluice/internal/tensor"
)

func TestDoubt(t *testing.T) {
	one, other := &heldRow{inputs: []tensor.Tensor{label8(1)}}, &heldRow{inputs: []tensor.Tensor{label8(2)}}
	label := agree.Answers([]tensor.Tensor{label8(1)}, []tensor.Tensor{label8(2)}, true, 0, agree.Tolerance{})
	float := agree.Answers([]tensor.Tensor{row32("y", []int64{1}, 1)}, []tensor.Tensor{row32("y", []int64{1}, 2)}, true, 0, agree.Tolerance{})
	var d doubt
	f := func(c *agree.Contrast, h *heldRow, proven, want bool) {
		t.Helper()
		if got := d.settled(c, h, proven); got != want {
			t.Errorf("settled %v, want %v", got, want)
		}
	}
	f(&label, one, false, false)
	f(&label, one, false, false)
	f(&float, one, false, true)
	f(&label, other, false, true)
	d = doubt{}
	f(&float, one, true, false)
	f(&float, one, true, false)
	f(&float, other, true, true)
}

func row32(name string, shape []int64, values ...float32) tensor.Tensor {
	return tensor.Tensor{Name: name, Type: tensor.FP32, Shape: shape, Data: floats(values...)}
}

func label8(value byte) tensor.Tensor {
	return tensor.Tensor{Name: "label", Type: tensor.Uint8, Shape: []int64{1}, Data: []byte{value}}
}
