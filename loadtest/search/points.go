package search

import (
	"cmp"
	"math"
	"slices"

	"sluice/loadtest/result"
)

// settle notes what is known of a rate now.
func (s *searcher) settle(p point) {
	if i := slices.IndexFunc(s.points, func(q point) bool { return q.rate == p.rate }); i >= 0 {
		s.points[i] = p
		return
	}
	s.points = append(s.points, p)
}

// best is the highest rate that passed; 0 if none did.
func (s *searcher) best() float64 {
	var best float64
	for _, p := range s.points {
		if p.outcome == pass {
			best = max(best, p.rate)
		}
	}
	return best
}

// above returns the points above a rate, ascending.
func (s *searcher) above(rate float64) []point {
	points := slices.DeleteFunc(slices.Clone(s.points), func(p point) bool { return p.rate <= rate })
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.rate, b.rate) })
	return points
}

// lowestFailure above a rate; 0 if there is none.
func (s *searcher) lowestFailure(rate float64) float64 {
	for _, p := range s.above(rate) {
		if p.outcome == fail {
			return p.rate
		}
	}
	return 0
}

// firstFailure is the first failing rate that was met above the best one, or above none: a low
// rate at which a batching server is slow says nothing of overload.
func (s *searcher) firstFailure() float64 {
	best := s.best()
	for _, p := range s.points {
		if p.outcome == fail && p.rate > best {
			return p.rate
		}
	}
	return 0
}

// generatorLimit is the lowest rate from which on the generator was at fault each time; 0 if
// the highest rate was about the target.
func (s *searcher) generatorLimit() float64 {
	var limit float64
	for _, p := range slices.Backward(s.above(0)) {
		if !p.invalid {
			break
		}
		limit = p.rate
	}
	return limit
}

// widestGap returns neighbouring rates, from the best one up to the edge: the lowest failure
// above it, or else where the generator's limit begins, or else the highest rate of all. Of
// gaps as wide as each other it is the upper one, which decides more. It returns 0, 0 if there is none.
func (s *searcher) widestGap() (from, to float64) {
	best := s.best()
	edge := cmp.Or(s.lowestFailure(best), s.generatorLimit(), math.Inf(1))
	if best == 0 {
		return 0, 0
	}
	widest, last := 0.0, best
	for _, p := range s.above(best) {
		if p.rate > edge {
			break
		}
		if ratio := p.rate / last; ratio > widest*(1-1e-9) {
			from, to, widest = last, p.rate, max(widest, ratio)
		}
		last = p.rate
	}
	return from, to
}

// middle is the geometric mean, as rates matter by their ratio.
func middle(a, b float64) float64 { return math.Sqrt(a * b) }

// filled adds what was measured to a probe's record.
func filled(r result.Probe, m Measured) result.Probe {
	r.N, r.Over = m.N, m.Over
	r.P50, r.P99, r.Good = m.P50, m.P99, m.Good
	r.TargetCPU, r.ToolCPU = m.TargetCPU, m.ToolCPU
	if m.N > 0 {
		r.Errors = float64(m.Errors) / float64(m.N)
	}
	return r
}

// report adds a probe to the result.
func (s *searcher) report(r result.Probe, o outcome) {
	r.Outcome = o.String()
	s.out.Probes = append(s.out.Probes, r)
	s.clock.pass(r)
	if s.o.OnProbe != nil {
		s.o.OnProbe(r, s.clock.left(s.o, r))
	}
}
