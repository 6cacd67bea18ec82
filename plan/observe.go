package plan

import (
	"time"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/plan/sim"
)

// slicesOfLength is how many parts the length is divided into for figures over time.
const slicesOfLength = 120

// observer is the policy that is studied, and the tally of what it does. Only requests that
// arrived, and batches that were sealed, within the length count.
type observer struct {
	sim.Policy
	study    Study
	cfg      sim.Config
	models   []Model
	from, to clock.Instant

	counts    []Counts // by model
	latencies []*histogram
	all       *histogram
	reasons   [policy.Reasons]int
	devices   []DeviceOutcome
	busy      []time.Duration
	batches   []int // by rows
	goodRows  int
	series    []slice

	queued    int // rows
	since     clock.Instant
	queueTime float64 // rows times nanoseconds
	queueMax  int
}

// A request's marks: how far the tally has followed it. A policy may run a request twice, to
// hedge; what counts is the first time.
const (
	_ uint8 = iota // on its way
	queued
	sealed
	ended
)

type slice struct {
	arrivals, inTime, batches, rows, queue int
}

func newObserver(s Study, p sim.Policy, cfg sim.Config, models []Model) *observer {
	o := &observer{
		Policy: p, study: s, cfg: cfg, models: models,
		from: clock.Instant(cfg.Warmup), to: clock.Instant(cfg.Warmup + cfg.Length),
		counts: make([]Counts, len(models)), all: new(histogram), busy: make([]time.Duration, len(cfg.Devices)),
		series: make([]slice, slicesOfLength),
	}
	for range models {
		o.latencies = append(o.latencies, new(histogram))
	}
	for _, g := range s.Fleet {
		for n := range g.Count {
			o.devices = append(o.devices, DeviceOutcome{Name: deviceName(g, n), Kind: g.Kind})
		}
	}
	return o
}

// within reports whether what happens at an instant is within the length.
func (o *observer) within(at clock.Instant) bool { return at >= o.from && at < o.to }

// slice is the part of the length that an instant is in.
func (o *observer) slice(at clock.Instant) *slice {
	return &o.series[int(float64(at.Sub(o.from))/float64(o.cfg.Length)*slicesOfLength)]
}

// queue changes the number of rows that wait.
func (o *observer) queue(now clock.Instant, rows int) {
	if from, to := max(o.since, o.from), min(now, o.to); to > from {
		o.queueTime += float64(o.queued) * float64(to.Sub(from))
	}
	o.since = now
	o.queued += rows
	if o.within(now) {
		o.queueMax = max(o.queueMax, o.queued)
		s := o.slice(now)
		s.queue = max(s.queue, o.queued)
	}
}

// Arrive implements sim.Policy.
func (o *observer) Arrive(now clock.Instant, r *sim.Request) (bool, sim.Lane) {
	admitted, wake := o.Policy.Arrive(now, r)
	r.Mark = ended
	if admitted {
		r.Mark = queued
		o.queue(now, r.Rows)
	}
	if !o.within(r.Arrived) {
		return admitted, wake
	}
	o.slice(now).arrivals++
	c := &o.counts[r.Model]
	c.Arrived++
	if !admitted {
		c.Refused++
		o.reasons[r.Reason]++
	}
	return admitted, wake
}

// Next implements sim.Policy.
func (o *observer) Next(now clock.Instant, lane sim.Lane, b *sim.Batch) bool {
	found := o.Policy.Next(now, lane, b)
	o.dropped(now, b.Dropped)
	if !found {
		return false
	}
	for _, r := range b.Requests {
		if r.Mark == queued {
			r.Mark = sealed
			o.queue(now, -r.Rows)
		}
	}
	if o.within(now) {
		for len(o.batches) <= b.Rows {
			o.batches = append(o.batches, 0)
		}
		o.batches[b.Rows]++
		s, d := o.slice(now), &o.devices[lane.Device]
		s.batches++
		s.rows += b.Rows
		d.Batches++
		d.Rows += b.Rows
	}
	return true
}

