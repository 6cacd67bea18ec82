package stats

import (
	"time"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

// Late is how far behind its instant a written request is called late.
const Late = time.Millisecond

// Window is the measured part of a run, by intended instants: from From on and before To. What
// lies before it is warm-up. A run that was interrupted ends its window where it was, or the
// requests that were never due would be counted as not sent.
type Window struct{ From, To time.Duration }

// Length is how long the window is.
func (w Window) Length() time.Duration { return max(w.To-w.From, 0) }

func (w Window) holds(s *sample.Sample) bool { return s.Intended >= w.From && s.Intended < w.To }

// seconds counts the window's seconds, a last part of one included.
func (w Window) seconds() int { return int((w.Length() + time.Second - 1) / time.Second) }

// second is the index of an instant's second; negative before the window.
func (w Window) second(at time.Duration) int {
	if at < w.From {
		return -1
	}
	return int((at - w.From) / time.Second)
}

// Options of a summary. Zero values are the defaults.
type Options struct {
	// Quantiles that are asked for, ascending, each between 0 and 1; nil is DefaultQuantiles.
	Quantiles []float64
	// Resamples of the bootstrap; 0 is 1,000.
	Resamples int
	// Seed of the bootstrap: the same samples and seed give the same intervals.
	Seed uint64
	// Devices are the names of the samples' devices, by index; that of 0 is not used.
	Devices []string
	// Timeout is the run's patience with a request, from its intended instant: until then one
	// that timed out was in flight. 0 is 10 s.
	Timeout time.Duration
	// Extra and Reopened are the engine's counts, which no sample has.
	Extra, Reopened int64
	// Closed is a closed loop.
	Closed bool
}

func (o Options) orDefault() Options {
	if o.Quantiles == nil {
		o.Quantiles = DefaultQuantiles
	}
	if o.Resamples == 0 {
		o.Resamples = 1000
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	return o
}

// Summary is what the samples of a window say.
type Summary struct {
	Response, Every, Service, Lag, PacerLag result.Latency

	Refusals *result.Latency // nil without one
	Stages   []result.Stage
	Batches  []result.Count // by rows, ascending
	Devices  []result.Count // in the order of Options.Devices
	Series   []result.Second
	Ledger   result.Ledger // closed if it is
	// Offered, Sent, Good and Achieved are those of result.Load. What counts as sent was
	// written before the window ended, or within a millisecond of its instant.
	Offered, Sent, Good, Achieved float64

	Late int64
	// Missed counts requests that were not sent and for which the tool itself came too late.
	Missed int64
	// Checked, Wrong and CrossTalk are those of result.Verify.
	Checked, Wrong, CrossTalk int64

	length   time.Duration
	closed   bool
	pacer    float64 // p99 in ms of however few samples
	response float64
}

// Summarise makes the summary of a finished run. It takes about a second for a million samples.
func Summarise(samples []sample.Sample, w Window, o Options) *Summary {
	o = o.orDefault()
	s := &Summary{length: w.Length(), closed: o.Closed}
	var response, service, lag, pacer, refusals Column
	counts := newCounts(o.Devices)
	for i := range samples {
		m := &samples[i]
		if !w.holds(m) {
			continue
		}
		at := m.Intended - w.From
		counts.add(m)
		if m.Written > 0 {
			lag.Add(at, m.Lag())
			pacer.Add(at, m.PacerLag())
		}
		switch m.Outcome {
		case sample.OK:
			response.Add(at, m.Response())
			service.Add(at, m.Service())
		case sample.Rejected:
			refusals.Add(at, m.Response())
		}
		s.count(m, w)
	}
	length := w.Length()
	s.Response, s.Service = response.Latency(length, o), service.Latency(length, o)
	s.Lag, s.PacerLag = lag.Latency(length, o), pacer.Latency(length, o)
	if len(refusals.ns) > 0 {
		l := refusals.Latency(length, o)
		s.Refusals = &l
	}
	s.pacer, s.response = p99(pacer.ns), p99(response.ns)
	s.Stages = stages(samples, w)
	s.Series = series(samples, w, o.Timeout)
	s.Batches, s.Devices = counts.batches(), counts.devices()
	s.Ledger = counts.ledger
	s.Ledger.Extra, s.Ledger.Reopened = o.Extra, o.Reopened
	s.Ledger.Close()
	s.Every = response.every(s.Ledger.Scheduled, &s.Response, o)
	s.rates(float64(s.Ledger.Scheduled), length.Seconds())
	return s
}

// p99 is by nearest rank, of however few.
func p99(ns []int64) float64 {
	sorted := append([]int64(nil), ns...)
	sortLatencies(sorted)
	return nearest(sorted, 0.99)
}

// count counts what is about sending and comparing; Sent is a number until rates divides it.
func (s *Summary) count(m *sample.Sample, w Window) {
	late := m.Written > 0 && m.Lag() > Late
	sent := m.Written > 0 && (!late || m.Written <= w.To)
	if late {
		s.Late++
	}
	if sent {
		s.Sent++
	} else if ownFault(m, w) {
		s.Missed++
	}
	if m.Outcome == sample.OK {
		s.Good++
	}
	if m.Flags&sample.Verified != 0 {
		s.Checked++
	}
	if m.Outcome == sample.Wrong {
		s.Wrong++
	}
	if m.Flags&sample.CrossTalk != 0 {
		s.CrossTalk++
	}
}

// ownFault says of a request that was not sent in time that the tool is to blame: it noticed
// the request too late or never, or was slow to write it although no connection was awaited.
func ownFault(m *sample.Sample, w Window) bool {
	noticed := m.Noticed > 0 || m.Written > 0 || m.Intended == 0
	if !noticed || m.PacerLag() > Late && m.Noticed > w.To {
		return true
	}
	return m.Written > 0 && m.Flags&sample.Queued == 0
}

func (s *Summary) rates(scheduled, seconds float64) {
	if scheduled > 0 {
		s.Achieved = s.Sent / scheduled
	}
	if seconds <= 0 {
		s.Sent, s.Good = 0, 0
		return
	}
	s.Offered, s.Sent, s.Good = scheduled/seconds, s.Sent/seconds, s.Good/seconds
}

// Fill puts the summary into a result, and leaves what samples do not know as it is.
func (s *Summary) Fill(r *result.Result) {
	server := r.Ledger.Server
	r.Response, r.Every, r.Service, r.Lag, r.PacerLag, r.Refusals = s.Response, s.Every, s.Service, s.Lag, s.PacerLag, s.Refusals
	r.Stages, r.Batches, r.Devices, r.Series, r.Ledger = s.Stages, s.Batches, s.Devices, s.Series, s.Ledger
	r.Ledger.Server = server
	l := &r.Load
	l.Duration, l.Closed = s.length.Seconds(), s.closed
	l.Offered, l.Sent, l.Good, l.Achieved, l.Late = s.Offered, s.Sent, s.Good, s.Achieved, s.Late
	v := &r.Verify
	v.Checked, v.Wrong, v.CrossTalk, v.Fraction = s.Checked, s.Wrong, s.CrossTalk, 0
	if n := s.Ledger.OK + s.Ledger.Wrong; n > 0 {
		v.Fraction = float64(s.Checked) / float64(n)
	}
}

// Facts are those that samples know; the caller adds those of the machine.
func (s *Summary) Facts() result.Facts {
	return result.Facts{Closed: s.closed, PacerLag: s.pacer, Response: s.response, Scheduled: s.Ledger.Scheduled, Missed: s.Missed}
}
