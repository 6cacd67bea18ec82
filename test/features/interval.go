package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// estimate is a figure with the bounds of its interval at 95 %.
type estimate struct{ mean, low, high float64 }

func (e estimate) String() string { return fmt.Sprintf("%.2f (%.2f to %.2f)", e.mean, e.low, e.high) }

// ratio is the geometric mean of the ratios of pairs. What slows the machine for a while slows both of a pair. The interval is
// that of a normal mean: there are tens of pairs.
func ratio(of, to []float64) estimate {
	var sum, squares float64
	n := float64(len(of))
	for i := range of {
		l := math.Log(of[i] / to[i])
		sum, squares = sum+l, squares+l*l
	}
	m := sum / n
	e := 1.96 * math.Sqrt(max(squares/n-m*m, 0)/max(n-1, 1))
	return estimate{math.Exp(m), math.Exp(m - e), math.Exp(m + e)}
}

func mean(values []float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// quantile is of values in any order, by nearest rank.
func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
