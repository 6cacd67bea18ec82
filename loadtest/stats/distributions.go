package stats

import (
	"math"
)

// EarlyStop is the smallest n for which over requests above a latency show, at the given
// confidence, that the quantile q of all requests is below it: the smallest with
// P(X <= over) <= 1-confidence for X binomial in n and 1-q. It is the rule by which MLPerf's
// LoadGen ends a run ("early stopping"); with over = 0 it is the least n for which the quantile
// can be spoken of at all: 459 for p99. A q outside of (0, 1) never has enough.
func EarlyStop(q float64, over int64, confidence float64) int64 {
	if !(q > 0 && q < 1) || !(confidence < 1) {
		return math.MaxInt64
	}
	enough := func(n int64) bool { return AtMost(over, n, 1-q) <= 1-confidence }
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

// AtMost is P(X <= k) for X of n trials with probability p: the binomial distribution, exactly.
func AtMost(k, n int64, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	}
	return betaI(float64(n-k), float64(k+1), 1-p)
}

// AtLeast is P(X >= k).
func AtLeast(k, n int64, p float64) float64 {
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

// StudentBeyond is the chance that Student's t with so many degrees of freedom lies beyond t in
// either direction.
func StudentBeyond(t float64, df int) float64 {
	n := float64(df)
	return betaI(n/2, 0.5, n/(n+t*t))
}

// StudentBound is the t that is exceeded in either direction with chance alpha.
func StudentBound(alpha float64, df int) float64 {
	lo, hi := 0.0, 1.0
	for StudentBeyond(hi, df) > alpha {
		hi *= 2
	}
	for hi-lo > 1e-9*hi {
		if mid := (lo + hi) / 2; StudentBeyond(mid, df) > alpha {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}
