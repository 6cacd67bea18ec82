package agree

import (
	"math"
	"testing"

	"sluice/internal/tensor"
)

func TestWorst(t *testing.T) {
	tol := Tolerance{Abs: 0.1, Rel: 0.01}
	f := func(dt tensor.DataType, got, want []byte, failed bool, text string) {
		t.Helper()
		rows := int64(3)
		var d Worst
		d.Add(&tensor.Tensor{Name: "y", Type: dt, Shape: []int64{rows}, Data: got}, &tensor.Tensor{Name: "y", Type: dt, Shape: []int64{rows}, Data: want}, true, 5, tol)
		if d.Failed() != failed || d.String() != text {
			t.Errorf("failed %v: %s\nwant   %v: %s", d.Failed(), d.String(), failed, text)
		}
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	f(tensor.FP32, floats(1, nan, inf), floats(1, nan, inf), false, "no difference")
	f(tensor.FP32, floats(1, 0.0625, 0), floats(1, 0, 0), false, "largest difference 0.062, 62 % of the tolerance (output y, row 6)")
	f(tensor.FP32, floats(1, 0, 105.5), floats(1, 0, 100), true, "worst in output y, row 7: 105.5 instead of 100 (difference 5.5, 5 of the tolerance)")
	f(tensor.FP32, floats(nan, 0, 0), floats(0, 0, 0), true, "worst in output y, row 5: NaN instead of 0 (difference NaN, +Inf of the tolerance)")
	f(tensor.FP32, floats(0, 0, 0), floats(0, 0, nan), true, "worst in output y, row 7: 0 instead of NaN (difference NaN, +Inf of the tolerance)")
	f(tensor.FP32, floats(0, -inf, 0), floats(0, inf, 0), true, "worst in output y, row 6: -Inf instead of +Inf (difference +Inf, +Inf of the tolerance)")
	f(tensor.FP32, floats(0, 7, 0), floats(0, inf, 0), true, "worst in output y, row 6: 7 instead of +Inf (difference +Inf, +Inf of the tolerance)")
	f(tensor.Int8, []byte{1, 255, 3}, []byte{1, 254, 3}, true, "worst in output y, row 6: -1 instead of -2")
	f(tensor.Uint8, []byte{1, 255, 3}, []byte{1, 254, 3}, true, "worst in output y, row 6: 255 instead of 254")
	f(tensor.Bool, []byte{1, 0, 1}, []byte{1, 0, 1}, false, "no difference")
	f(tensor.Bool, []byte{1, 0, 1}, []byte{1, 1, 1}, true, "worst in output y, row 6: false instead of true")
	words := func(words ...string) (data []byte) {
		for _, w := range words {
			data = tensor.AppendBytes(data, w)
		}
		return data
	}
	f(tensor.Bytes, words("a", "", "b"), words("a", "", "b"), false, "no difference")
	f(tensor.Bytes, words("a", "x", "b"), words("a", "", "b"), true, `worst in output y, row 6: "x" instead of ""`)
	f(tensor.Bytes, words("a"), words("a", "", "b"), true, "worst in output y, row 6: 1 strings instead of 3")
	f(tensor.Bytes, words("a", "", "b", "c"), words("a", "", "b"), true, "worst in output y, row 8: 4 strings instead of 3")
	f(tensor.FP32, floats(1, 2), floats(1, 2, 3), true, "worst in output y, row 5: shape [3] instead of [3]")
}

func TestWorstOfShapes(t *testing.T) {
	var d Worst
	d.Add(&tensor.Tensor{Type: tensor.FP32, Shape: []int64{1, 2}}, &tensor.Tensor{Name: "y", Type: tensor.FP32, Shape: []int64{1, 3}}, true, 0, Tolerance{})
	if want := "worst in output y, row 0: shape [1 2] instead of [1 3]"; !d.Failed() || d.String() != want {
		t.Errorf("%s, want %s", d.String(), want)
	}
}

func TestWorstOfTypes(t *testing.T) {
	var d Worst
	d.Add(&tensor.Tensor{Type: tensor.FP64, Shape: []int64{0}}, &tensor.Tensor{Name: "y", Type: tensor.FP32, Shape: []int64{0}}, true, 0, Tolerance{})
	if want := "worst in output y, row 0: type FP64 instead of FP32"; !d.Failed() || d.String() != want {
		t.Errorf("%s, want %s", d.String(), want)
	}
}

func TestWorstIsKept(t *testing.T) {
	var d Worst
	one := func(value float32) *tensor.Tensor {
		return &tensor.Tensor{Name: "y", Type: tensor.FP32, Shape: []int64{1}, Data: floats(value)}
	}
	for row, got := range []float32{1.02, 1.5, 1.25} {
		d.Add(one(got), one(1), true, row, Tolerance{Abs: 1})
	}
	if d.Row != 1 || d.Excess != 0.5 {
		t.Errorf("kept row %d with %v", d.Row, d.Excess)
	}
	var zero Worst
	zero.Add(one(1.5), one(1), true, 0, Tolerance{})
	if !zero.Failed() {
		t.Error("a tolerance of 0 allows a difference")
	}
}

func floats(values ...float32) (data []byte) {
	for _, v := range values {
		data = tensor.AppendFloat(data, tensor.FP32, float64(v))
	}
	return data
}
