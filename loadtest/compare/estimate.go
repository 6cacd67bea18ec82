package compare

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"sluice/loadtest/stats"
)

// estimate is a mean of independent observations, log ratios or differences, with what is
// known of its error.
type estimate struct {
	n, df    int // observations, degrees of freedom
	mean, se float64
	lo, hi   float64 // 95 % interval
	p        float64 // chance of a mean as far from 0 if there is no difference (t test)
	// known says that there were enough for an interval.
	known bool
}

const (
	// leastUnits for any interval.
	leastUnits = 3
	// bootstrapUnits is how many observations a bootstrap needs; below it has too few distinct
	// resamples, and Student's t is used instead.
	bootstrapUnits = 8
)

// estimated makes an estimate from the mean of the observations without the given share of
// them at either end; 0 is the plain mean. Its error is Yuen's (K. K. Yuen, The two-sample
// trimmed t for unequal population variances, Biometrika 61, 1974), which without trimming is
// Student's. The interval is the bootstrap's, by percentiles that are a little further out than
// 2.5 and 97.5 %: the plain ones are too narrow for few observations (the expanded percentile
// interval of T. Hesterberg, What Teachers Should Know About the Bootstrap, The American
// Statistician 69, 2015).
func estimated(units []float64, trim float64, resamples int, rng *rand.Rand) estimate {
	e := estimate{n: len(units)}
	if e.n == 0 {
		return e
	}
	sorted := slices.Sorted(slices.Values(units))
	e.mean = trimmedMean(sorted, trim)
	if e.n < leastUnits {
		return e
	}
	e.known = true
	e.df = e.n - 2*trimmed(e.n, trim) - 1
	e.se = trimmedError(sorted, trim)
	t95 := stats.StudentBound(0.05, e.df)
	e.lo, e.hi = e.mean-t95*e.se, e.mean+t95*e.se
	e.p = 1
	if e.mean != 0 {
		e.p = stats.StudentBeyond(e.mean/e.se, e.df) // 0 without any spread
	}
	if e.n < bootstrapUnits {
		return e
	}
	means, drawn := make([]float64, resamples), make([]float64, e.n)
	for i := range means {
		for j := range drawn {
			drawn[j] = units[rng.IntN(e.n)]
		}
		if trim > 0 {
			slices.Sort(drawn)
		}
		means[i] = trimmedMean(drawn, trim)
	}
	slices.Sort(means)
	n := float64(e.n)
	tail := math.Erfc(math.Sqrt(n/(n-1)/2)*stats.StudentBound(0.05, e.n-1)) / 2 // of the normal distribution
	cut := min(int(tail*float64(resamples)), resamples-1)
	e.lo, e.hi = means[cut], means[resamples-1-cut]
	return e
}

// trimmed is how many of n observations are left out at either end.
func trimmed(n int, trim float64) int { return int(trim * float64(n)) }

// trimmedMean wants its observations sorted unless it trims none.
func trimmedMean(sorted []float64, trim float64) float64 {
	g := trimmed(len(sorted), trim)
	var sum float64
	for _, v := range sorted[g : len(sorted)-g] {
		sum += v
	}
	return sum / float64(len(sorted)-2*g)
}

// trimmedError is the standard error of the trimmed mean: that of observations of which the
// outer ones are replaced by the outermost that are kept.
func trimmedError(sorted []float64, trim float64) float64 {
	g, n := trimmed(len(sorted), trim), len(sorted)
	kept := func(i int) float64 { return sorted[min(max(i, g), n-1-g)] }
	var mean, squares float64
	for i := range n {
		mean += kept(i) / float64(n)
	}
	for i := range n {
		squares += (kept(i) - mean) * (kept(i) - mean)
	}
	h := float64(n - 2*g)
	return math.Sqrt(squares / h / (h - 1))
}

// holm says which of the chances are significant at 5 % as a family.
func holm(chances []float64) []bool {
	order := make([]int, len(chances))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(chances[i], chances[j]) })
	significant := make([]bool, len(chances))
	for rank, i := range order {
		if chances[i] > familyAlpha/float64(len(chances)-rank) {
			break
		}
		significant[i] = true
	}
	return significant
}

const familyAlpha = 0.05
