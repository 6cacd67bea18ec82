package measure

import (
	"cmp"
	"math"
	"slices"
)

// Ranking compares the orders that two lists of scores give to the same items. The best item has rank 0. Items with
// equal scores stand in the order of their positions, in both lists alike; a score that is not a number stands last.
// It keeps its memory from list to list. It is not safe for concurrent use.
type Ranking struct {
	primary, candidate side
	pairs, merged      []int32 // memory of TauB
	joined             []int32 // memory of RBO
}

// side is one of the two lists.
type side struct {
	items []int32 // by rank
	rank  []int32 // by item
	grade []int32 // by item: the number of scores that are better; equal scores have equal grades
	tied  int64   // pairs of items with equal scores
}

// Load reads the scores of the items by position. Both lists must have the same length.
func (r *Ranking) Load(primary, candidate []float64) {
	if len(primary) != len(candidate) {
		panic("BUG: lists of different lengths have no common items")
	}
	r.primary.load(primary)
	r.candidate.load(candidate)
}

func (s *side) load(scores []float64) {
	n := len(scores)
	s.items, s.rank, s.grade = resize(s.items, n), resize(s.rank, n), resize(s.grade, n)
	for i := range s.items {
		s.items[i] = int32(i)
	}
	slices.SortFunc(s.items, func(a, b int32) int {
		if c := cmp.Compare(scores[b], scores[a]); c != 0 {
			return c
		}
		return int(a - b)
	})
	s.tied = 0
	first := 0 // rank of the first item with this score
	for rank, item := range s.items {
		if cmp.Compare(scores[item], scores[s.items[first]]) != 0 {
			first = rank
		}
		s.tied += int64(rank - first)
		s.rank[item], s.grade[item] = int32(rank), int32(first)
	}
}

func resize(s []int32, n int) []int32 { return slices.Grow(s[:0], n)[:n] }

// Len is the number of items.
func (r *Ranking) Len() int { return len(r.primary.items) }

// TopChanged tells whether another item is first.
func (r *Ranking) TopChanged() bool {
	return r.Len() > 0 && r.primary.items[0] != r.candidate.items[0]
}

// Overlap is the share of the first k items that both lists have there, k being cut to the list's length. It is 1 for
// an empty list.
func (r *Ranking) Overlap(k int) float64 {
	k = min(k, r.Len())
	if k <= 0 {
		return 1
	}
	both := 0
	for _, item := range r.candidate.items[:k] {
		if int(r.primary.rank[item]) < k {
			both++
		}
	}
	return float64(both) / float64(k)
}

// RBO is the rank-biased overlap of the two lists with persistence p from 0 up to but not including 1, extrapolated
// (RBO_ext, Webber, Moffat and Zobel 2010, section 4.3) and evaluated at the lists' whole length. It is in [0,1], and 1
// only where the orders are the same. See Persistence for p.
func (r *Ranking) RBO(p float64) float64 { return 1 - r.distance(p) }

// distance is 1 - RBO. The weights of all depths sum to 1, and lists of the same items agree in full at their end and
// beyond, so it is the sum of what the shallower depths lack; summed like this it is exactly 0 for equal orders.
func (r *Ranking) distance(p float64) float64 {
	r.joined = resize(r.joined, r.Len())
	clear(r.joined)
	for rank, item := range r.candidate.items {
		r.joined[max(int32(rank), r.primary.rank[item])]++ // from that depth on both lists have the item
	}
	lacks, weight, both := 0.0, 1-p, 0
	for i, n := range r.joined {
		both += int(n)
		lacks += weight * (1 - float64(both)/float64(i+1))
		weight *= p
	}
	return min(lacks, 1)
}

// Persistence is the p of rank-biased overlap for lists of which a product shows k items: 1 - 1/k. The first k depths
// have 85 to 89 % of the weight then (see Weight), and all of it for k = 1.
func Persistence(k int) float64 { return 1 - 1/float64(max(k, 1)) }

// Weight is the share of the whole weight of rank-biased overlap that the first d depths have, with persistence p
// (Webber, Moffat and Zobel 2010, equation 21).
func Weight(p float64, d int) float64 {
	if p <= 0 {
		return 1
	}
	rest, power := -math.Log1p(-p), 1.0 // ln(1/(1-p)), and what is left of its series
	for i := 1; i < d; i++ {
		power *= p
		rest -= power / float64(i)
	}
	return 1 - power + (1-p)/p*float64(d)*rest
}

// NDCG is the normalised discounted cumulative gain of the candidate's first k items where the primary's order is
// taken for the truth: the gain of an item is 1/rank in the primary's list, ranks from 1, and the discount of a place
// log2(place + 1). It is in (0,1], and 1 where the first k items are the same in the same order; 1 for an empty list.
func (r *Ranking) NDCG(k int) float64 {
	got, best := 0.0, 0.0
	for i, item := range r.candidate.items[:max(min(k, r.Len()), 0)] {
		discount := math.Log2(float64(i + 2))
		got += 1 / (float64(r.primary.rank[item]+1) * discount)
		best += 1 / (float64(i+1) * discount)
	}
	if best == 0 {
		return 1
	}
	return min(got/best, 1)
}
