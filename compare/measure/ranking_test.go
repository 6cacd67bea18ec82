package measure

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance || math.IsNaN(a) && math.IsNaN(b)
}

// TestWeights holds the weights of the first depths, and that the rule for p keeps them for lists of any length.
func TestWeights(t *testing.T) {
	f := func(k int, p, weight float64) {
		t.Helper()
		if got := Persistence(k); !near(got, p, 1e-15) {
			t.Errorf("p for %d shown items is %v, want %v", k, got, p)
		}
		if got := Weight(p, k); !near(got, weight, 5e-5) {
			t.Errorf("the first %d depths have the weight %v with p = %v, want %v", k, got, p, weight)
		}
	}
	f(1, 0, 1)
	f(5, 0.8, 0.8609)
	f(10, 0.9, 0.8556)
	f(20, 0.95, 0.8534)
	f(50, 0.98, 0.8522)
	for k := 2; k <= 1000; k++ {
		if w := Weight(Persistence(k), k); w < 0.85 || w > 0.89 {
			t.Fatalf("the first %d depths have the weight %v", k, w)
		}
	}
}

// TestRanking holds what was computed by hand.
func TestRanking(t *testing.T) {
	nan := math.NaN()
	f := func(primary, candidate []float64, k int, p float64, top bool, overlap, rbo, ndcg, tau float64) {
		t.Helper()
		var r Ranking
		r.Load(primary, candidate)
		got := []float64{r.Overlap(k), r.RBO(p), r.NDCG(k), r.TauB()}
		for i, want := range []float64{overlap, rbo, ndcg, tau} {
			if !near(got[i], want, 1e-6) {
				t.Errorf("%v and %v: %s is %v, want %v", primary, candidate, []string{"overlap", "RBO", "NDCG", "tau-b"}[i], got[i], want)
			}
		}
		if r.TopChanged() != top {
			t.Errorf("%v and %v: top changed %v", primary, candidate, r.TopChanged())
		}
	}
	f(nil, nil, 3, 0.9, false, 1, 1, 1, nan)
	f([]float64{7}, []float64{1}, 3, 0.9, false, 1, 1, 1, nan)
	f([]float64{2, 1}, []float64{1, 2}, 1, 0.9, true, 0, 0.9, 0.5, -1)
	f([]float64{3, 2, 1}, []float64{2, 3, 1}, 3, 0.9, true, 1, 0.9, 0.8754934, 1.0/3)
	f([]float64{4, 3, 2, 1}, []float64{4, 2, 3, 1}, 2, 0.5, false, 0.5, 1-0.25*0.5, (1+1/(3*math.Log2(3)))/(1+1/(2*math.Log2(3))), 2.0/3)
	// Ties: positions order equal scores in the lists, and tau-b takes no side.
	f([]float64{1, 2, 2, 3}, []float64{1, 2, 3, 4}, 2, 0.5, false, 0.5, 0.875, (1+1/(3*math.Log2(3)))/(1+1/(2*math.Log2(3))), 5/math.Sqrt(30))
	f([]float64{1, 1, 2}, []float64{1, 1, 2}, 3, 0.9, false, 1, 1, 1, 1)
	f([]float64{1, 1, 2}, []float64{2, 1, 1}, 1, 0.5, true, 0, 0.375, 0.5, -0.5)
	f([]float64{1, 1, 1}, []float64{1, 2, 3}, 1, 0, true, 0, 0, 1.0/3, nan)
	f([]float64{12, 2, 1, 12, 2}, []float64{1, 4, 7, 1, 0}, 5, 0, true, 1, 0, 0.7331949, -math.Sqrt2/3)
	// What is no number stands last, behind the negative infinity.
	f([]float64{nan, math.Inf(-1), 1}, []float64{1, 2, 3}, 2, 0.5, false, 1, 1, 1, 1)
}

// TestTauDistance holds what stands for a correlation that is not defined.
func TestTauDistance(t *testing.T) {
	f := func(primary, candidate []float64, want float64) {
		t.Helper()
		var r Ranking
		r.Load(primary, candidate)
		if got := r.TauDistance(); got != want {
			t.Errorf("%v and %v: %v, want %v", primary, candidate, got, want)
		}
	}
	f([]float64{1}, []float64{9}, 0)
	f([]float64{1, 1, 1}, []float64{2, 2, 2}, 0)
	f([]float64{1, 1, 1}, []float64{1, 2, 3}, 0.5)
	f([]float64{1, 2, 3}, []float64{1, 1, 1}, 0.5)
	f([]float64{1, 2, 3}, []float64{10, 20, 30}, 0)
	f([]float64{1, 2, 3}, []float64{3, 2, 1}, 1)
}

// scoreLists draws two lists of as many scores, with ties, and things that are no numbers.
func scoreLists(t *rapid.T) (a, b []float64) {
	score := rapid.OneOf(rapid.Map(rapid.IntRange(-5, 5), func(i int) float64 { return float64(i) }), rapid.Float64(), rapid.Just(math.NaN()))
	n := rapid.IntRange(0, 40).Draw(t, "n")
	return rapid.SliceOfN(score, n, n).Draw(t, "a"), rapid.SliceOfN(score, n, n).Draw(t, "b")
}

