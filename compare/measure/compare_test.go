package measure

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/agree"
	"sluice/internal/tensor"
)

var nan, inf = math.NaN(), math.Inf(1)

func floats(kind tensor.DataType, shape []int64, values ...float64) *tensor.Tensor {
	t := &tensor.Tensor{Name: "y", Type: kind, Shape: shape}
	for _, v := range values {
		t.Data = tensor.AppendFloat(t.Data, kind, v)
	}
	return t
}

func int64s(values ...int64) *tensor.Tensor {
	t := &tensor.Tensor{Name: "y", Type: tensor.Int64, Shape: []int64{int64(len(values))}}
	for _, v := range values {
		t.Data = binary.LittleEndian.AppendUint64(t.Data, uint64(v))
	}
	return t
}

func words(values ...string) *tensor.Tensor {
	t := &tensor.Tensor{Name: "y", Type: tensor.Bytes, Shape: []int64{int64(len(values))}}
	for _, v := range values {
		t.Data = tensor.AppendBytes(t.Data, v)
	}
	return t
}

func mustComparer(t testing.TB, spec *tensor.Spec, o Options) *Comparer {
	t.Helper()
	c, err := NewComparer(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// compared is a unit by the names of its figures.
func compared(t testing.TB, o Options, primary, candidate *tensor.Tensor) (map[string]float64, []float64) {
	t.Helper()
	c := mustComparer(t, &tensor.Spec{Name: "y", Type: primary.Type, Shape: primary.Shape, Labels: []string{"no", "maybe"}}, o)
	u, err := c.Compare(primary, candidate, o.Kind.Floor())
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for i, f := range o.Kind.Figures() {
		values[f.Name] = u.Values[i]
	}
	return values, u.Rows
}

// TestCompare holds the figures of each kind to values that were computed by hand.
func TestCompare(t *testing.T) {
	f := func(o Options, primary, candidate *tensor.Tensor, rows []float64, want map[string]float64) {
		t.Helper()
		got, gotRows := compared(t, o, primary, candidate)
		for name, value := range want {
			if x, there := got[name]; !there || !near(x, value, 1e-9) {
				t.Errorf("%s %v: %s is %v, want %v", o.Kind, primary.Shape, name, x, value)
			}
		}
		if len(rows) != len(gotRows) {
			t.Fatalf("%s: the rows differ by %v, want %v", o.Kind, gotRows, rows)
		}
		for i := range rows {
			if !near(gotRows[i], rows[i], 1e-9) && gotRows[i] != rows[i] {
				t.Errorf("%s: the rows differ by %v, want %v", o.Kind, gotRows, rows)
			}
		}
	}
	tenth := agree.Tolerance{Abs: 0.125}
	f32 := func(shape []int64, values ...float64) *tensor.Tensor { return floats(tensor.FP32, shape, values...) }
	two, pair := []int64{2}, []int64{2, 2}

	f(Options{Kind: Tensor, Batchable: true, Tolerance: tenth}, f32(pair, 1, 2, 4, 0), f32(pair, 1.25, 2, 3, 0), []float64{2, 8},
		map[string]float64{"differs": 1, "mismatch": 0, "bias": (0.125 - 0.5) / 2, "abs_difference": (0.125 + 0.5) / 2, "max_abs": 1, "max_relative": 0.25, "max_ulp": 1 << 22})
	f(Options{Kind: Tensor, Tolerance: tenth}, f32(pair, 1, 2, 4, 0), f32(pair, 1.0625, 2, 4, 0), []float64{0.5}, map[string]float64{"differs": 0, "bias": 0.0625 / 4})
	// NaN and infinities count apart, and in no mean.
	f(Options{Kind: Regression, Batchable: true, Tolerance: tenth}, f32([]int64{5}, 1, nan, inf, inf, nan), f32([]int64{5}, 1.5, nan, inf, -inf, 0), []float64{4, 0, 0, inf, inf},
		map[string]float64{"differs": 0.6, "mismatch": 0.4, "bias": 0.5 / 3, "max_abs": 0.5})
	f(Options{Kind: Regression, Batchable: true}, f32(two, nan, inf), f32(two, 1, 2), []float64{inf, inf}, map[string]float64{"mismatch": 1, "bias": nan, "max_abs": nan, "max_relative": nan})
	f(Options{Kind: Regression, Batchable: true}, f32([]int64{0}), f32([]int64{0}), nil, map[string]float64{"differs": nan, "bias": nan, "max_abs": nan})
	f(Options{Kind: Embedding, Batchable: true}, f32([]int64{3, 2}, 1, 0, 2, 2, 1, 2), f32([]int64{3, 2}, 0, 3, 4, 4, -1, -2), []float64{3 / 1e-4, 2 / 2.1e-3, 4 / 2.1e-3},
		map[string]float64{"cosine_distance": (1. + 0 + 2) / 3, "max_relative": 2})
	f(Options{Kind: Embedding, Batchable: true}, f32(pair, 0, 0, 1, nan), f32(pair, 1, 1, 1, nan), []float64{1e4, 0}, map[string]float64{"cosine_distance": 0.5, "mismatch": 0})

	p := Options{Kind: Probability, Batchable: true, Tolerance: tenth}
	f(p, f32([]int64{4}, 0.25, 0.5, 0.75, 0), f32([]int64{4}, 0.5, 0.25, 0.75, 0), []float64{2, 2, 0, 0},
		map[string]float64{"differs": 0.5, "bias": 0, "abs_difference": 0.125, "max_abs": 0.25, "logit_difference": 0, "flip": 0.5, "flip_up": 0.25, "flip_down": 0.25})
	f(p, f32(pair, 0.75, 0.25, 0.25, 0.75), f32(pair, 0.25, 0.75, 0.25, 0.75), []float64{4, 0}, map[string]float64{"bias": 0.25, "logit_difference": math.Log(3), "flip_up": 0.5, "flip_down": 0})
	p.Column, p.Threshold = 1, 0.9
	f(p, f32(pair, 0.75, 0.25, 0.25, 0.75), f32(pair, 0.25, 0.75, 0.25, 0.75), []float64{4, 0}, map[string]float64{"bias": -0.25, "flip": 0})
	p.Column = 0
	f(p, f32(two, 0, 1), f32(two, -1./8192, 1+1./2048), []float64{1. / 1024, 1. / 256}, map[string]float64{"mismatch": 0, "bias": 0, "logit_difference": 0}) // rounding
	f(p, f32([]int64{3}, 0.5, nan, nan), f32([]int64{3}, 1.5, 0.5, nan), []float64{inf, inf, 0}, map[string]float64{"mismatch": 2. / 3, "bias": nan, "flip": nan})

	class := Options{Kind: Class, Batchable: true}
	f(class, int64s(1, 2, 3), int64s(1, 3, 3), []float64{0, inf, 0}, map[string]float64{"differs": 1. / 3})
	f(class, words("a", "", "c"), words("a", "b", ""), []float64{0, inf, inf}, map[string]float64{"differs": 2. / 3})
	f(class, f32(pair, 1, 2, 5, 5), f32(pair, 8, 9, 6, 7), []float64{0, inf}, map[string]float64{"differs": 0.5, "mismatch": 0})
	f(class, f32(two, 1, 2), f32(two, 1, 3), []float64{0, inf}, map[string]float64{"differs": 0.5})
	f(class, f32(two, 1, 2), f32(two, 1.001, 2.003), []float64{0, inf}, map[string]float64{"differs": 0.5})
	f(Options{Kind: Tensor}, words("a", "b"), words("a", "c"), []float64{inf}, map[string]float64{"differs": 1, "bias": nan})

	ranked := Options{Kind: Ranked, Batchable: true, Shown: 2}
	same := map[string]float64{"differs": 0, "top1_change": 0, "topk_change": 0, "tau_distance": 0, "rbo_distance": 0, "ndcg_loss": 0}
	f(ranked, f32([]int64{3}, 3, 2, 1), f32([]int64{3}, 300, 20, 10), []float64{0}, same)
	f(ranked, f32([]int64{3}, 3, 2, 1), f32([]int64{3}, 1, 3, 2), []float64{0.5 + 0.25*0.5},
		map[string]float64{"differs": 1, "top1_change": 1, "topk_change": 0.5, "tau_distance": 2. / 3, "rbo_distance": 0.625})
	f(ranked, f32([]int64{2, 3}, 3, 2, 1, 1, 2, 3), f32([]int64{2, 3}, 1, 3, 2, 1, 2, 3), []float64{0.625, 0}, map[string]float64{"differs": 0.5, "top1_change": 0.5})
	f(ranked, f32([]int64{1}, 3), f32([]int64{1}, 4), []float64{0}, same)
	f(ranked, f32([]int64{2}, 3, 1), f32([]int64{2}, 4, nan), []float64{inf}, map[string]float64{"mismatch": 1, "differs": 1, "rbo_distance": 0})
	ranked.Batchable = false
	f(ranked, f32([]int64{1, 3}, 3, 2, 1), f32([]int64{1, 3}, 3, 2, 1), []float64{0}, same)
	f(ranked, f32([]int64{0}), f32([]int64{0}), nil, map[string]float64{"top1_change": nan})
}

// TestThreshold holds that a difference of just the threshold is none, and what no tolerance allows always is one.
func TestThreshold(t *testing.T) {
	c := mustComparer(t, &tensor.Spec{Name: "y", Type: tensor.FP64, Shape: []int64{-1}}, Options{Kind: Regression, Batchable: true, Tolerance: agree.Tolerance{Abs: 1}})
	primary, candidate := floats(tensor.FP64, []int64{3}, 0, 0, 0), floats(tensor.FP64, []int64{3}, 2, 3, nan)
	for threshold, want := range map[float64]float64{1: 1, 2: 2. / 3, 3: 1. / 3, math.MaxFloat64: 1. / 3} {
		if u, err := c.Compare(primary, candidate, threshold); err != nil || u.Values[differs] != want {
			t.Errorf("above %v differ %v: %v", threshold, u.Values, err)
		}
	}
}

func TestPairsOfClasses(t *testing.T) {
	var pairs Pairs
	o := Options{Kind: Class, Batchable: true, Pairs: &pairs}
	compared(t, o, int64s(1, -2, 3), int64s(1, 4, 3))
	compared(t, o, words("a", "b"), words("b", "b"))
	compared(t, o, floats(tensor.FP32, []int64{2, 3}, 1, 2, 0, 0, 1, 2), floats(tensor.FP32, []int64{2, 3}, 1, 0, 2, 0, 1, 2))
	compared(t, o, floats(tensor.FP32, []int64{1}, 0.1), floats(tensor.FP32, []int64{1}, 2))
	compared(t, Options{Kind: Tensor, Batchable: true, Pairs: &pairs}, int64s(1), int64s(2)) // no classes
	bools := func(b byte) *tensor.Tensor {
		return &tensor.Tensor{Type: tensor.Bool, Shape: []int64{1}, Data: []byte{b}}
	}
	compared(t, o, bools(1), bools(0))
	bytes := func(b byte) *tensor.Tensor {
		return &tensor.Tensor{Type: tensor.Uint8, Shape: []int64{1}, Data: []byte{b}}
	}
	compared(t, o, bytes(255), bytes(254))
	got, other := pairs.Top(10)
	want := []PairCount{{"-2", "4", 1}, {"0.1", "2", 1}, {"255", "254", 1}, {"a", "b", 1}, {"maybe", "2", 1}, {"true", "false", 1}}
	if len(got) != len(want) || other != 0 {
		t.Fatalf("%v and %d others, want %v", got, other, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v, want %v", got[i], want[i])
		}
	}
}

// TestRefusals holds what is said of outputs that cannot be compared, and of options that make no sense.
func TestRefusals(t *testing.T) {
	f32 := &tensor.Spec{Name: "y", Type: tensor.FP32, Shape: []int64{-1, 2}}
	f := func(spec *tensor.Spec, o Options, primary, candidate *tensor.Tensor, want string) {
		t.Helper()
		c, err := NewComparer(spec, o)
		if err == nil {
			_, err = c.Compare(primary, candidate, 1)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f(f32, Options{Kind: 99}, nil, nil, `cannot compare the output "y": there is no kind 99`)
	f(&tensor.Spec{Name: "y", Type: tensor.Bytes}, Options{Kind: Ranked}, nil, nil, "it is BYTES, and the kind ranked wants FP16, BF16, FP32 or FP64: declare it as class or tensor")
	f(&tensor.Spec{Name: "y", Type: tensor.FP32}, Options{Batchable: true}, nil, nil, "it has no axis, and so no rows")
	f(f32, Options{Tolerance: agree.Tolerance{Abs: -1}}, nil, nil, "the tolerance {-1 0} is not made of two numbers from 0 on")
	f(f32, Options{Tolerance: agree.Tolerance{Rel: nan}}, nil, nil, "the tolerance {0 NaN}")
	f(f32, Options{Threshold: 1}, nil, nil, "the threshold 1 is not between 0 and 1")
	f(f32, Options{Threshold: nan}, nil, nil, "the threshold NaN is not between 0 and 1")
	f(f32, Options{Shown: -1}, nil, nil, "-1 shown items are fewer than 1")
	f(f32, Options{Column: -1}, nil, nil, "the column -1 is below 1")

	good := floats(tensor.FP32, []int64{1, 2}, 0.5, 0.5)
	f(f32, Options{}, good, floats(tensor.FP32, []int64{2, 1}, 1, 1), `output "y" has the shape [2,1], expected [1,2]`)
	f(f32, Options{}, good, floats(tensor.FP64, []int64{1, 2}, 1, 1), `output "y" is FP64, expected FP32`)
	f(f32, Options{}, floats(tensor.FP64, []int64{1, 2}, 1, 1), floats(tensor.FP64, []int64{1, 2}, 1, 1), `output "y" is FP64, and the model declares FP32`)
	f(f32, Options{Batchable: true}, floats(tensor.FP32, nil, 1), floats(tensor.FP32, nil, 1), `output "y" has no axis, and so no rows`)
	f(f32, Options{}, floats(tensor.FP32, []int64{-1}, 1), floats(tensor.FP32, []int64{-1}, 1), `output "y" has the shape [-1], which is none`)
	f(f32, Options{}, floats(tensor.FP32, []int64{3}, 1), floats(tensor.FP32, []int64{3}, 1), "its 4 bytes hold another number of elements")
	short := &tensor.Tensor{Type: tensor.FP32, Shape: []int64{1}, Data: make([]byte, 5)}
	f(f32, Options{}, short, short, "its 5 bytes hold another number of elements")
	broken := &tensor.Tensor{Type: tensor.Bytes, Shape: []int64{1}, Data: []byte{9, 0, 0, 0, 1}}
	f(&tensor.Spec{Name: "y", Type: tensor.Bytes}, Options{}, words("a"), broken, "its 5 bytes hold another number of elements")
	f(f32, Options{Kind: Probability, Batchable: true, Column: 3}, good, good, `output "y" has 2 elements a row, and none is column 3`)
	f(f32, Options{Kind: Probability, Batchable: true}, floats(tensor.FP32, []int64{1, 2}, 1, 7), good, `output "y" is declared as a probability, and the primary answers 7 in row 0: declare another kind or column`)
}

func TestULP(t *testing.T) {
	f := func(kind tensor.DataType, a, b uint64, want float64) {
		t.Helper()
		bits := func(x uint64) []byte { return binary.LittleEndian.AppendUint64(nil, x)[:kind.Size()] }
		if got, back := ulps(kind, bits(a), bits(b), 0), ulps(kind, bits(b), bits(a), 0); got != want || back != want {
			t.Errorf("%s: from %#x to %#x are %v, and back %v; want %v", kind, a, b, got, back, want)
		}
	}
	f(tensor.FP32, 0x3f800000, 0x3f800001, 1)
	f(tensor.FP32, 0x3f7fffff, 0x3f800001, 2)
	f(tensor.FP32, 1, 0x80000001, 2) // the numbers next to 0
	f(tensor.FP32, 0, 0x80000000, 0)
	f(tensor.FP16, 0x3c00, 0x3c01, 1)
	f(tensor.FP16, 0x7bff, 0xfbff, 2*0x7bff)
	f(tensor.BF16, 0x3f80, 0x3f7f, 1)
	f(tensor.FP64, 0x3ff0000000000000, 0x3ff0000000000001, 1)
	f(tensor.FP64, 0x7fefffffffffffff, 0xffefffffffffffff, 2*float64(0x7fefffffffffffff))
}

// TestCosine holds the distance where squares would overflow, or vanish.
func TestCosine(t *testing.T) {
	f := func(want float64, a, b [2]float64) {
		t.Helper()
		x, y := floats(tensor.FP64, nil, a[:]...), floats(tensor.FP64, nil, b[:]...)
		if got := cosineOf(tensor.FP64, x.Data, y.Data, 0, 2); !near(got, want, 1e-12) {
			t.Errorf("%v and %v: %v, want %v", a, b, got, want)
		}
	}
	f(0, [2]float64{0, 0}, [2]float64{0, 0})
	f(1, [2]float64{0, 0}, [2]float64{1, 0})
	f(0, [2]float64{1e300, 0}, [2]float64{1e-300, 0})
	f(1, [2]float64{1e300, 0}, [2]float64{0, 1e300})
	f(2, [2]float64{1e-300, 1e-300}, [2]float64{-1e300, -1e300})
	f(1-math.Sqrt2/2, [2]float64{1, 1}, [2]float64{1, 0})
}

// TestLogit holds that certain probabilities stay comparable.
func TestLogit(t *testing.T) {
	for p, want := range map[float64]float64{0.5: 0, 0.75: math.Log(3), 0.25: -math.Log(3), 0: -math.Log(1<<24 - 1), 1: math.Log(1<<24 - 1)} {
		if got := logit(p); !near(got, want, 1e-9) {
			t.Errorf("logit of %v is %v, want %v", p, got, want)
		}
	}
}

func TestGuess(t *testing.T) {
	f := func(kind tensor.DataType, shape []int64, labels int, batchable bool, want Kind) {
		t.Helper()
		spec := &tensor.Spec{Type: kind, Shape: shape, Labels: make([]string, labels)}
		if got := Guess(spec, batchable); got != want {
			t.Errorf("%s %v with %d labels, batchable %v: %s, want %s", kind, shape, labels, batchable, got, want)
		}
	}
	f(tensor.Int64, []int64{-1}, 0, true, Class)
	f(tensor.Bytes, []int64{-1, 1}, 0, true, Class)
	f(tensor.Bool, nil, 0, false, Class)
	f(tensor.Int64, []int64{-1, 3}, 0, true, Tensor)
	f(tensor.Int64, []int64{-1}, 0, false, Tensor)
	f(tensor.FP32, []int64{-1}, 0, true, Regression)
	f(tensor.FP32, []int64{-1, 1}, 0, true, Regression)
	f(tensor.FP32, []int64{-1, 1}, 2, true, Probability)
	f(tensor.FP32, []int64{-1, 3}, 3, true, Class)
	f(tensor.FP32, []int64{-1, 3}, 2, true, Tensor)
	f(tensor.FP32, []int64{-1, 3}, 0, true, Tensor)
	f(tensor.FP16, []int64{-1, 384}, 0, true, Embedding)
	f(tensor.FP32, []int64{-1, 384}, 384, true, Class)
	f(tensor.FP32, []int64{-1, -1, 384}, 0, true, Tensor)
	f(tensor.FP32, []int64{-1, -1}, 0, true, Tensor)
	f(tensor.FP32, []int64{1, -1}, 0, false, Ranked)
	f(tensor.FP32, []int64{}, 0, true, Regression)
	if got := Guess(&tensor.Spec{Type: tensor.FP32, Dynamic: true}, false); got != Tensor {
		t.Errorf("what only a run tells is %s", got)
	}
}

func TestKindNames(t *testing.T) {
	for k := range Kind(len(kindNames)) {
		if got, err := ParseKind(k.String()); err != nil || got != k {
			t.Errorf("%s is %v, %v", k, got, err)
		}
	}
	if _, err := ParseKind("rank"); err == nil || err.Error() != `"rank" is no kind of output; the kinds are tensor, embedding, regression, probability, class, ranked` {
		t.Error(err)
	}
}

// TestUnitProperties holds for any two answers that shares are in [0,1], that an answer does not differ from itself, and that
// the order of the rows is no part of the figures.
func TestUnitProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Kind: Kind(rapid.IntRange(0, len(kindNames)-1).Draw(t, "kind")), Batchable: true}
		rows, n := rapid.IntRange(1, 8).Draw(t, "rows"), rapid.IntRange(1, 4).Draw(t, "n")
		if o.Kind == Ranked {
			n = max(n, 2) // otherwise the order of the rows is that of equal items
		}
		value := rapid.OneOf(rapid.Float64Range(0, 1), rapid.SampledFrom([]float64{0, 0.5, 1, nan, inf}))
		if o.Kind != Probability {
			value = rapid.OneOf(value, rapid.Float64Range(-100, 100))
		} else {
			value = value.Filter(func(x float64) bool { return x <= 1 || x != x })
		}
		shape := []int64{int64(rows), int64(n)}
		draw := func(name string) *tensor.Tensor {
			return floats(tensor.FP64, shape, rapid.SliceOfN(value, rows*n, rows*n).Draw(t, name)...)
		}
		primary, candidate := draw("primary"), draw("candidate")
		c, err := NewComparer(&tensor.Spec{Name: "y", Type: tensor.FP64, Shape: shape}, o)
		if err != nil {
			t.Fatal(err)
		}
		measure := func(primary, candidate *tensor.Tensor) []float64 {
			u, err := c.Compare(primary, candidate, o.Kind.Floor())
			if err != nil {
				t.Fatal(err)
			}
			return append([]float64(nil), u.Values...)
		}
		got := measure(primary, candidate)
		for i, f := range o.Kind.Figures() {
			if x := got[i]; f.Role == Share && (x < 0 || x > 1) || f.Role == Largest && x < 0 {
				t.Fatalf("%s %s is %v", f.Role, f.Name, x)
			}
		}
		for i, x := range measure(primary, primary) {
			if x != 0 && x == x {
				t.Fatalf("%s of an answer and itself is %v", o.Kind.Figures()[i].Name, x)
			}
		}
		reversed := func(x *tensor.Tensor) *tensor.Tensor {
			y := *x
			y.Data = nil
			for r := rows - 1; r >= 0; r-- {
				y.Data = append(y.Data, x.Data[8*n*r:8*n*(r+1)]...)
			}
			return &y
		}
		for i, x := range measure(reversed(primary), reversed(candidate)) {
			if !near(x, got[i], 1e-9) && x != got[i] {
				t.Fatalf("%s is %v, and %v with the rows in another order", o.Kind.Figures()[i].Name, got[i], x)
			}
		}
	})
}
