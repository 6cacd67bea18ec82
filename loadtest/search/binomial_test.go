package search

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestEarlyStopping recomputes MLPerf LoadGen's table: with so many requests over the limit,
// so many are needed for a pass at 99 %.
func TestEarlyStopping(t *testing.T) {
	f := func(q float64, over, need int64) {
		t.Helper()
		if p := below(over, need, 1-q); p > alpha {
			t.Errorf("q %g: %d over of %d is not enough (%g)", q, over, need, p)
		}
		if p := below(over, need-1, 1-q); p <= alpha {
			t.Errorf("q %g: %d over of %d is enough already (%g)", q, over, need-1, p)
		}
	}
	f(0.9, 0, 44)
	f(0.9, 1, 64)
	f(0.99, 0, 459)
	f(0.99, 1, 662)
	f(0.99, 2, 838)
	f(0.99, 5, 1307)
	f(0.99, 10, 2010)
	f(0.99, 50, 6898)
	f(0.999, 0, 4603)
	f(0.999, 1, 6636)
	f(0.999, 10, 20140)
}

func TestTailsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 100_000).Draw(t, "n")
		k := rapid.Int64Range(-1, n+1).Draw(t, "k")
		p := rapid.Float64Range(0, 1).Draw(t, "p")
		if sum := below(k, n, p) + above(k+1, n, p); math.Abs(sum-1) > 1e-9 {
			t.Errorf("tails of %d of %d at %g add up to %g", k, n, p, sum)
		}
	})
}

func TestTailsBySum(t *testing.T) {
	for _, p := range []float64{0.001, 0.2, 0.5, 0.97} {
		const n = 60
		var sum float64
		for k := range int64(n + 1) {
			sum += choose(n, k) * math.Pow(p, float64(k)) * math.Pow(1-p, float64(n-k))
			if got := below(k, n, p); math.Abs(got-sum) > 1e-11 {
				t.Errorf("P(X <= %d) of %d at %g is %g, want %g", k, n, p, got, sum)
			}
		}
	}
}

func choose(n, k int64) float64 {
	c := 1.0
	for i := range k {
		c = c * float64(n-i) / float64(i+1)
	}
	return c
}
