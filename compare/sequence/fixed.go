package sequence

import (
	"fmt"
	"math"
	"slices"
)

// The intervals of this file are for a closed window that is read once. Whoever looks again with each unit, and stops when it suits,
// is wrong far more often than alpha.

// quantile is that of the standard normal distribution.
func quantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// Wilson is the score interval of a share: count of n independent units, at 1 - alpha. It is [0, 1] without units.
//
// Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
func Wilson(count, n int64, alpha float64) Interval {
	if count < 0 || count > n {
		panic(fmt.Sprintf("BUG: %d of %d units", count, n))
	}
	if n == 0 {
		return Interval{0, 1}
	}
	z, m := quantile(1-alpha/2), float64(n)
	p := float64(count) / m
	centre := (p + z*z/2/m) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/4/m/m)
	// At the ends rounding would leave out what was observed.
	return Interval{min(max(centre-half, 0), p), max(min(centre+half, 1), p)}
}

// Newcombe is the hybrid score interval of the difference of two shares, count1 of n1 less count2 of n2, at 1 - alpha. Units are
// independent: where a unit has several rows it counts as one, or this is the wrong interval.
//
// Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statistics in
// Medicine 17 (1998), 873-890, method 10.
func Newcombe(count1, n1, count2, n2 int64, alpha float64) Interval {
	a, b := Wilson(count1, n1, alpha), Wilson(count2, n2, alpha)
	if n1 == 0 || n2 == 0 {
		return Interval{-1, 1}
	}
	p, q := float64(count1)/float64(n1), float64(count2)/float64(n2)
	return Interval{p - q - math.Hypot(p-a.Low, b.High-q), p - q + math.Hypot(a.High-p, q-b.Low)}
}

// TOST is the interval of the two one-sided tests of equivalence at level alpha, which is one of 1 - 2 alpha. Variance is that of
// the mean. A mean is equivalent to 0 if Judge finds the interval Within the margin. The mean is taken to be normal: that
// wants 100 units.
//
// Source: D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987), 657-680.
func TOST(mean, variance, alpha float64) Interval {
	half := quantile(1-alpha) * math.Sqrt(variance)
	return Interval{mean - half, mean + half}
}

// ClusterMean is the mean over rows, with a variance that knows that rows of one unit go together. Its zero value has no units.
//
// Source: the sandwich variance of K.-Y. Liang and S. L. Zeger, Biometrika 73 (1986), 13-22, for a mean:
// G/(G-1) / N^2 times the sum over G units of (sum of the unit's rows - its rows * mean)^2, N rows in all.
type ClusterMean struct {
	units, rows float64
	// shift is the first unit's mean. What is summed is less that, so that a large mean cancels nothing.
	shift float64
	// Of the sums of units and their numbers of rows: the total, squares and product.
	sum, sumSquares, rowSquares, product float64
}

// Add counts a unit of at least one row, with the sum of its rows' values.
func (c *ClusterMean) Add(rows int, sum float64) {
	if rows < 1 {
		panic(fmt.Sprintf("BUG: a unit of %d rows", rows))
	}
	m := float64(rows)
	if c.units == 0 {
		c.shift = sum / m
	}
	s := sum - m*c.shift
	c.units++
	c.rows += m
	c.sum += s
	c.sumSquares += s * s
	c.rowSquares += m * m
	c.product += s * m
}

// Mean is that of all rows, 0 without any.
func (c *ClusterMean) Mean() float64 { return c.shift + c.sum/max(c.rows, 1) }

// Variance is that of the mean, infinite with fewer than two units.
func (c *ClusterMean) Variance() float64 {
	if c.units < 2 {
		return math.Inf(1)
	}
	mean := c.sum / c.rows
	squares := c.sumSquares - 2*mean*c.product + mean*mean*c.rowSquares
	return c.units / (c.units - 1) * max(squares, 0) / (c.rows * c.rows)
}

// BenjaminiHochberg tells of each p-value whether it is a discovery, where rate is the expected part of false ones among all
// discoveries. It is for tables of segments, of which the largest finds are looked at.
//
// Source: Y. Benjamini and Y. Hochberg, Journal of the Royal Statistical Society B 57 (1995), 289-300.
func BenjaminiHochberg(p []float64, rate float64) []bool {
	rising := slices.Sorted(slices.Values(p))
	most := math.Inf(-1)
	for i, v := range rising {
		if v <= rate*float64(i+1)/float64(len(p)) {
			most = v
		}
	}
	found := make([]bool, len(p))
	for i, v := range p {
		found[i] = v <= most
	}
	return found
}
