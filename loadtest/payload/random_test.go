package payload

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"testing"

	"sluice/internal/tensor"
)

// visitFloats shows every float of a variant.
func visitFloats(s *Set, v int, visit func(kind tensor.DataType, x float64)) {
	for _, in := range s.Rows[v].Inputs {
		for i := range 3 {
			if in.Type.Float() {
				visit(in.Type, tensor.FloatAt(in.Type, in.Data, i))
			}
		}
	}
}

func mustBuild(t *testing.T, m *Model, o Options) *Set {
	t.Helper()
	s, err := Build(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDraws looks at what is drawn by default: normal values, and special variants at the end.
func TestDraws(t *testing.T) {
	s := mustBuild(t, zoo(false), Options{Seed: 7})
	if len(s.Payloads) != 256 {
		t.Errorf("got %d variants, want 256", len(s.Payloads))
	}
	special := func(v int, what string, good func(kind tensor.DataType, x float64) bool) {
		visitFloats(s, v, func(kind tensor.DataType, x float64) {
			if !good(kind, x) {
				t.Errorf("%s: got %v in the variant of %s", kind, x, what)
			}
		})
	}
	special(253, "zeros", func(_ tensor.DataType, x float64) bool { return x == 0 })
	special(254, "denormals", func(kind tensor.DataType, x float64) bool {
		return x != 0 && math.Abs(x) <= 100*extremes[kind].smallest
	})
	special(255, "large values", func(_ tensor.DataType, x float64) bool { return math.Abs(x) == 1000 })
	for v := range 253 {
		special(v, "normal values", func(_ tensor.DataType, x float64) bool { return math.Abs(x) < 6 })
		for _, in := range s.Rows[v].Inputs {
			if in.Type == tensor.Int64 && (in.Data[0] > 9 || !bytes.Equal(in.Data[1:8], make([]byte, 7))) {
				t.Errorf("got the integer %x, want 0 to 9", in.Data[:8])
			}
		}
	}
}

// TestWideDraws wants all that a type holds, and never NaN or an infinity.
func TestWideDraws(t *testing.T) {
	seen := map[string]bool{}
	s := mustBuild(t, zoo(false), Options{Source: "random:wide", Variants: 2000})
	for v := range s.Rows {
		visitFloats(s, v, func(kind tensor.DataType, x float64) {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				t.Fatalf("%s: got %v", kind, x)
			}
			for what, found := range map[string]bool{"negative zero": x == 0 && math.Signbit(x), "denormal": math.Abs(x) == extremes[kind].smallest, "largest": math.Abs(x) == extremes[kind].largest} {
				seen[kind.String()+" "+what] = seen[kind.String()+" "+what] || found
			}
		})
	}
	for what, found := range seen {
		if !found {
			t.Errorf("no %s was drawn", what)
		}
	}
	if len(seen) != 12 {
		t.Errorf("got %d kinds, want 12", len(seen))
	}
}

func TestRangeDraws(t *testing.T) {
	s := mustBuild(t, zoo(false), Options{Range: &Range{2, 5}})
	for v := range s.Rows {
		visitFloats(s, v, func(kind tensor.DataType, x float64) {
			if x < 2 || x > 5 {
				t.Errorf("%s: got %v outside 2..5", kind, x)
			}
		})
		if n := s.Rows[v].Inputs[1].Data[0]; n < 2 || n > 5 {
			t.Errorf("got the integer %d outside 2..5", n)
		}
	}
}

// TestDims holds that a variant's inputs share their batch, and others draw on their own.
func TestDims(t *testing.T) {
	m := &Model{Name: "m", Inputs: []tensor.Spec{{Name: "x", Type: tensor.Int8, Shape: []int64{-1, -1}}, {Name: "y", Type: tensor.Int8, Shape: []int64{-1}}}}
	s, err := Build(m, Options{Variants: 200, Dims: map[string]Dim{"batch": {low: 1, high: 3}, "x.1": {choices: []int64{16, 32}}}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, row := range s.Rows {
		x, y := row.Inputs[0].Shape, row.Inputs[1].Shape
		if x[0] != y[0] {
			t.Fatalf("got the batches %d and %d in one variant", x[0], y[0])
		}
		seen[strconv.Itoa(int(x[0]))+"x"+strconv.Itoa(int(x[1]))]++
	}
	if len(seen) != 6 || seen["1x16"] == 0 || seen["3x32"] == 0 {
		t.Errorf("got the shapes %v", seen)
	}
	if want := []string{"x INT8 [1-3,16-32] random", "y INT8 [1-3] random"}; !slices.Equal(s.Inputs, want) {
		t.Errorf("got %q, want %q", s.Inputs, want)
	}
	s, err = Build(m, Options{Variants: 1, Shapes: map[string][]int64{"x": {2, 7}, "y": {2}}})
	if err != nil || !slices.Equal(s.Rows[0].Inputs[0].Shape, []int64{2, 7}) {
		t.Errorf("got %v, %v", s.Rows[0].Inputs[0].Shape, err)
	}
}
