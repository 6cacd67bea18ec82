package bundle

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/tensor"
)

// TestFit holds what rows of other lengths are taken to need, for models that grow in several ways.
func TestFit(t *testing.T) {
	const mib = 1 << 20
	f := func(name string, at int64, low, high float64, points ...weighed) {
		t.Helper()
		g := fit(points)
		if got := g.At(float64(at)) / mib; got < low || got > high {
			t.Errorf("%s: %.2f MiB at %d, want %g to %g (%+v)", name, got, at, low, high, g)
		}
	}
	curve := func(of func(x int64) int64, lengths ...int64) (all []weighed) {
		for _, n := range lengths {
			all = append(all, weighed{n, of(n)})
		}
		return all
	}
	square := func(x int64) int64 { return 64 * x * x }
	line := func(x int64) int64 { return 16384 * x }
	f("a square", 8192, 4096, 4096, curve(square, 256, 512, 1024)...)
	f("a line", 65536, 1024, 1024, curve(line, 256, 512, 1024)...)
	f("both", 4096, 1088, 1088, curve(func(x int64) int64 { return square(x) + line(x) }, 256, 512, 1024)...)
	f("the three longest decide", 4096, 64, 64, append(curve(square, 8, 16, 32), curve(line, 256, 512, 1024)...)...)
	f("in any order", 8192, 4096, 4096, weighed{1024, square(1024)}, weighed{256, square(256)}, weighed{512, square(512)})
	f("the shorter ones in the noise", 8192, 1024, 1100, weighed{128, 0}, weighed{256, 0}, weighed{512, 4 * mib})
	f("a step of the allocator", 4096, 64, 150, weighed{256, 4 * mib}, weighed{512, 12 * mib}, weighed{1024, 16 * mib})
	f("constant", 4096, 50, 50, weighed{256, 50 * mib}, weighed{512, 50 * mib}, weighed{1024, 50 * mib})
	f("falling", 4096, 50, 50, weighed{256, 50 * mib}, weighed{512, 40 * mib}, weighed{1024, 30 * mib})
	f("nothing to see", 2048, 4, 4, weighed{256, 0}, weighed{512, 0}, weighed{1024, mib / 2})
	f("below nothing", 1024, 1, 1, weighed{256, -5}, weighed{512, -7}, weighed{1024, -9})
	f("two points, a square", 8192, 4096, 4096, curve(square, 512, 1024)...)
	f("two points, a line", 65536, 1024, 1024, curve(line, 512, 1024)...)
	f("one point", 1024, 12, 12, weighed{512, 2 * mib}) // 2*2 by the length, 2*4 by the square
	f("no point", 1024, 0, 0)
}

// TestFitRises holds that no points whatever make a curve that falls, is below 0 or is no number,
// and that it is never below the longest point.
func TestFitRises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var points []weighed
		n := rapid.Int64Range(1, 1<<20).Draw(t, "first")
		for range rapid.IntRange(1, 6).Draw(t, "points") {
			points = append(points, weighed{n, rapid.Int64Range(-1<<30, 1<<40).Draw(t, "bytes")})
			n += rapid.Int64Range(1, 1<<20).Draw(t, "more")
		}
		g := fit(points)
		before := 0.0
		for x := 1.0; x < 1<<40; x *= 2 {
			y := g.At(x)
			if math.IsNaN(y) || y < before {
				t.Fatalf("%+v: %g at %g after %g", g, y, x, before)
			}
			before = y
		}
		if last := points[len(points)-1]; g.At(float64(last.length)) < float64(last.bytes)*(1-1e-9)-1 {
			t.Fatalf("%+v: %g at %d, which took %d", g, g.At(float64(last.length)), last.length, last.bytes)
		}
		if g.Base < 0 || g.Linear < 0 || g.Square < 0 {
			t.Fatalf("%+v", g)
		}
	})
}

// TestFitKeepsAQuadratic holds that the quadratics with no negative part are found again.
func TestFitKeepsAQuadratic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := func(name string, most int64) float64 { return float64(rapid.Int64Range(0, most).Draw(t, name)) }
		want := tensor.Growth{Base: part("base", 1<<24), Linear: part("linear", 1<<16), Square: part("square", 1<<10)}
		var points []weighed
		for _, n := range []int64{128, 256, 512} {
			points = append(points, weighed{n, int64(want.At(float64(n)))})
		}
		if points[2].bytes < Noise {
			t.Skip("in the noise")
		}
		got := fit(points)
		for _, n := range []float64{64, 1024, 65536} {
			if a, b := got.At(n), want.At(n); math.Abs(a-b) > 1e-6*b+1 {
				t.Fatalf("%g at %g, want %g: %+v for %+v", a, n, b, got, want)
			}
		}
	})
}
