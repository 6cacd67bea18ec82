package stats

import (
	"slices"
	"time"

	"sluice/loadtest/result"
)

// Confidence is that of statements about quantiles; intervals have 95 %, as usual.
const Confidence = 0.99

// DefaultQuantiles are given if no others are asked for.
var DefaultQuantiles = []float64{0.5, 0.9, 0.95, 0.99, 0.999}

// Quantiles are the default ones and others, ascending, each once.
func Quantiles(more ...float64) []float64 {
	all := slices.Concat(DefaultQuantiles, more)
	slices.Sort(all)
	return slices.Compact(all)
}

// Column is latencies of one clock, in any order.
type Column struct {
	ns     []int64
	second []int32
}

// Add adds a latency of a request that was meant to be sent at an instant after the
// window's start.
func (c *Column) Add(at, d time.Duration) {
	c.ns = append(c.ns, int64(d))
	c.second = append(c.second, int32(max(at, 0)/time.Second))
}

// Latency sums the column up. length is that of the window.
func (c *Column) Latency(length time.Duration, o Options) result.Latency {
	o = o.orDefault()
	l := result.Latency{N: int64(len(c.ns)), Quantiles: []result.Quantile{}}
	for _, q := range o.Quantiles {
		if need := EarlyStop(q, 0, Confidence); l.N < need {
			l.Refused = append(l.Refused, result.Refusal{Q: q, Need: need})
		} else {
			l.Quantiles = append(l.Quantiles, result.Quantile{Q: q})
		}
	}
	if l.N == 0 {
		return l
	}
	ns := slices.Clone(c.ns)
	sortLatencies(ns)
	l.Mean, l.Min, l.Max = milliseconds(mean(ns)), milliseconds(float64(ns[0])), milliseconds(float64(ns[len(ns)-1]))
	for i := range l.Quantiles {
		l.Quantiles[i].Ms = nearest(ns, l.Quantiles[i].Q)
	}
	c.bound(&l, length, o)
	l.Spectrum = spectrum(ns)
	h := NewHistogram()
	for _, v := range ns {
		h.Add(time.Duration(v))
	}
	l.HDR, l.Clamped = h.Encode(), h.Clamped
	return l
}

// every is the same of n requests, of which those that are not in the column are slower than any.
func (c *Column) every(n int64, right *result.Latency, o Options) result.Latency {
	l := result.Latency{N: n, Mean: right.Mean, Min: right.Min, Max: right.Max, Quantiles: []result.Quantile{}}
	ns := slices.Clone(c.ns)
	sortLatencies(ns)
	for _, q := range o.Quantiles {
		if need := EarlyStop(q, 0, Confidence); n < need {
			l.Refused = append(l.Refused, result.Refusal{Q: q, Need: need})
		} else if at := rank(q, n); at <= int64(len(ns)) {
			l.Quantiles = append(l.Quantiles, result.Quantile{Q: q, Ms: milliseconds(float64(ns[at-1]))})
		}
	}
	return l
}

// bound adds the confidence intervals. The quantile itself is exact and the interval is of
// buckets, so it is widened to hold it where they differ by less than a bucket.
func (c *Column) bound(l *result.Latency, length time.Duration, o Options) {
	b := newBlocks(c.ns, c.second, int(length/time.Second))
	if b == nil || len(l.Quantiles) == 0 {
		return
	}
	var asked []float64
	for _, q := range l.Quantiles {
		asked = append(asked, q.Q)
	}
	for i, ends := range b.intervals(asked, o.Resamples, o.Seed) {
		q := &l.Quantiles[i]
		q.Lo, q.Hi = min(milliseconds(ends[0]), q.Ms), max(milliseconds(ends[1]), q.Ms)
	}
}

// nearest is a quantile of sorted latencies, in ms.
func nearest(sorted []int64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return milliseconds(float64(sorted[rank(q, int64(len(sorted)))-1]))
}

func mean(ns []int64) float64 {
	var sum float64
	for _, v := range ns {
		sum += float64(v)
	}
	return sum / float64(max(len(ns), 1))
}

func milliseconds(ns float64) float64 { return ns / float64(time.Millisecond) }
