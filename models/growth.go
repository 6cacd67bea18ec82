package models

import (
	"cmp"
	"slices"

	"sluice/internal/tensor"
)

// weighed is the memory that one row of a length took.
type weighed struct {
	length int64
	bytes  int64
}

// noise is what a row may take without anybody seeing it: pages are shared out in blocks, and the
// process does other things meanwhile.
const noise = 1 << 20

// fit lays a quadratic through the points of the three longest rows. Nothing in it is below 0, so
// that it never falls, and it errs towards more:
//
//   - Where the three bend downwards, as those of a model whose memory stops growing in blocks do,
//     it is the steepest line that they show.
//   - Where they bend so hard that the line part would be negative, it is a square on a base.
//   - Of rows that all stay in the noise nothing can be told but that. The square then reaches the
//     noise at the longest of them.
//   - With two points it begins in 0; with one it takes what that row took twice, once by the
//     length and once by the square.
func fit(points []weighed) tensor.Growth {
	points = slices.Clone(points)
	slices.SortFunc(points, func(a, b weighed) int { return cmp.Compare(a.length, b.length) })
	points = points[max(0, len(points)-3):]
	if len(points) == 0 {
		return tensor.Growth{}
	}
	x, y := make([]float64, len(points)), make([]float64, len(points))
	for i, p := range points {
		x[i], y[i] = float64(p.length), float64(max(p.bytes, 0))
		if i > 0 {
			y[i] = max(y[i], y[i-1])
		}
	}
	last := len(points) - 1
	if y[last] < noise {
		return tensor.Growth{Square: noise / (x[last] * x[last])}
	}
	if last == 0 {
		return tensor.Growth{Linear: y[0] / x[0], Square: y[0] / (x[0] * x[0])}
	}
	if last == 1 {
		x, y, last = []float64{0, x[0], x[1]}, []float64{0, y[0], y[1]}, 2
	}
	return through(x, y)
}

// through is the quadratic of three points that rise.
func through(x, y []float64) tensor.Growth {
	first, second := (y[1]-y[0])/(x[1]-x[0]), (y[2]-y[1])/(x[2]-x[1])
	g := tensor.Growth{Square: (second - first) / (x[2] - x[0])}
	g.Linear = first - g.Square*(x[0]+x[1])
	switch {
	case g.Square < 0:
		g.Square, g.Linear = 0, first // first is the steeper
	case g.Linear < 0:
		g.Square, g.Linear = (y[2]-y[0])/(x[2]*x[2]-x[0]*x[0]), 0
	}
	// The longest point is the one that the noise touches least.
	g.Base = max(0, y[2]-g.Linear*x[2]-g.Square*x[2]*x[2])
	return g
}
