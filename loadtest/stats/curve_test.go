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

func TestDownsample(t *testing.T) {
	line := make([]result.Point, 1000)
	for i := range line {
		line[i] = result.Point{X: float64(i), Y: 1}
	}
	line[123].Y, line[777].Y = 50, -50
	got := Downsample(line, 20)
	for _, want := range []result.Point{line[0], line[123], line[777], line[999]} {
		if !slices.Contains(got, want) {
			t.Errorf("%v is lost: %v", want, got)
		}
	}
	if got := Downsample(line, 1000); len(got) != 1000 {
		t.Errorf("%d points", len(got))
	}
	if got := Downsample(line, 2); len(got) != 1000 {
		t.Errorf("%d points", len(got))
	}
	// By hand: of the middle points (1, 0), (2, 5) and (3, 1), (4, 2) the larger triangles.
	five := []result.Point{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 2, Y: 5}, {X: 3, Y: 1}, {X: 4, Y: 2}, {X: 5, Y: 0}}
	if got, want := Downsample(five, 4), []result.Point{five[0], five[2], five[3], five[5]}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 100).Draw(t, "n")
		points := make([]result.Point, rapid.IntRange(0, 500).Draw(t, "points"))
		for i := range points {
			points[i] = result.Point{X: float64(i), Y: rapid.Float64Range(-1e6, 1e6).Draw(t, "y")}
		}
		got := Downsample(points, n)
		if len(got) != min(n, len(points)) {
			t.Fatalf("%d of %d points, want %d", len(got), len(points), n)
		}
		for i, p := range got {
			if points[int(p.X)] != p || i > 0 && p.X <= got[i-1].X {
				t.Fatalf("%v is no point of the curve, or out of order", p)
			}
		}
	})
}
