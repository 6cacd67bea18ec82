package load

import (
	"math"
	"slices"
	"time"
)

// Gaps are the times between arrivals.
func Gaps(at []time.Duration) []time.Duration {
	gaps := make([]time.Duration, len(at)-1)
	for i := range gaps {
		gaps[i] = at[i+1] - at[i]
	}
	return gaps
}

// Exponential compares gaps with an exponential distribution, as those of a Poisson process
// have, by the test of Kolmogorov and Smirnov: d is the largest distance between their
// distribution and the exponential one of that mean, and critical is what d exceeds in 1 % of
// the cases in which they are exponential (M. A. Stephens, "EDF statistics for goodness of fit
// and some comparisons", JASA 69, 1974). A mean of 0 stands for that of the gaps themselves,
// which has a critical value of its own, since the distribution is then fitted. Without
// gaps, both are 0.
func Exponential(gaps []time.Duration, mean time.Duration) (d, critical float64) {
	n := float64(len(gaps))
	if n == 0 {
		return 0, 0
	}
	sorted := slices.Clone(gaps)
	slices.Sort(sorted)
	root, scale := math.Sqrt(n), float64(mean)
	critical = 1.628 / (root + 0.12 + 0.11/root)
	if mean <= 0 {
		critical = 1.308/(root+0.26+0.5/root) + 0.2/n
		scale = meanOf(gaps)
	}
	for i, gap := range sorted {
		f := -math.Expm1(-float64(gap) / scale)
		if scale == 0 {
			f = 1
		}
		d = max(d, float64(i+1)/n-f, f-float64(i)/n)
	}
	return d, critical
}

func meanOf(gaps []time.Duration) float64 {
	var sum float64
	for _, gap := range gaps {
		sum += float64(gap)
	}
	return sum / float64(len(gaps))
}

// Variation is the coefficient of variation of gaps: 0 for an even beat, 1 for a Poisson
// process, more for bursts. It is 0 without gaps.
func Variation(gaps []time.Duration) float64 {
	if len(gaps) == 0 {
		return 0
	}
	mean, sum := meanOf(gaps), 0.0
	if mean == 0 {
		return 0
	}
	for _, gap := range gaps {
		sum += (float64(gap) - mean) * (float64(gap) - mean)
	}
	return math.Sqrt(sum/float64(len(gaps))) / mean
}

// Dispersion is the index of dispersion of counts: the variance of the number of arrivals in
// a window over its mean, in the whole windows that fit into a length (D. R. Cox and P. A. W.
// Lewis, The Statistical Analysis of Series of Events, 1966). It is 1 for a Poisson process, at
// every window. at is sorted. windows is how many there were; with fewer than two, or
// without arrivals in them, the index is 0.
func Dispersion(at []time.Duration, window, length time.Duration) (index float64, windows int) {
	if window <= 0 || length < window {
		return 0, 0
	}
	windows = int(length / window)
	var sum, squares float64
	counts(at, window, windows, func(_ int, n float64) {
		sum += n
		squares += n * n
	})
	mean := sum / float64(windows)
	if windows < 2 || sum == 0 {
		return 0, windows
	}
	return (squares - sum*mean) / float64(windows-1) / mean, windows
}

// counts calls f for each window that has arrivals, in order.
func counts(at []time.Duration, window time.Duration, windows int, f func(i int, n float64)) {
	for i := 0; i < len(at); {
		w := int(at[i] / window)
		if w >= windows {
			return
		}
		first := i
		for i < len(at) && int(at[i]/window) == w {
			i++
		}
		f(w, float64(i-first))
	}
}
