package load

import (
	"cmp"
	"maps"
	"slices"
)

// tally counts values.
type tally[T cmp.Ordered] map[T]int64

func (t tally[T]) sum() (n int64) {
	for _, k := range t {
		n += k
	}
	return n
}

// shares are the values of a tally, most frequent first.
func shares[T cmp.Ordered](t tally[T], name func(T) string) []Share {
	values := slices.SortedFunc(maps.Keys(t), func(a, b T) int {
		return cmp.Or(cmp.Compare(t[b], t[a]), cmp.Compare(a, b))
	})
	all := t.sum()
	out := make([]Share, len(values))
	for i, v := range values {
		out[i] = Share{name(v), t[v], float64(t[v]) / float64(all)}
	}
	return out
}

func sizes(t tally[int64]) Sizes {
	if len(t) == 0 {
		return Sizes{}
	}
	values := slices.Sorted(maps.Keys(t))
	s := Sizes{N: t.sum(), Min: values[0], Max: values[len(values)-1]}
	// The quantile is the least value that at least that part of the numbers does not exceed.
	quantile := func(hundredths int64) int64 {
		rank, seen := (s.N*hundredths+99)/100, int64(0)
		for _, v := range values {
			if seen += t[v]; seen >= rank {
				return v
			}
		}
		return s.Max
	}
	s.P50, s.P90, s.P99 = quantile(50), quantile(90), quantile(99)
	for v, n := range t {
		s.Mean += float64(v) * float64(n) / float64(s.N)
	}
	return s
}
