package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// scrape reads a gateway's metrics with their native histograms, whose buckets grow by 9 %.
func (b *bench) scrape(gateway string) (map[string]*dto.MetricFamily, error) {
	form := expfmt.NewFormat(expfmt.TypeProtoDelim)
	text, err := b.gateway[gateway].tell("/metrics", string(form))
	if err != nil {
		return nil, err
	}
	families := map[string]*dto.MetricFamily{}
	for d := expfmt.NewDecoder(bytes.NewReader(text), form); ; {
		f := new(dto.MetricFamily)
		if err := d.Decode(f); errors.Is(err, io.EOF) {
			return families, nil
		} else if err != nil {
			return nil, fmt.Errorf("cannot read the gateway's metrics: %w", err)
		}
		families[f.GetName()] = f
	}
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// outcomes are how a model's requests have ended so far.
func (b *bench) outcomes(model string) (c counts, err error) {
	// The gateway counts an answer after it has written it.
	time.Sleep(100 * time.Millisecond)
	families, err := b.scrape(model)
	if err != nil {
		return c, err
	}
	c = counts{}
	for _, outcome := range decided {
		c[outcome] = 0
	}
	for _, m := range families["sluice_requests_total"].GetMetric() {
		if n, ok := c[labelOf(m, "outcome")]; ok && labelOf(m, "model") == model {
			c[labelOf(m, "outcome")] = n + m.GetCounter().GetValue()
		}
	}
	return c, nil
}

// buckets are a native histogram's counts by index: 2^(i/8) is the upper bound of i.
type buckets map[int]int64

// histograms reads some of those that a model's gateway has about it.
func (b *bench) histograms(model string, names ...string) ([]buckets, error) {
	families, err := b.scrape(model)
	if err != nil {
		return nil, err
	}
	all := make([]buckets, len(names))
	for i, name := range names {
		all[i] = buckets{}
		for _, m := range families[name].GetMetric() {
			if labelOf(m, "model") == model {
				all[i].add(m.GetHistogram())
			}
		}
	}
	return all, nil
}

func (c buckets) add(h *dto.Histogram) {
	at, n := 0, int64(0)
	deltas := h.GetPositiveDelta()
	for _, s := range h.GetPositiveSpan() {
		at += int(s.GetOffset())
		for range s.GetLength() {
			n += deltas[0]
			deltas = deltas[1:]
			c[at] += n
			at++
		}
	}
}

// upTo is the share of a histogram, less what was there before, that is at most 2^(i/8).
func (c buckets) upTo(before buckets, i int) float64 {
	below, all := int64(0), int64(0)
	for k, n := range c {
		n -= before[k]
		all += n
		if k <= i {
			below += n
		}
	}
	if all == 0 {
		return 0
	}
	return float64(below) / float64(all)
}

// bucketsPerOctave is Prometheus' schema 3, and lowestBucket the smallest ratio that is told apart.
const bucketsPerOctave, lowestBucket, highestBucket = 8, -48, 48

// quantile interpolates within a bucket.
func (c buckets) quantile(before buckets, q float64) float64 {
	last := 0.0
	for i := lowestBucket; i <= highestBucket; i++ {
		if share := c.upTo(before, i); share >= q {
			part := 1.0
			if share > last {
				part = (q - last) / (share - last)
			}
			return math.Exp2((float64(i-1) + part) / bucketsPerOctave)
		} else {
			last = share
		}
	}
	return math.Exp2(highestBucket / bucketsPerOctave)
}
