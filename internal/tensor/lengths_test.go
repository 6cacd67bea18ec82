package tensor

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// sequence is a model of one free axis whose rows take so much by their length.
func sequence(maxBatch int, most float64, g Growth) *Schema {
	at := []Place{{Input: 0, Dim: 1}, {Input: 1, Dim: 1}}
	return &Schema{
		Inputs:   []Spec{{Name: "tokens", Shape: []int64{-1, -1}}, {Name: "mask", Shape: []int64{-1, -1}}},
		MaxBatch: maxBatch, MaxRows: 1024,
		Lengths: &Lengths{Axes: []Axis{{Name: "seq", At: at}}, In: [][]Place{{{Dim: 1}}, {{Dim: 1}}}, Joint: g, Most: most},
	}
}

func rowsOf(lengths ...int64) (all []Tensor) {
	for _, n := range lengths {
		all = append(all, Tensor{Shape: []int64{1, n}})
	}
	return all
}

func TestMostRows(t *testing.T) {
	f := func(s *Schema, want int, lengths ...int64) {
		t.Helper()
		if got := s.MostRows(rowsOf(lengths...)); got != want {
			t.Errorf("%d rows of lengths %v, want %d", got, lengths, want)
		}
	}
	square := sequence(64, 512*512, Growth{Square: 1})
	f(square, 0, 64, 64)
	f(square, 32, 65, 65) // 62 would fit
	f(square, 4, 256, 256)
	f(square, 2, 257, 257)
	f(square, 1, 512, 512)
	f(square, 1, 5000, 5000) // a row is never cut
	f(square, 1, 1, 512)     // the longest counts, should inputs not agree
	f(square, 0, 0, 0)
	f(sequence(64, 0, Growth{Square: 1}), 0, 512, 512)
	f(sequence(1, 1, Growth{Square: 1}), 0, 512, 512)
	f(sequence(48, 400, Growth{Base: 40, Linear: 1}), 32, 9, 9) // a power of two, and 40 would fit
	f(sequence(48, 9*48+1, Growth{Base: 1, Linear: 1}), 0, 9, 9)
	padded := sequence(64, 512*512, Growth{Square: 1})
	padded.Padding = &Padding{InputAxis: []int{1, 1}, Buckets: []int{8, 512}}
	f(padded, 0, 8, 8)
	f(padded, 1, 9, 9)
	f(padded, 1, 513, 513)
}

// TestMostRowsBound holds that the rows of a run never take more than the bound, unless there is
// one row, and that longer rows never share larger runs.
func TestMostRowsBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := func(name string) float64 { return float64(rapid.IntRange(0, 1000).Draw(t, name)) }
		g := Growth{Base: part("base"), Linear: part("linear"), Square: part("square"), Power: rapid.IntRange(0, 2).Draw(t, "power")}
		s := sequence(rapid.IntRange(2, 300).Draw(t, "max batch"), float64(rapid.IntRange(1, 1<<40).Draw(t, "most")), g)
		n := int64(rapid.IntRange(1, 1<<20).Draw(t, "length"))
		rows := s.MostRows(rowsOf(n, n))
		b := rows
		if rows == 0 {
			b = s.MaxBatch
		}
		if took := g.Base + float64(b)*(g.At(float64(n))-g.Base); b > 1 && took > s.Lengths.Most {
			t.Fatalf("%d rows of length %d take %g of %g", b, n, took, s.Lengths.Most)
		}
		if longer := s.MostRows(rowsOf(n+1, n)); rows > 0 && (longer == 0 || longer > rows) {
			t.Fatalf("%d rows of length %d, and %d of one more", rows, n, longer)
		}
	})
}

func TestLongest(t *testing.T) {
	f := func(g Growth, most float64, want int64) {
		t.Helper()
		if got := g.Longest(most); got != want {
			t.Errorf("%+v in %g: %d, want %d", g, most, got, want)
		}
	}
	f(Growth{Square: 1}, 512*512, 512)
	f(Growth{Square: 1}, 512*512-1, 256)
	f(Growth{Linear: 4}, 4096, 1024)
	f(Growth{Square: 1, Power: 2}, 65536, 16)
	f(Growth{Base: 10}, 9, 1)
	f(Growth{}, 1, 1<<40)
}

func TestTooLong(t *testing.T) {
	s := sequence(64, 0, Growth{})
	s.Lengths.Axes[0].Most = 512
	f := func(shape []int64, want int) {
		t.Helper()
		if got, _ := s.Lengths.TooLong(1, shape); got != want {
			t.Errorf("%v: axis %d, want %d", shape, got, want)
		}
	}
	f([]int64{1000, 512}, -1)
	f([]int64{1, 513}, 0)
	f([]int64{1, math.MaxInt64}, 0)
	f([]int64{1}, -1)
	var none *Lengths
	if axis, _ := none.TooLong(0, []int64{1, 1}); axis >= 0 {
		t.Error("no bounds found a fault")
	}
}

// TestMultiplied holds that a product too large for a number is the largest one.
func TestMultiplied(t *testing.T) {
	l := &Lengths{Axes: []Axis{{At: []Place{{Dim: 0}}}, {At: []Place{{Dim: 1}}}}}
	f := func(a, b, want int64) {
		t.Helper()
		if got := l.Multiplied([]Tensor{{Shape: []int64{a, b}}}); got != want {
			t.Errorf("%d by %d is %d, want %d", a, b, got, want)
		}
	}
	f(3, 4, 12)
	f(0, 7, 7)
	f(1<<32, 1<<32, math.MaxInt64)
	f(math.MaxInt64, 2, math.MaxInt64)
}

func TestTooMany(t *testing.T) {
	s := sequence(0, 1024, Growth{Linear: 1})
	s.Lengths.Rows = true
	f := func(rows, length, most int64, over bool) {
		t.Helper()
		in := []Tensor{{Shape: []int64{rows, length}}, {Shape: []int64{1, length}}}
		if _, got, o := s.Lengths.TooMany(in); o != over || o && got != most {
			t.Errorf("%d rows of %d: %d, %v; want %d, %v", rows, length, got, o, most, over)
		}
	}
	f(16, 64, 0, false)
	f(17, 64, 16, true)
	f(1, 4096, 0, false)
	f(2, 4096, 1, true)
	s.Lengths.Rows = false
	f(1000, 4096, 0, false)
}

func TestMostRowsAllocates(t *testing.T) {
	s := sequence(64, 512*512, Growth{Square: 1})
	in := rowsOf(100, 100)
	if n := testing.AllocsPerRun(100, func() { s.MostRows(in) }); n != 0 {
		t.Error(fmt.Sprint(n), "allocations, want 0")
	}
}
