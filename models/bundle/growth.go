package bundle

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sluice/internal/tensor"
)

// weighed is the memory that one row of a length took.
type weighed struct {
	length int64
	bytes  int64
}

// Noise is what a row may take without anybody seeing it: pages are shared out in blocks, and the
// process does other things meanwhile.
const Noise = 1 << 20

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
	if y[last] < Noise {
		return tensor.Growth{Square: Noise / (x[last] * x[last])}
	}
	if last == 0 {
		return tensor.Growth{Linear: y[0] / x[0], Square: y[0] / (x[0] * x[0])}
	}
	if last == 1 {
		x, y = []float64{0, x[0], x[1]}, []float64{0, y[0], y[1]}
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

// Scaling is what rows take by their lengths, as the trial's runs show.
type Scaling struct {
	Known bool
	Joint tensor.Growth
	Cap   int64 // product that is known to be too much for a run, or more than there is
	each  map[string]tensor.Growth
	caps  map[string]int64
}

// Scale fits curves through what was weighed. o may be nil.
func (o *Observation) Scale() *Scaling {
	sc := &Scaling{Cap: math.MaxInt64, each: map[string]tensor.Growth{}, caps: map[string]int64{}}
	if o == nil {
		return sc
	}
	points := map[string][]weighed{}
	for _, w := range o.Weighed {
		length := w.Length
		if w.Axis == "" {
			for range w.Axes - 1 {
				length = Multiply(length, w.Length)
			}
		}
		switch {
		case w.Unfinished && w.Axis == "":
			shorter := int64(1)
			for range w.Axes {
				shorter = Multiply(shorter, max(1, w.Length/2))
			}
			sc.Cap = min(sc.Cap, shorter)
		case w.Unfinished:
			sc.caps[w.Axis] = max(1, w.Length/2)
		case w.Bytes >= 0:
			points[w.Axis] = append(points[w.Axis], weighed{length, w.Bytes})
		}
	}
	for axis, all := range points {
		if axis != "" {
			sc.each[axis] = fit(all)
		}
	}
	sc.Joint, sc.Known = fit(points[""]), len(points[""]) > 0
	return sc
}

// Own is what a row takes by the length of one of several axes, and the length that is known to be
// too much or more than there is. An axis that was not weighed by itself, for the model takes no row
// with others of another length, counts as if all had its length.
func (sc *Scaling) Own(name string, axes int) (tensor.Growth, int64) {
	most, capped := sc.caps[name]
	if !capped {
		most = math.MaxInt64
	}
	if g, weighed := sc.each[name]; weighed {
		return g, most
	}
	g := sc.Joint
	g.Power = axes
	if !capped && sc.Cap < math.MaxInt64 {
		most = max(1, int64(math.Pow(float64(sc.Cap), 1/float64(axes))))
	}
	return g, most
}

// Merge adds a weighing, in place of what was said when it began.
func (o *Observation) Merge(w Weighing) error {
	switch {
	case w.Length < 1 || w.Length > maxLengthLimit || w.Axes < 1 || w.Axes > maxObservedRank || w.Bytes < -1<<40 || w.Bytes > 1<<50 || len(w.Axis) > maxObservedText:
		return fmt.Errorf("the trial process tells that a row of length %d took %d bytes", w.Length, w.Bytes)
	case len(o.Weighed) == MaxWeighed:
		return fmt.Errorf("the trial process tells of more than %d rows", MaxWeighed)
	}
	at := slices.IndexFunc(o.Weighed, func(x Weighing) bool { return x.Axis == w.Axis && x.Length == w.Length })
	if at < 0 {
		o.Weighed = append(o.Weighed, w)
	} else {
		o.Weighed[at] = w
	}
	return nil
}
