package agree

import (
	"math"
	"strings"
	"testing"

	"sluice/internal/tensor"
)

func row32(name string, shape []int64, values ...float32) tensor.Tensor {
	return tensor.Tensor{Name: name, Type: tensor.FP32, Shape: shape, Data: floats(values...)}
}

func label8(value byte) tensor.Tensor {
	return tensor.Tensor{Name: "label", Type: tensor.Uint8, Shape: []int64{1}, Data: []byte{value}}
}

func TestContrast(t *testing.T) {
	tol := Tolerance{Abs: 0.1}
	nan := float32(math.NaN())
	two, three := []int64{1, 2}, []int64{1, 3}
	f := func(what string, got, want []tensor.Tensor, failed, certain bool, worst string) {
		t.Helper()
		c := Answers(got, want, true, 0, tol)
		if c.Failed() != failed || c.Certain() != certain || c.Worst().Output != worst {
			t.Errorf("%s: failed %v, certain %v, worst in %q; want %v, %v, %q", what, c.Failed(), c.Certain(), c.Worst().Output, failed, certain, worst)
		}
	}
	list := func(tensors ...tensor.Tensor) []tensor.Tensor { return tensors }
	f("equal", list(row32("y", two, 1, 2), label8(1)), list(row32("y", two, 1, 2), label8(1)), false, false, "")
	f("within", list(row32("y", two, 1.05, 2), label8(1)), list(row32("y", two, 1, 2), label8(1)), false, false, "y")
	f("a float", list(row32("y", two, 1.5, 2), label8(1)), list(row32("y", two, 1, 2), label8(2)), true, true, "y")
	f("a shape", list(row32("y", three, 1, 2, 3), label8(1)), list(row32("y", two, 1, 2), label8(1)), true, true, "y")
	f("a label alone", list(label8(1)), list(label8(2)), true, false, "label")
	f("clear scores", list(row32("y", three, 1, 2, 0), label8(1)), list(row32("y", three, 1, 2, 0), label8(2)), true, true, "label")
	f("the best first", list(row32("y", three, 3, 2, 0), label8(1)), list(row32("y", three, 3, 2, 0), label8(2)), true, true, "label")
	f("scores that tie", list(row32("y", three, 1, 1.05, 0), label8(1)), list(row32("y", three, 1, 1.05, 0), label8(2)), true, false, "label")
	f("scores that tie in one answer", list(row32("y", three, 1, 1.15, 0), label8(1)), list(row32("y", three, 1.08, 1.15, 0), label8(2)), true, false, "label")
	f("scores below zero that tie", list(row32("y", three, -9, -1, -1), label8(1)), list(row32("y", three, -9, -1, -1), label8(2)), true, false, "label")
	f("scores that are no numbers", list(row32("y", two, nan, 2), label8(1)), list(row32("y", two, nan, 2), label8(2)), true, false, "label")
	f("one score", list(row32("y", []int64{1, 1}, 2), label8(1)), list(row32("y", []int64{1, 1}, 2), label8(2)), true, false, "label")
	f("one score beside the others", list(row32("z", []int64{1, 1}, 2), row32("y", two, 1, 2), label8(1)), list(row32("z", []int64{1, 1}, 2), row32("y", two, 1, 2), label8(2)), true, true, "label")
	f("two rows of scores", list(row32("y", two, 1, 2), row32("z", two, 1, 2), label8(1)), list(row32("y", two, 1, 2), row32("z", two, 1, 2), label8(2)), true, false, "label")
	f("scores of more than one axis", list(row32("y", []int64{1, 2, 1}, 1, 2), row32("z", []int64{1, 1, 2}, 1, 2), label8(1)), list(row32("y", []int64{1, 2, 1}, 1, 2), row32("z", []int64{1, 1, 2}, 1, 2), label8(2)), true, false, "label")
	f("an output that nobody wanted", list(tensor.Tensor{}, label8(1)), list(row32("y", two, 1, 2), label8(1)), false, false, "")
}

func TestText(t *testing.T) {
	f := func(want string, outputs ...tensor.Tensor) {
		t.Helper()
		if got := Text(outputs); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f("y [1,2]: 0.25 1e+09; label [1]: 7", row32("y", []int64{1, 2}, 0.25, 1e9), tensor.Tensor{}, label8(7))
	f("y [1,9]: 1 2 3 4 5 6 7 8 ...", row32("y", []int64{1, 9}, 1, 2, 3, 4, 5, 6, 7, 8, 9))
	name := tensor.Tensor{Name: "name", Type: tensor.Bytes, Shape: []int64{1, 2}, Data: tensor.AppendBytes(tensor.AppendBytes(nil, "a\n"), strings.Repeat("b", 50))}
	f(`name [1,2]: "a\n" "`+strings.Repeat("b", 40)+`"`, name)
	name.Data = name.Data[:7]
	f(`name [1,2]: "a\n"`, name)
	var many []tensor.Tensor
	for range 50 {
		many = append(many, label8(255))
	}
	if got := Text(many); len(got) != maxAnswerBytes+len(" ...") || !strings.HasSuffix(got, " ...") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}
