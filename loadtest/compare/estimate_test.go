package compare

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestHolm(t *testing.T) {
	f := func(chances []float64, want ...bool) {
		t.Helper()
		if got := holm(chances); !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", chances, got, want)
		}
	}
	f(nil)
	f([]float64{0.05}, true)
	f([]float64{0.051}, false)
	f([]float64{0.04, 0.04}, false, false) // the smaller one would need 0.025
	f([]float64{0.04, 0.02}, true, true)
	f([]float64{0.01, 0.04, 0.03, 0.005}, true, false, false, true) // Holm's own kind of example: 0.0125, 0.0167, 0.025
	f([]float64{0, 1}, true, false)
}

// TestExpandedInterval: of few normal observations the interval still holds the mean 95 times in 100.
func TestExpandedInterval(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{3, 6, 8, 12, 24} {
		const repeats = 1000
		var held [2]int
		for range repeats {
			units := make([]float64, n)
			for i := range units {
				units[i] = rng.NormFloat64()
			}
			for i, trim := range []float64{0, 0.2} {
				if e := estimated(units, trim, 500, rng); e.lo <= 0 && e.hi >= 0 {
					held[i]++
				}
			}
		}
		for i, h := range held {
			if share := float64(h) / repeats; share < 0.92 || share > 0.98 {
				t.Errorf("%d observations, trimmed %d: %.3f of the intervals hold the truth", n, i, share)
			}
		}
	}
}

func TestEstimateEdges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	if e := estimated(nil, 0, 100, rng); e.known || e.n != 0 {
		t.Errorf("of nothing: %+v", e)
	}
	if e := estimated([]float64{1, 1}, 0, 100, rng); e.known || e.mean != 1 {
		t.Errorf("of two: %+v", e)
	}
	if e := estimated([]float64{0, 0, 0, 0}, 0, 100, rng); !e.known || e.p != 1 || e.lo != 0 || e.hi != 0 {
		t.Errorf("of zeros: %+v", e)
	}
	if e := estimated([]float64{2, 2, 2, 2}, 0, 100, rng); e.p != 0 || e.lo != 2 || e.hi != 2 {
		t.Errorf("of the same: %+v", e)
	}
}

// TestTrimming: one spoilt observation in ten widens the plain interval, and hardly the trimmed one.
func TestTrimming(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	units := make([]float64, 20)
	for i := range units {
		units[i] = 0.01 * rng.NormFloat64()
	}
	clean := estimated(units, 0, 1000, rng)
	units[3], units[11] = 0.4, -0.3
	plain, trimmed := estimated(units, 0, 1000, rng), estimated(units, 0.2, 1000, rng)
	if width := clean.hi - clean.lo; plain.hi-plain.lo < 5*width || trimmed.hi-trimmed.lo > 2*width {
		t.Errorf("clean %+v, plain %+v, trimmed %+v", clean, plain, trimmed)
	}
	if got := trimmedMean([]float64{-100, 1, 2, 3, 50}, 0.2); got != 2 {
		t.Errorf("trimmed mean is %g, want 2", got)
	}
}
