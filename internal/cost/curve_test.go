package cost

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

func a100() Curve { // published figures of ResNet-50 on ONNX Runtime with TensorRT
	return Curve{
		{1, 2128 * time.Microsecond, 0},
		{2, 2194 * time.Microsecond, 0},
		{4, 2759 * time.Microsecond, 0},
		{8, 3895 * time.Microsecond, 0},
		{16, 5793 * time.Microsecond, 0},
		{32, 11193 * time.Microsecond, 0},
	}
}

func TestAt(t *testing.T) {
	c := Curve{{1, 2 * ms, 0}, {4, 5 * ms, 0}, {8, 5 * ms, 0}}
	f := func(rows int, want time.Duration) {
		t.Helper()
		if got := c.At(rows); got != want {
			t.Errorf("At(%d) = %v, want %v", rows, got, want)
		}
	}
	f(1, 2*ms)
	f(2, 3*ms)
	f(4, 5*ms)
	f(6, 5*ms)
	f(16, 5*ms)
	if got := (Curve{}).At(3); got != 0 {
		t.Errorf("an empty curve costs %v", got)
	}
	if got := (Curve{{2, 4 * ms, 0}}).At(6); got != 12*ms {
		t.Errorf("one point extrapolates to %v, want 12ms", got)
	}
}

func TestBest(t *testing.T) {
	f := func(maxRows int, limit time.Duration, want int) {
		t.Helper()
		if got := a100().Best(maxRows, limit); got != want {
			t.Errorf("Best(%d, %v) = %d, want %d", maxRows, limit, got, want)
		}
	}
	f(32, 0, 32)
	f(32, 6*ms, 16)
	f(8, 0, 8)
	f(32, ms, 1)
	falling := Curve{{1, ms, 0}, {8, 2 * ms, 0}, {16, 8 * ms, 0}}
	if got := falling.Best(16, 0); got != 8 {
		t.Errorf("Best takes %d rows, not the 8 of the highest rate", got)
	}
}

func TestSizes(t *testing.T) {
	f := func(maxRows int, want ...int) {
		t.Helper()
		if got := Sizes(maxRows); !slices.Equal(got, want) {
			t.Errorf("Sizes(%d) = %v, want %v", maxRows, got, want)
		}
	}
	f(1, 1)
	f(2, 1, 2)
	f(8, 1, 2, 3, 4, 6, 8)
	f(20, 1, 2, 3, 4, 6, 8, 12, 16, 20)
}

func TestMonotone(t *testing.T) {
	c := Curve{{4, 3 * ms, ms}, {1, 4 * ms, 2 * ms}, {2, 2 * ms, 5 * ms}}.Monotone()
	want := Curve{{1, 3 * ms, 2 * ms}, {2, 3 * ms, 3 * ms}, {4, 3 * ms, 3 * ms}}
	if !slices.Equal(c, want) {
		t.Errorf("Monotone gave %v, want %v", c, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		var c Curve
		for i, v := range rapid.SliceOfN(rapid.Int64Range(0, 1e9), 0, 20).Draw(t, "p50") {
			c = append(c, Point{Rows: i + 1, P50: time.Duration(v), P95: time.Duration(v)})
		}
		var before, after time.Duration
		for _, p := range c {
			before += p.P50
		}
		c.Monotone()
		for i, p := range c {
			after += p.P50
			if i > 0 && p.P50 < c[i-1].P50 {
				t.Fatalf("falls at %d: %v", i, c)
			}
		}
		if diff := before - after; diff < 0 || diff > time.Duration(len(c)) {
			t.Fatalf("the sum moved by %d ns, more than rounding", diff)
		}
	})
}