// Tick implements sim.Policy.
func (o *observer) Tick(now clock.Instant, dropped []*sim.Request) ([]*sim.Request, sim.Lane) {
	before := len(dropped)
	dropped, wake := o.Policy.Tick(now, dropped)
	o.dropped(now, dropped[before:])
	return dropped, wake
}

func (o *observer) dropped(now clock.Instant, requests []*sim.Request) {
	for _, r := range requests {
		if r.Mark == ended {
			continue
		}
		if r.Mark == queued {
			o.queue(now, -r.Rows)
		}
		r.Mark = ended
		if o.within(r.Arrived) {
			o.counts[r.Model].Dropped++
			o.reasons[r.Reason]++
		}
	}
}

// Complete implements sim.Policy.
func (o *observer) Complete(now clock.Instant, b *sim.Batch, took time.Duration) {
	if from, to := max(b.Start, o.from), min(now, o.to); to > from {
		o.busy[b.Lane.Device] += to.Sub(from)
	}
	d := &o.devices[b.Lane.Device]
	for _, r := range b.Requests {
		if r.Mark == ended {
			continue
		}
		r.Mark = ended
		if !o.within(r.Arrived) {
			continue
		}
		latency := now.Sub(r.Arrived) + o.study.Overhead
		o.all.add(latency)
		o.latencies[r.Model].add(latency)
		if now > r.Deadline {
			o.counts[r.Model].Late++
			d.Late++
			continue
		}
		o.counts[r.Model].InTime++
		d.InTime++
		o.goodRows += r.Rows
		o.slice(r.Arrived).inTime++
	}
	o.Policy.Complete(now, b, took)
}

// outcome sums up.
func (o *observer) outcome() *Outcome {
	seconds := o.cfg.Length.Seconds()
	out := &Outcome{
		Fleet: o.study.Fleet, Scale: o.study.scale(), Speed: o.study.speed(), Seed: o.study.Seed, Length: o.cfg.Length,
		Reasons: map[string]int{}, Latency: latencyOf(o.all), latencies: o.all, Devices: o.devices,
	}
	for i, c := range o.counts {
		out.Arrived += c.Arrived
		out.InTime += c.InTime
		out.Late += c.Late
		out.Dropped += c.Dropped
		out.Refused += c.Refused
		out.Models = append(out.Models, ModelOutcome{Name: o.models[i].Name, Counts: c, Attainment: attainment(c), Latency: latencyOf(o.latencies[i])})
	}
	out.Offered, out.Goodput = float64(out.Arrived)/seconds, float64(out.InTime)/seconds
	out.GoodRows = float64(o.goodRows) / seconds
	out.Attainment = attainment(out.Counts)
	out.Curve = curveOf(o.all, out.Arrived)
	for r, n := range o.reasons {
		if n > 0 {
			out.Reasons[policy.Reason(r).String()] = n
		}
	}
	for i := range out.Devices {
		d := &out.Devices[i]
		d.Share = float64(d.InTime) / float64(max(out.InTime, 1))
		d.MeanBatch = float64(d.Rows) / float64(max(d.Batches, 1))
		d.Utilisation = float64(o.busy[i]) / float64(o.cfg.Length) / float64(o.cfg.Devices[i].Lanes)
	}
	for rows, n := range o.batches {
		if n > 0 {
			out.Batches = append(out.Batches, BatchCount{rows, n})
		}
	}
	out.Queue = Queue{o.queueTime / float64(o.cfg.Length), o.queueMax}
	out.Series = o.slices()
	return out
}

func (o *observer) slices() (out []Slice) {
	span := o.cfg.Length / slicesOfLength
	for i, s := range o.series {
		out = append(out, Slice{
			At: span * time.Duration(i), Offered: float64(s.arrivals) / span.Seconds(), Goodput: float64(s.inTime) / span.Seconds(),
			MeanBatch: float64(s.rows) / float64(max(s.batches, 1)), Queue: s.queue,
		})
	}
	return out
}
