package telemetry

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

func TestIndexAtBounds(t *testing.T) {
	f := func(s *scale, v float64, want int) {
		t.Helper()
		if got := s.index(v); got != want {
			t.Errorf("index(%g) = %d, want %d", v, got, want)
		}
	}
	for _, s := range []*scale{durations, batchRows, ratios} {
		last := s.buckets() - 1
		f(s, 0, 0)
		f(s, -1, 0)
		f(s, math.NaN(), 0)
		f(s, math.Inf(-1), 0)
		f(s, math.SmallestNonzeroFloat64, 0)
		f(s, math.Exp2(float64(s.low)), 0)
		f(s, math.Exp2(float64(s.high)), last)
		f(s, math.Exp2(float64(s.high))*3, last)
		f(s, math.Inf(1), last)
		for i := range last {
			bound := math.Exp2(float64(s.low) + float64(i)/perOctave)
			f(s, bound*0.9999, max(i, 0))
			f(s, bound*1.0001, i+1)
		}
	}
	for _, rows := range []int{1, 2, 4, 64, 4096} {
		if got := (reading{scale: batchRows, buckets: one(batchRows, float64(rows))}).upTo(int(math.Log2(float64(rows)))); got != 1 {
			t.Errorf("%d rows are not counted up to their own bound", rows)
		}
	}
}

func one(s *scale, v float64) []uint64 {
	buckets := make([]uint64, s.buckets())
	buckets[s.index(v)]++
	return buckets
}

// TestNativeBuckets holds our buckets, spans and deltas against those of the
// library's own native histogram for the same values.
func TestNativeBuckets(t *testing.T) {
	f := func(values ...time.Duration) {
		t.Helper()
		reference := prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "x", NativeHistogramBucketFactor: 1.1, NativeHistogramZeroThreshold: math.Exp2(-20),
		})
		c := newCells(durations.size())
		for _, v := range values {
			reference.Observe(float64(v) * 1e-9)
			observeDuration(c.shard(), 0, v)
		}
		var want, got dto.Metric
		if err := reference.Write(&want); err != nil {
			t.Fatal(err)
		}
		if err := (histogramMetric{reading: c.read(durations, 0)}).Write(&got); err != nil {
			t.Fatal(err)
		}
		w, g := want.GetHistogram(), got.GetHistogram()
		if w.GetSchema() != g.GetSchema() || w.GetZeroThreshold() != g.GetZeroThreshold() || w.GetZeroCount() != g.GetZeroCount() || w.GetSampleCount() != g.GetSampleCount() {
			t.Errorf("%v: got %v, want %v", values, g, w)
		}
		if math.Abs(w.GetSampleSum()-g.GetSampleSum()) > 1e-9*max(1, w.GetSampleSum()) {
			t.Errorf("%v: sum %g, want %g", values, g.GetSampleSum(), w.GetSampleSum())
		}
		x, y := expand(w), expand(g)
		for index := range x {
			if x[index] != y[index] {
				t.Errorf("%v: bucket %d holds %d, want %d", values, index, y[index], x[index])
			}
		}
		if len(x) != len(y) {
			t.Errorf("%v: %d buckets with values, want %d", values, len(y), len(x))
		}
	}
	f()
	f(0)
	f(time.Millisecond)
	f(time.Nanosecond, 500*time.Nanosecond, time.Microsecond, 10*time.Microsecond, 11*time.Microsecond, 12*time.Microsecond, time.Second)
	f(64*time.Second, 32*time.Second, 976562500*time.Nanosecond, 15625*time.Microsecond)
	var many []time.Duration
	for d := 900 * time.Nanosecond; d < time.Minute; d += d/50 + 1 {
		many = append(many, d, d)
	}
	f(many...)
}

// expand turns spans and deltas into counts by index, without the empty buckets.
func expand(h *dto.Histogram) map[int]int64 {
	counts, index, at, count := map[int]int64{}, 0, 0, int64(0)
	for _, span := range h.GetPositiveSpan() {
		index += int(span.GetOffset())
		for range span.GetLength() {
			count += h.GetPositiveDelta()[at]
			if count != 0 {
				counts[index] = count
			}
			index, at = index+1, at+1
		}
	}
	return counts
}
