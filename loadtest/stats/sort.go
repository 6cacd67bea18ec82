package stats

import "slices"

// sortLatencies sorts in place, by eleven bits at a time from the lowest (radix sort), which
// takes a fifth of the time of comparisons for a million latencies; see BenchmarkSort.
func sortLatencies(v []int64) {
	const digit, few = 11, 2048
	if len(v) < few {
		slices.Sort(v)
		return
	}
	least, most := slices.Min(v), slices.Max(v)
	from, to := v, make([]int64, len(v))
	for shift := 0; uint64(most-least)>>shift > 0; shift += digit {
		var at [1 << digit]int
		for _, x := range from {
			at[uint64(x-least)>>shift&(1<<digit-1)]++
		}
		sum := 0
		for i, n := range at {
			at[i], sum = sum, sum+n
		}
		for _, x := range from {
			d := uint64(x-least) >> shift & (1<<digit - 1)
			to[at[d]] = x
			at[d]++
		}
		from, to = to, from
	}
	if &from[0] != &v[0] {
		copy(v, from)
	}
}
