package telemetry

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// histogramMetric is a reading as Prometheus takes it: native buckets for servers that
// ask for the protobuf format, a few classic ones for everybody else. The library's own
// constant histograms hold either the one or the other.
type histogramMetric struct {
	desc    *prometheus.Desc
	reading reading
	created time.Time
	labels  []*dto.LabelPair
}

func (c collector) histogram(ch chan<- prometheus.Metric, desc *prometheus.Desc, r reading, values ...string) {
	labels := prometheus.MakeLabelPairs(desc, values)
	ch <- histogramMetric{desc: desc, reading: r, created: c.metrics.started, labels: labels}
}

func (h histogramMetric) Desc() *prometheus.Desc { return h.desc }

func (h histogramMetric) Write(out *dto.Metric) error {
	s := h.reading.scale
	spans, deltas := nativeBuckets(h.reading)
	classic := make([]*dto.Bucket, len(s.classic))
	for i, exponent := range s.classic {
		classic[i] = &dto.Bucket{
			UpperBound:      proto.Float64(math.Exp2(float64(exponent))),
			CumulativeCount: proto.Uint64(h.reading.upTo(exponent)),
		}
	}
	out.Label = h.labels
	out.Histogram = &dto.Histogram{
		SampleCount:      proto.Uint64(h.reading.count()),
		SampleSum:        proto.Float64(float64(h.reading.sum) * s.unit),
		Bucket:           classic,
		Schema:           proto.Int32(nativeSchema),
		ZeroThreshold:    proto.Float64(math.Exp2(float64(s.low))),
		ZeroCount:        proto.Uint64(h.reading.buckets[0]),
		PositiveSpan:     spans,
		PositiveDelta:    deltas,
		CreatedTimestamp: timestamppb.New(h.created),
	}
	return nil
}

// nativeBuckets encodes the buckets as spans of consecutive ones and the differences
// between their counts. A short gap costs less as empty buckets than as a new span.
func nativeBuckets(r reading) (spans []*dto.BucketSpan, deltas []int64) {
	const shortGap = 2
	end, last := 0, int64(0) // the native index after the last span; the last count
	add := func(n uint64) {
		deltas = append(deltas, int64(n)-last)
		last = int64(n)
	}
	for i := 1; i < len(r.buckets); i++ {
		if r.buckets[i] == 0 {
			continue
		}
		index := r.scale.low*perOctave + i
		switch gap := index - end; {
		case len(spans) == 0:
			spans = append(spans, &dto.BucketSpan{Offset: proto.Int32(int32(index)), Length: proto.Uint32(0)})
		case gap <= shortGap:
			for range gap {
				add(0)
			}
			*spans[len(spans)-1].Length += uint32(gap)
		default:
			spans = append(spans, &dto.BucketSpan{Offset: proto.Int32(int32(gap)), Length: proto.Uint32(0)})
		}
		add(r.buckets[i])
		*spans[len(spans)-1].Length++
		end = index + 1
	}
	if len(spans) == 0 {
		// An empty span tells a native histogram without values from a classic one.
		spans = []*dto.BucketSpan{{Offset: proto.Int32(0), Length: proto.Uint32(0)}}
	}
	return spans, deltas
}
