package measure

import (
	"math"
	"slices"
)

// TauB is Kendall's rank correlation with its correction for ties, in [-1,1], in O(n log n) time (Knight 1966). It is NaN
// where all scores of a list are equal, or there are fewer than two items. Positions break no ties here.
func (r *Ranking) TauB() float64 {
	n := int64(r.Len())
	all := n * (n - 1) / 2
	primary, candidate := all-r.primary.tied, all-r.candidate.tied
	if primary == 0 || candidate == 0 {
		return math.NaN()
	}
	tied := r.sortPairs()
	// All pairs but those that are tied in a list are either concordant or discordant.
	concordance := all - r.primary.tied - r.candidate.tied + tied - 2*r.inversions()
	return float64(concordance) / math.Sqrt(float64(primary)*float64(candidate))
}

// TauDistance is (1 - TauB)/2, in [0,1]. Where TauB is not defined it is 0 if neither list prefers any item to another,
// and a half, as for lists without a relation, if only one of them does not.
func (r *Ranking) TauDistance() float64 {
	tau := r.TauB()
	switch {
	case !math.IsNaN(tau):
		return (1 - tau) / 2
	case r.primary.tied == r.candidate.tied:
		return 0
	default:
		return 0.5
	}
}

// sortPairs puts the items into the order of the primary, those that it ties into that of the candidate, and sets pairs
// to their grades in the candidate. It returns the pairs of items that are tied in both lists.
func (r *Ranking) sortPairs() (tied int64) {
	items := r.primary.items
	r.pairs = resize(r.pairs, len(items))
	for i, item := range items {
		r.pairs[i] = r.candidate.grade[item]
	}
	for from, to := 0, 0; from < len(items); from = to {
		grade := r.primary.grade[items[from]]
		for to = from + 1; to < len(items) && r.primary.grade[items[to]] == grade; to++ {
		}
		group := r.pairs[from:to]
		slices.Sort(group)
		run := 0
		for i := 1; i < len(group); i++ {
			if run++; group[i] != group[i-1] {
				run = 0
			}
			tied += int64(run)
		}
	}
	return tied
}

// inversions counts the pairs in which a larger grade stands before a smaller one, while it sorts them by merging.
func (r *Ranking) inversions() (count int64) {
	r.merged = resize(r.merged, len(r.pairs))
	from, to := r.pairs, r.merged
	for width := 1; width < len(from); width *= 2 {
		for low := 0; low < len(from); low += 2 * width {
			middle, high := min(low+width, len(from)), min(low+2*width, len(from))
			i, j := low, middle
			for k := low; k < high; k++ {
				if j == high || i < middle && from[i] <= from[j] {
					to[k] = from[i]
					i++
				} else {
					to[k] = from[j]
					j++
					count += int64(middle - i)
				}
			}
		}
		from, to = to, from
	}
	return count
}
