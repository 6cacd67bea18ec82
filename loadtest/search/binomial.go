package search

import "math"

// below is P(X <= k) and above is P(X >= k) for X of n trials with chance p: exact tails of
// the binomial distribution, summed outward from k, where the terms fall.

func below(k, n int64, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n || p <= 0:
		return 1
	case p >= 1:
		return 0
	case float64(k) > float64(n)*p:
		return 1 - above(k+1, n, p)
	}
	sum, term := 0.0, mass(k, n, p)
	for i := k; i >= 0 && term > sum*1e-17; i-- {
		sum += term
		term *= float64(i) / float64(n-i+1) * (1 - p) / p
	}
	return min(sum, 1)
}

func above(k, n int64, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n || p <= 0:
		return 0
	case p >= 1:
		return 1
	case float64(k) < float64(n)*p:
		return 1 - below(k-1, n, p)
	}
	sum, term := 0.0, mass(k, n, p)
	for i := k; i <= n && term > sum*1e-17; i++ {
		sum += term
		term *= float64(n-i) / float64(i+1) * p / (1 - p)
	}
	return min(sum, 1)
}

// mass is P(X = k), for 0 <= k <= n and 0 < p < 1.
func mass(k, n int64, p float64) float64 {
	lg := func(x int64) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	return math.Exp(lg(n) - lg(k) - lg(n-k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}
