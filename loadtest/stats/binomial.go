package stats

import (
	"math"
)

// Decision is the outcome of a test with three of them.
type Decision uint8

const (
	// Inconclusive: neither is shown; more samples may.
	Inconclusive Decision = iota
	// Pass: the share is below the limit.
	Pass
	// Fail: the share is above the limit.
	Fail
)

// String is the decision's name in reports.
func (d Decision) String() string { return [...]string{"inconclusive", "pass", "fail"}[d] }

// Over tests whether the share of requests over a latency limit is below or above p, given
// that over of n independent ones were: an exact binomial test in each direction, each at
// the given confidence. Pass is P(X <= over) <= 1-confidence if the share were p, Fail the
// same of P(X >= over).
func Over(over, n int64, p, confidence float64) Decision {
	switch {
	case binomialCDF(over, n, p) <= 1-confidence:
		return Pass
	case binomialTail(over, n, p) <= 1-confidence:
		return Fail
	default:
		return Inconclusive
	}
}

// EarlyStop is the smallest n for which over requests above a latency show, at the given
// confidence, that the quantile q of all requests is below it: the smallest with
// P(X <= over) <= 1-confidence for X binomial in n and 1-q. It is the rule by which MLPerf's
// LoadGen ends a run ("early stopping"); with over = 0 it is the least n for which the quantile
// can be spoken of at all: 459 for p99. A q outside of (0, 1) never has enough.
func EarlyStop(q float64, over int64, confidence float64) int64 {
	if !(q > 0 && q < 1) || !(confidence < 1) {
		return math.MaxInt64
	}
	enough := func(n int64) bool { return binomialCDF(over, n, 1-q) <= 1-confidence }
	lo, hi := over, 2*over+2 // not enough; perhaps
	for !enough(hi) {
		lo, hi = hi, 2*hi
		if hi > 1<<60 {
			return math.MaxInt64
		}
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; enough(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

// ClopperPearson is the exact one-sided bounds of a share of which k of n were seen: it is
// above lo with the given confidence, and below hi with the same. Both together have a
// confidence of 2*confidence-1. (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934)
func ClopperPearson(k, n int64, confidence float64) (lo, hi float64) {
	alpha := 1 - confidence
	lo, hi = 0, 1
	if k > 0 {
		lo = bisect(func(p float64) bool { return binomialTail(k, n, p) > alpha })
	}
	if k < n {
		hi = bisect(func(p float64) bool { return binomialCDF(k, n, p) <= alpha })
	}
	return lo, hi
}

// bisect finds where a condition on a share begins to hold.
func bisect(holds func(p float64) bool) float64 {
	lo, hi := 0.0, 1.0
	for range 60 {
		if mid := (lo + hi) / 2; holds(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

// binomialCDF is P(X <= k) of n trials with probability p.
func binomialCDF(k, n int64, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	}
	return betaI(float64(n-k), float64(k+1), 1-p)
}

// binomialTail is P(X >= k).
func binomialTail(k, n int64, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n:
		return 0
	}
	return betaI(float64(k), float64(n-k+1), p)
}

// betaI is the regularised incomplete beta function, by the continued fraction of Abramowitz
// and Stegun 26.5.8, evaluated by Lentz's method. It needs about sqrt(max(a, b)) steps.
func betaI(a, b, x float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	if x > (a+1)/(a+b+2) { // there it converges slowly
		return 1 - betaI(b, a, 1-x)
	}
	const tiny, precision, steps = 1e-300, 1e-14, 1_000_000
	away := func(v float64) float64 { // from 0, by which it is divided
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/away(1-(a+b)*x/(a+1))
	f := d
	for i := 1; i < steps; i++ {
		m := float64(i)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / away(1+even*d)
		c = away(1 + even/c)
		f *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / away(1+odd*d)
		c = away(1 + odd/c)
		f *= d * c
		if math.Abs(d*c-1) < precision {
			break
		}
	}
	gab, _ := math.Lgamma(a + b)
	ga, _ := math.Lgamma(a)
	gb, _ := math.Lgamma(b)
	return math.Exp(gab-ga-gb+a*math.Log(x)+b*math.Log1p(-x)) * f / a
}
