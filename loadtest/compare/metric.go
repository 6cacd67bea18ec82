package compare

import (
	"math"
	"slices"

	"sluice/loadtest/stats"
)

// metric is a quantity of which B's is compared with A's.
type metric struct {
	name, unit string
	// need is how many right answers a side must have in the whole run for the figure to be given.
	need int
	// enough says whether a side of a pair has what an observation takes.
	enough func(side) bool
	// value of a side that has enough, above 0.
	value func(side) float64
	// trim is the share of the observations that is left out at either end. It is for the median
	// alone: that of the whole run is blind, too, to what happens in a fifth of the time. Tails
	// and means are not, and a target that stalls in few blocks must not be excused.
	trim float64
	// more and less are the verdicts if B's is larger or smaller.
	more, less string
}

// beyond is how many samples must lie beyond a quantile in each observation. With fewer it is
// the maximum of the block, with more blocks must be pooled until few are left.
const beyond = 3

func quantileMetric(name string, q float64) metric {
	least := int(math.Ceil(beyond/(1-q) - 1e-9))
	return metric{
		name: name, unit: "ms", need: int(stats.EarlyStop(q, 0, stats.Confidence)),
		enough: func(s side) bool { return len(s.latencies) >= least },
		value: func(s side) float64 {
			sorted := s.latencies
			if !slices.IsSorted(sorted) {
				sorted = slices.Sorted(slices.Values(sorted))
			}
			return atQuantile(sorted, q)
		},
		more: slower, less: faster,
	}
}

const (
	slower = "B is slower"
	faster = "B is faster"
	none   = "no difference shown"
)

func latencyMetrics() []metric {
	median := quantileMetric("p50", 0.5)
	median.trim = 0.2
	return []metric{
		median,
		quantileMetric("p90", 0.9),
		quantileMetric("p99", 0.99),
		{
			name: "mean", unit: "ms", need: 2,
			enough: func(s side) bool { return len(s.latencies) >= 2*beyond },
			value: func(s side) float64 {
				var sum float64
				for _, l := range s.latencies {
					sum += l
				}
				return sum / float64(len(s.latencies))
			},
			more: slower, less: faster,
		},
	}
}

// ticks is the CPU time below which the kernel's counting in steps of 10 ms is too coarse.
const ticks = 0.2

func cpuMetric() metric {
	return metric{
		name: "cpu per good answer", unit: "µs", need: 1,
		enough: func(s side) bool { return s.cpu >= ticks && s.good > 0 },
		value:  func(s side) float64 { return 1e6 * s.cpu / float64(s.good) },
		more:   "B needs more CPU", less: "B needs less CPU",
	}
}

// logRatios are the observations: of pairs, pooled as far as the metric needs it, the logarithm
// of the second side's value over the first's. Each pools size pairs on average, rounded down.
func (m metric) logRatios(lists ...[]pair) (ratios []float64, size int) {
	groups, pairs := 0, 0
	for _, list := range lists {
		for _, g := range pooled(list, m.enough) {
			groups++
			if a, b := m.value(g[0]), m.value(g[1]); a > 0 && b > 0 {
				ratios = append(ratios, math.Log(b/a))
			}
		}
		pairs += len(list)
	}
	return ratios, pairs / max(groups, 1)
}

// atQuantile is the nearest rank.
func atQuantile(sorted []float64, q float64) float64 {
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
