package sequence

import (
	"fmt"
	"math"
)

const (
	// leastUnits is from how many units on a mean is taken to be normal.
	leastUnits = 100
	// leastNonZero is how many of them must differ at all: a variance of fewer says nothing.
	leastNonZero = 20
	// mostDifference keeps squares and their sums finite.
	mostDifference = 1e100
)

// Asymptotic is a confidence sequence for the mean of values without bounds, two-sided at level alpha. As an interval by
// the central limit theorem it holds in the limit: it needs a finite variance and enough units, and says nothing before 100 units of
// which 20 differ from 0. Its zero value is of no use; NewAsymptotic makes one.
//
// Source: I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy and A. Ramdas, "Time-uniform central limit theory and asymptotic
// confidence sequences", Annals of Statistics 52 (2024), section 2 (the normal mixture), doi:10.1214/24-AOS2408. Mean and
// variance are updated as by B. P. Welford, Technometrics 4 (1962).
type Asymptotic struct {
	alpha   float64
	tuned   int64
	rho     float64
	units   int64
	nonZero int64
	mean    float64
	squares float64 // of the distances from the mean
}

// NewAsymptotic returns a sequence without units. Alpha is the probability with which the interval may ever miss the mean:
// above 0, at most 0.5. The interval is narrowest about the number of units that it is tuned for: at alpha 0.05 it is 1.55 times the
// fixed interval there, 1.97 times at a tenth of them, 1.65 times at ten times as many.
func NewAsymptotic(alpha float64, tuned int64) (*Asymptotic, error) {
	if err := checkAlpha(alpha); err != nil {
		return nil, err
	}
	if tuned < 1 || tuned > mostUnits {
		return nil, fmt.Errorf("cannot tune a confidence sequence for %d units: it is tuned for 1 to %d", tuned, int64(mostUnits))
	}
	return &Asymptotic{alpha: alpha, tuned: tuned, rho: rhoFor(float64(tuned), alpha)}, nil
}

// rhoFor is the spread of the mixture that makes the interval narrow at n units.
func rhoFor(n, alpha float64) float64 {
	l := -2 * math.Log(alpha)
	return math.Sqrt((l + math.Log(l+1)) / n)
}

// halfWidth of the interval after n units.
func halfWidth(n, sd, rho, alpha float64) float64 {
	v := n*rho*rho + 1
	return sd * math.Sqrt(2*v/(n*n*rho*rho)*math.Log(math.Sqrt(v)/alpha))
}

// Add counts a unit's difference. It refuses one that is not finite, or beyond 1e100.
func (s *Asymptotic) Add(d float64) error {
	if !(math.Abs(d) <= mostDifference) {
		return fmt.Errorf("cannot count a difference of %v: it is finite, and at most %g", d, mostDifference)
	}
	s.units++
	if d != 0 {
		s.nonZero++
	}
	before := d - s.mean
	s.mean += before / float64(s.units)
	s.squares += before * (d - s.mean)
	return nil
}

// Interval is everything until there are enough units. Unlike that of Betting it may grow: what it excludes is not refuted
// for good, since it is an approximation that becomes better.
func (s *Asymptotic) Interval() Interval {
	if s.units < leastUnits || s.nonZero < leastNonZero {
		return Interval{math.Inf(-1), math.Inf(1)}
	}
	n := float64(s.units)
	half := halfWidth(n, math.Sqrt(s.squares/n), s.rho, s.alpha)
	return Interval{s.mean - half, s.mean + half}
}

// Mean is that of the units so far, 0 without any.
func (s *Asymptotic) Mean() float64 { return s.mean }

// Units is the number of units so far.
func (s *Asymptotic) Units() int64 { return s.units }

// Alpha is the level of the sequence.
func (s *Asymptotic) Alpha() float64 { return s.alpha }