// better tells by the definition whether item i stands before item k.
func better(scores []float64, i, k int) int {
	x, y := scores[i], scores[k]
	switch {
	case x == y || x != x && y != y:
		return 0
	case x > y || y != y:
		return 1
	}
	return -1
}

// slowTau is tau-b by its definition, over all pairs.
func slowTau(a, b []float64) float64 {
	var concordance, inA, inB float64
	for i := range a {
		for k := range i {
			x, y := better(a, i, k), better(b, i, k)
			concordance += float64(x * y)
			inA, inB = inA+float64(x*x), inB+float64(y*y)
		}
	}
	return concordance / math.Sqrt(inA*inB)
}

// slowOrder is the items by rank, by insertion.
func slowOrder(scores []float64) (order []int) {
	for i := range scores {
		at := 0
		for at < len(order) && better(scores, order[at], i) >= 0 {
			at++
		}
		order = slices.Insert(order, at, i)
	}
	return order
}

// slowRBO is the extrapolated form as it is published, at depth k.
func slowRBO(a, b []int, p float64, k int) float64 {
	sum, both := 0.0, 0
	for d := 1; d <= k; d++ {
		both = 0
		for _, item := range a[:d] {
			if slices.Contains(b[:d], item) {
				both++
			}
		}
		sum += float64(both) / float64(d) * math.Pow(p, float64(d))
	}
	return float64(both)/float64(k)*math.Pow(p, float64(k)) + (1-p)/p*sum
}

// TestRankingProperties holds the fast ways to the definitions, and what must hold for any two lists.
func TestRankingProperties(t *testing.T) {
	var r, back Ranking
	rapid.Check(t, func(t *rapid.T) {
		a, b := scoreLists(t)
		k, p := rapid.IntRange(1, 45).Draw(t, "k"), rapid.Float64Range(0.01, 0.99).Draw(t, "p")
		r.Load(a, b)
		back.Load(b, a)
		if got, want := r.TauB(), slowTau(a, b); !near(got, want, 1e-12) || math.Abs(got) > 1 {
			t.Fatalf("tau-b is %v, want %v", got, want)
		}
		if len(a) > 0 {
			if got, want := r.RBO(p), slowRBO(slowOrder(a), slowOrder(b), p, len(a)); !near(got, want, 1e-12) {
				t.Fatalf("RBO is %v, want %v", got, want)
			}
		}
		for name, both := range map[string][2]float64{
			"tau-b": {r.TauB(), back.TauB()}, "tau distance": {r.TauDistance(), back.TauDistance()},
			"RBO": {r.RBO(p), back.RBO(p)}, "overlap": {r.Overlap(k), back.Overlap(k)},
		} {
			if !near(both[0], both[1], 0) {
				t.Fatalf("%s is %v, and %v the other way round", name, both[0], both[1])
			}
		}
		for name, x := range map[string]float64{"tau distance": r.TauDistance(), "RBO": r.RBO(p), "overlap": r.Overlap(k), "NDCG": r.NDCG(k)} {
			if !(x >= 0 && x <= 1) {
				t.Fatalf("%s is %v", name, x)
			}
		}
		if r.Load(a, a); r.RBO(p) != 1 || r.NDCG(k) != 1 || r.Overlap(k) != 1 || r.TauDistance() != 0 || r.TopChanged() {
			t.Fatal("a list is not like itself")
		}
	})
}

// TestPermutation holds that the places of items in a request are no part of the measures: tau-b never looks at them, and
// the others where no scores are equal.
func TestPermutation(t *testing.T) {
	var r, moved Ranking
	rapid.Check(t, func(t *rapid.T) {
		a, b := scoreLists(t)
		to := rapid.Permutation(rangeOf(len(a))).Draw(t, "to")
		a2, b2 := make([]float64, len(a)), make([]float64, len(b))
		for i, at := range to {
			a2[at], b2[at] = a[i], b[i]
		}
		r.Load(a, b)
		moved.Load(a2, b2)
		if !near(r.TauB(), moved.TauB(), 0) {
			t.Fatalf("tau-b is %v, and %v after a permutation", r.TauB(), moved.TauB())
		}
		if r.primary.tied+r.candidate.tied > 0 {
			return
		}
		before, after := fmt.Sprint(r.RBO(0.9), r.Overlap(3), r.NDCG(3), r.TopChanged()), fmt.Sprint(moved.RBO(0.9), moved.Overlap(3), moved.NDCG(3), moved.TopChanged())
		if before != after {
			t.Fatalf("%s, and %s after a permutation", before, after)
		}
	})
}

func rangeOf(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// list500 is two lists of 500 scores that are much alike.
func list500() (a, b []float64) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		x := r.NormFloat64()
		a, b = append(a, x), append(b, x+0.1*r.NormFloat64())
	}
	return a, b
}

func BenchmarkRanking500(b *testing.B) {
	first, second := list500()
	var r Ranking
	var sum float64
	for b.Loop() {
		r.Load(first, second)
		sum += r.TauB() + r.RBO(0.9) + r.NDCG(10) + r.Overlap(10)
	}
	if math.IsNaN(sum) {
		b.Fatal("a measure is not a number")
	}
}

func BenchmarkTauB500(b *testing.B) {
	first, second := list500()
	var r Ranking
	r.Load(first, second)
	for b.Loop() {
		r.TauB()
	}
}
