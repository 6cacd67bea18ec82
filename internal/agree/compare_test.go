package agree

import (
	"math"
	"testing"

	"sluice/internal/tensor"
)

// TestFirst holds that a difference that is allowed does not hide one behind it, and that the first
// one is told and not the largest.
func TestFirst(t *testing.T) {
	f := func(kind tensor.DataType, got, want []byte, is Kind, at int, text string) {
		t.Helper()
		g, w := &tensor.Tensor{Name: "y", Type: kind, Shape: []int64{3}, Data: got}, &tensor.Tensor{Name: "y", Type: kind, Shape: []int64{3}, Data: want}
		if d := First(g, w, Tolerance{Abs: 0.5}); d.Kind != is || d.At != at || d.String() != text {
			t.Errorf("%v at %d: %s\nwant %v at %d: %s", d.Kind, d.At, d.String(), is, at, text)
		}
	}
	f(tensor.FP32, floats(1.25, 2, 3), floats(1, 2, 3), None, 0, "no difference")
	f(tensor.FP32, floats(1.25, 3, 30), floats(1, 2, 3), Value, 1, `output "y"[1] is 3, expected 2 (limit 0.5)`)
	f(tensor.Uint8, []byte{1, 9, 8}, []byte{1, 2, 3}, Value, 1, `output "y"[1] is 9, expected 2`)
	f(tensor.FP32, floats(1), floats(1, 2, 3), Shape, 0, `output "y" has the shape [3], expected [3]`)
	one, more := tensor.AppendBytes(nil, "a"), tensor.AppendBytes(tensor.AppendBytes(nil, "a"), "b")
	f(tensor.Bytes, one, more, Value, 1, `output "y"[1] is nothing, expected "b"`)
	f(tensor.Bytes, more, one, Value, 1, `output "y"[1] is "b", expected nothing`)
	f(tensor.Bytes, []byte{1, 2}, one, Value, 0, `output "y"[0] is nothing, expected "a"`)
}

// TestClasses holds how equal scores and those that are no numbers count.
func TestClasses(t *testing.T) {
	nan := float32(math.NaN())
	f := func(shape []int64, got, want []byte, text string) {
		t.Helper()
		g, w := &tensor.Tensor{Name: "y", Type: tensor.FP32, Shape: shape, Data: got}, &tensor.Tensor{Name: "y", Type: tensor.FP32, Shape: shape, Data: want}
		if d := Classes(g, w); d.String() != text {
			t.Errorf("%s\nwant %s", d.String(), text)
		}
	}
	f([]int64{2, 2}, floats(1, 2, 3, 1), floats(1, 9, 9, 1), "no difference")
	f([]int64{2, 2}, floats(1, 2, 3, 1), floats(1, 9, 1, 9), `output "y" row 1 has its maximum at class 0, expected 1`)
	f([]int64{1, 3}, floats(1, 5, 5), floats(1, 5, 4), "no difference")
	f([]int64{1, 3}, floats(5, 5, 5), floats(1, 5, 5), `output "y" row 0 has its maximum at class 0, expected 1`)
	f([]int64{1, 2}, floats(nan, 5), floats(7, 5), "no difference")
	f([]int64{2, 1}, floats(1, 2), floats(2, 1), "no difference")
	f([]int64{}, floats(1), floats(2), "no difference")
}

// TestExcess holds the edges of a tolerance.
func TestExcess(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	tol := Tolerance{Abs: 1, Rel: 0.5}
	f := func(t1 Tolerance, got, want, excess float64) {
		t.Helper()
		if e := t1.Excess(got, want); e != excess {
			t.Errorf("%v instead of %v: %v, want %v", got, want, e, excess)
		}
	}
	f(tol, 4, 2, 1)
	f(tol, 2, 2, 0)
	f(tol, nan, nan, 0)
	f(tol, nan, 2, inf)
	f(tol, 2, nan, inf)
	f(tol, inf, inf, 0)
	f(tol, -inf, inf, inf)
	f(tol, 2, inf, inf)
	f(tol, math.Copysign(0, -1), 0, 0)
	f(Tolerance{}, 1, 2, inf)
	f(Tolerance{}, 2, 2, 0)
	f(Tolerance{Rel: math.MaxFloat64}, math.MaxFloat64, -math.MaxFloat64, inf)
}
