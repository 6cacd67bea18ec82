package measure

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"sluice/internal/agree"
	"sluice/internal/tensor"
)

// deltas is how the elements of a row or list differ.
type deltas struct {
	excess                    float64 // the largest
	sum, abs                  float64 // of the n that are finite
	n                         int
	maxAbs, maxRelative, ulps float64
	mismatched                bool // NaN or infinity stands for anything else, or the reverse
}

func (c *Comparer) elements(from, n int) (e deltas) {
	for i := from; i < from+n; i++ {
		got, want := tensor.FloatAt(c.got.Type, c.got.Data, i), tensor.FloatAt(c.want.Type, c.want.Data, i)
		e.excess = max(e.excess, c.o.Tolerance.Excess(got, want))
		delta := got - want
		switch {
		case got == want || math.IsNaN(got) && math.IsNaN(want):
			e.n++
			continue
		case !finite(delta):
			e.mismatched = true
			continue
		}
		e.n++
		size := math.Abs(delta)
		e.sum, e.abs, e.maxAbs = e.sum+delta, e.abs+size, max(e.maxAbs, size)
		e.ulps = max(e.ulps, ulps(c.got.Type, c.got.Data, c.want.Data, i))
		if want != 0 {
			e.maxRelative = max(e.maxRelative, size/math.Abs(want))
		}
	}
	return e
}

// row compares a row of floats.
func (c *Comparer) row(r, n int) error {
	from := r * n
	e := c.elements(from, n)
	difference := e.excess
	switch c.o.Kind {
	case Class:
		difference = c.classes(from, n, e.excess)
	case Probability:
		valid, err := c.probability(r, n)
		if err != nil {
			return err
		}
		if !valid {
			difference, e.mismatched = math.Inf(1), true
		}
	case Embedding:
		if !e.mismatched {
			c.add(cosineDistance, c.cosine(from, n))
		}
	}
	if e.n > 0 {
		if c.o.Kind != Probability {
			c.add(bias, e.sum/float64(e.n))
			c.add(absDifference, e.abs/float64(e.n))
		}
		c.add(maxAbs, e.maxAbs)
		c.add(maxRelative, e.maxRelative)
		c.add(maxULP, e.ulps)
	}
	c.end(difference, e.mismatched)
	return nil
}

// cosine is the cosine distance of a row. NaN and infinities that both have leave no direction to compare: what does not
// differ has no distance.
func (c *Comparer) cosine(from, n int) float64 {
	for i := from; i < from+n; i++ {
		if !finite(tensor.FloatAt(c.got.Type, c.got.Data, i)) {
			return 0
		}
	}
	return cosineOf(c.got.Type, c.got.Data, c.want.Data, from, n)
}

// rounding is how far beyond 0 and 1 a probability may be, which is taken for rounding.
const rounding = 1e-3

// probability compares the probabilities of a row. It is false if the candidate's is none, and fails if the primary's is
// none: the output has another kind then.
func (c *Comparer) probability(r, n int) (valid bool, err error) {
	at := r*n + n - 1
	if c.o.Column > 0 {
		at = r*n + c.o.Column - 1
	}
	got, want := tensor.FloatAt(c.got.Type, c.got.Data, at), tensor.FloatAt(c.want.Type, c.want.Data, at)
	among := func(p float64) bool { return p >= -rounding && p <= 1+rounding }
	if !among(want) && finite(want) {
		return false, fmt.Errorf("output %.64q is declared as a probability, and the primary answers %v in row %d: declare another kind or column", c.spec.Name, want, r)
	}
	if !among(got) || !among(want) {
		return math.IsNaN(got) && math.IsNaN(want) || got == want, nil
	}
	got, want = min(max(got, 0), 1), min(max(want, 0), 1)
	c.add(bias, got-want)
	c.add(absProbability, math.Abs(got-want))
	c.add(logitDifference, logit(got)-logit(want))
	up, down := want < c.o.Threshold && got >= c.o.Threshold, want >= c.o.Threshold && got < c.o.Threshold
	c.addIf(flip, up || down)
	c.addIf(flipUp, up)
	c.addIf(flipDown, down)
	return true, nil
}

// classes compares the classes of a row: infinite, as what no tolerance allows, or 0. A single number is the class itself,
// and excess says whether it is the same one.
func (c *Comparer) classes(from, n int, excess float64) float64 {
	want, got := agree.Top(c.want, from, n), agree.Top(c.got, from, n)
	if got == want && (n > 1 || excess <= 1) {
		return 0
	}
	if c.o.Pairs != nil {
		for i, t := range []*tensor.Tensor{c.want, c.got} {
			b := c.labels[i][:0]
			switch class := agree.Top(t, from, n); {
			case n == 1:
				b = strconv.AppendFloat(b, tensor.FloatAt(t.Type, t.Data, from), 'g', -1, max(32, 8*t.Type.Size()))
			case class < len(c.spec.Labels):
				b = append(b, c.spec.Labels[class]...)
			default:
				b = strconv.AppendInt(b, int64(class), 10)
			}
			c.labels[i] = b
		}
		c.o.Pairs.Add(c.labels[0], c.labels[1])
	}
	return math.Inf(1)
}

// list compares a list of n scores.
func (c *Comparer) list(from, n int) {
	if n == 0 {
		return
	}
	e := c.elements(from, n)
	for i, t := range []*tensor.Tensor{c.want, c.got} {
		c.scores[i] = slices.Grow(c.scores[i][:0], n)[:n]
		for k := range n {
			c.scores[i][k] = tensor.FloatAt(t.Type, t.Data, from+k)
		}
	}
	r := &c.ranking
	r.Load(c.scores[0], c.scores[1])
	shown := min(c.o.Shown, n)
	distance := r.distance(Persistence(shown))
	c.addIf(topChange, r.TopChanged())
	c.add(topKChange, 1-r.Overlap(shown))
	c.add(tauDistance, r.TauDistance())
	c.add(rboDistance, distance)
	c.add(ndcgLoss, 1-r.NDCG(shown))
	if e.mismatched {
		distance = math.Inf(1)
	}
	c.end(distance, e.mismatched)
}
