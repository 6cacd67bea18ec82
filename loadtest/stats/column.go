package stats

import (
	"math"
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
	l := asked(int64(len(c.ns)), o.Quantiles)
	if l.N == 0 {
		return l
	}
	ns := sorted(c.ns)
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
	l := asked(n, o.Quantiles)
	l.Mean, l.Min, l.Max = right.Mean, right.Min, right.Max
	ns := sorted(c.ns)
	l.Quantiles = slices.DeleteFunc(l.Quantiles, func(q result.Quantile) bool { return rank(q.Q, n) > int64(len(ns)) })
	for i := range l.Quantiles {
		q := &l.Quantiles[i]
		q.Ms = milliseconds(float64(ns[rank(q.Q, n)-1]))
	}
	return l
}

// asked is a latency of n samples with the quantiles that so many can give, still without figures.
func asked(n int64, quantiles []float64) result.Latency {
	l := result.Latency{N: n, Quantiles: []result.Quantile{}}
	for _, q := range quantiles {
		if need := EarlyStop(q, 0, Confidence); n < need {
			l.Refused = append(l.Refused, result.Refusal{Q: q, Need: need})
		} else {
			l.Quantiles = append(l.Quantiles, result.Quantile{Q: q})
		}
	}
	return l
}

// sorted are latencies in order.
func sorted(ns []int64) []int64 {
	ns = slices.Clone(ns)
	sortLatencies(ns)
	return ns
}

// bound adds the confidence intervals. The quantile itself is exact and the interval is of
// buckets, so it is widened to hold it where they differ by less than a bucket.
func (c *Column) bound(l *result.Latency, length time.Duration, o Options) {
	b := newBlocks(c.ns, c.second, int(length/time.Second))
	if b == nil || len(l.Quantiles) == 0 {
		return
	}
	var given []float64
	for _, q := range l.Quantiles {
		given = append(given, q.Q)
	}
	for i, ends := range b.intervals(given, o.Resamples, o.Seed) {
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

// maxSpectrum is how many points a spectrum has at most.
const maxSpectrum = 200

// spectrum is the whole distribution for a plot against 1/(1-p): X grows by a constant
// factor from 1 at the smallest sample to n at the largest, Y is the latency in ms that the
// part p = 1-1/X of the samples is below. Where there are fewer samples than points, each is
// there once.
func spectrum(sorted []int64) []result.Point {
	n := float64(len(sorted))
	var points []result.Point
	last := 0
	for i := range maxSpectrum {
		x := math.Pow(n, float64(i)/(maxSpectrum-1))
		below := int(math.Round(n * (1 - 1/x)))
		at := min(below+1, len(sorted)) // the rank
		if at == last {
			continue
		}
		last = at
		points = append(points, result.Point{X: n / (n - float64(at) + 1), Y: milliseconds(float64(sorted[at-1]))})
	}
	return points
}
