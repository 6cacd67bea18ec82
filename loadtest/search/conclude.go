package search

import (
	"fmt"
	"math"

	"sluice/loadtest/stats"
)

// Limits that a search may meet first.
const (
	LimitCPU       = "target CPU"
	LimitGenerator = "generator"
	LimitQueue     = "queue"
	LimitErrors    = "errors"
	LimitLatency   = "latency"
	LimitCap       = "rate cap"
)

// busy is the share of its cores from which on a target counts as limited by them.
const busy = 0.9

// conclude turns what is known into the answer.
func (s *searcher) conclude() {
	c := &s.out
	c.Upper = s.lowestFailure(c.Capacity)
	c.AtLeast = c.Capacity > 0 && c.Upper == 0
	c.Limit = s.limit()
	if c.Capacity == 0 {
		c.Why = s.whyNone()
		return
	}
	c.Lo, c.Hi, c.Why = s.interval()
	switch {
	case c.AtLeast:
		c.Why += "; no rate above it failed, so it is a lower bound"
	default:
		if band := s.band(); band > 0 {
			c.Hi = max(c.Hi, band)
			c.Why += fmt.Sprintf("; widened to %.4g/s, because rates up to there neither passed nor failed", band)
		}
	}
}

func (s *searcher) whyNone() string {
	switch best := s.best(); {
	case best > 0:
		return fmt.Sprintf("no rate held in each of %d confirmations; %.4g/s is the highest that passed once", s.o.Confirmations, best)
	case s.out.Upper > 0:
		return fmt.Sprintf("no rate passed; %.4g/s is the lowest that failed", s.out.Upper)
	}
	return "no rate passed, and none failed"
}

// interval is the 95 % confidence interval of the rate of right answers at the capacity: by
// Student's t from the confirmations, which are independent replicates, or from the Poisson
// distribution of the count if there is only one.
func (s *searcher) interval() (lo, hi float64, why string) {
	n := float64(len(s.goods))
	var mean, squares float64
	for _, g := range s.goods {
		mean += g / n
	}
	for _, g := range s.goods {
		squares += (g - mean) * (g - mean)
	}
	if len(s.goods) == 1 {
		half := 1.96 * math.Sqrt(mean/s.o.length(s.out.Capacity, s.o.ConfirmLength).Seconds())
		return mean - half, mean + half, "interval from the count of right answers in the only confirmation"
	}
	half := stats.StudentBound(0.05, len(s.goods)-1) * math.Sqrt(squares/(n-1)/n)
	return mean - half, mean + half, fmt.Sprintf("interval from the rates of right answers in %d confirmations (Student's t)", len(s.goods))
}

// band is the highest inconclusive rate between the capacity and the lowest failure; 0 without one.
func (s *searcher) band() float64 {
	var band float64
	for _, p := range s.above(s.out.Capacity) {
		if p.rate < s.out.Upper && p.outcome == inconclusive {
			band = p.rate
		}
	}
	return band
}

// limit names what the lowest failing rate above the capacity ran into. A busy target comes
// first, as it explains the rest; then what the target itself did, and latency if nothing else
// was seen. Without a failure it is the generator, if the highest rates were too much for it,
// or the given cap.
func (s *searcher) limit() string {
	for _, p := range s.above(s.out.Capacity) {
		m := p.m
		switch {
		case p.outcome != fail:
		case m.TargetCores > 0 && m.TargetCPU > busy*m.TargetCores:
			return LimitCPU
		case m.Rejected > 0 && m.overload(s.o.Objective.Errors):
			return LimitQueue
		case m.Wrong > 0 || m.overload(s.o.Objective.Errors):
			return LimitErrors
		default:
			return LimitLatency
		}
	}
	switch {
	case s.generatorLimit() > 0:
		return LimitGenerator
	case s.o.High > 0 && s.best() == s.o.High:
		return LimitCap
	}
	return ""
}
