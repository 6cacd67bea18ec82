package stats

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sluice/loadtest/result"
)

func TestSpectrum(t *testing.T) {
	few := spectrum([]int64{1e6, 2e6, 3e6, 4e6})
	if want := []result.Point{{X: 1, Y: 1}, {X: 4.0 / 3, Y: 2}, {X: 2, Y: 3}, {X: 4, Y: 4}}; !slices.Equal(few, want) {
		t.Errorf("four samples: %v, want %v", few, want)
	}
	if one := spectrum([]int64{5e6}); !slices.Equal(one, []result.Point{{X: 1, Y: 5}}) {
		t.Errorf("one sample: %v", one)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20_000).Draw(t, "n")
		ns := make([]int64, n)
		for i := range ns {
			ns[i] = int64(i) * 1e6
		}
		p := spectrum(ns)
		if len(p) > maxSpectrum || p[0].X != 1 || p[0].Y != 0 || p[len(p)-1].X != float64(n) || p[len(p)-1].Y != float64(n-1) {
			t.Fatalf("%d samples: %d points from %v to %v", n, len(p), p[0], p[len(p)-1])
		}
		for i := range p {
			if below := float64(n) * (1 - 1/p[i].X); math.Abs(below-p[i].Y) > 1e-6*float64(n) {
				t.Fatalf("the part below %v ms is drawn at %v", p[i].Y, p[i].X)
			}
			if i > 0 && p[i].X <= p[i-1].X {
				t.Fatalf("%v follows %v", p[i], p[i-1])
			}
		}
	})
}
