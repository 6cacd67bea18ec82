package main

import (
	"math"
	"slices"
)

// walsh are the means of all pairs of some differences, each with itself too, in ascending order. Their median estimates a constant
// shift, and those of a rank bound it (J. L. Hodges and E. L. Lehmann, Annals of Mathematical Statistics 34, 1963). The order of the
// slices of a pair is drawn, so differences less such a shift are symmetric, whatever their distribution; a slice in which the
// machine was away for 50 ms is one rank, where it would move a mean.
type walsh []float64

func walshOf(differences []float64) walsh {
	n := len(differences)
	w := make(walsh, 0, n*(n+1)/2)
	for i, a := range differences {
		for _, b := range differences[i:] {
			w = append(w, (a+b)/2)
		}
	}
	slices.Sort(w)
	return w
}

// median is 0 if there are no differences.
func (w walsh) median() float64 {
	if len(w) == 0 {
		return 0
	}
	return (w[(len(w)-1)/2] + w[len(w)/2]) / 2
}

// bounds are a lower and an upper bound of the shift, each at a level of one side; infinite if there are too few differences for it.
func (w walsh) bounds(level float64) (low, high float64) {
	n := int((math.Sqrt(float64(8*len(w)+1)) - 1) / 2)
	k := rank(n, 1-level)
	if k < 0 {
		return math.Inf(-1), math.Inf(1)
	}
	return w[k], w[len(w)-1-k]
}

// rank is the largest k for which the sum of the positive ranks of n differences is at most k with a chance of at most alpha, if their
// distribution is symmetric around 0 (F. Wilcoxon, Biometrics Bulletin 1, 1945); -1 if there is none. It is exact.
func rank(n int, alpha float64) int {
	// chance of each sum of ranks of the differences so far
	chance := make([]float64, n*(n+1)/2+1)
	chance[0] = 1
	for i := 1; i <= n; i++ {
		for s := i * (i + 1) / 2; s >= 0; s-- {
			chance[s] /= 2
			if s >= i {
				chance[s] += chance[s-i] / 2
			}
		}
	}
	k, total := -1, 0.0
	for _, c := range chance {
		if total += c; total > alpha {
			break
		}
		k++
	}
	return k
}

// p99 are the differences of the p99, in seconds.
func (r *result) p99() walsh {
	var d []float64
	for _, p := range r.Pairs {
		d = append(d, p.On.P99-p.Off.P99)
	}
	return walshOf(d)
}

// cpu are the differences of the CPU of a request, as a share of what one takes without the candidate in the median slice.
func (r *result) cpu() walsh {
	var d []float64
	_, off := r.without()
	for _, p := range r.Pairs {
		d = append(d, (p.On.CPU-p.Off.CPU)/off)
	}
	return walshOf(d)
}

// without are the p99 and the CPU of the median slice without the candidate.
func (r *result) without() (p99, cpu float64) {
	var a, b []float64
	for _, p := range r.Pairs {
		a, b = append(a, p.Off.P99), append(b, p.Off.CPU)
	}
	slices.Sort(a)
	slices.Sort(b)
	if n := len(r.Pairs); n > 0 {
		p99, cpu = a[n/2], b[n/2]
	}
	return p99, cpu
}

// looks is how often a measurement may ask whether it is decided: after each third of its pairs.
const looks = 3

// decided tells that both bounds lie within their limits, at the strictest level that Holm's rule asks of one of the kinds,
// divided by the looks. The control is never decided.
func (r *result) decided() bool {
	if r.Kind == kinds[0].name {
		return false
	}
	level := 1 - 0.05/float64(looks*(len(kinds)-1))
	_, p99 := r.p99().bounds(level)
	_, cpu := r.cpu().bounds(level)
	return p99 <= limits.p99 && cpu <= limits.cpu
}
