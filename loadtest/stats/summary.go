package stats

import (
	"cmp"
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
	o.Resamples, o.Timeout = cmp.Or(o.Resamples, 1000), cmp.Or(o.Timeout, 10*time.Second)
	return o
}

// Summary is what the samples of a window say.
type Summary struct {
	// Result has what samples tell, and only that. What counts as sent was written before the window
	// ended, or within a millisecond of its instant. The ledger is closed if it can be.
	result.Result
	// Facts are those that samples know; the caller adds those of the machine. Latencies in them are of
	// however few samples.
	Facts result.Facts
}

// Summarise makes the summary of a finished run. It takes about a second for a million samples.
func Summarise(samples []sample.Sample, w Window, o Options) *Summary {
	o = o.orDefault()
	length := w.Length()
	s := &Summary{Facts: result.Facts{Closed: o.Closed}}
	s.Load.Duration, s.Load.Closed = length.Seconds(), o.Closed
	s.Ledger = result.Ledger{Status: map[string]int64{}, Extra: o.Extra, Reopened: o.Reopened}
	var response, service, lag, pacer, refusals Column
	var answers counts
	for i := range samples {
		m := &samples[i]
		if !w.holds(m) {
			continue
		}
		at := m.Intended - w.From
		answers.add(m, &s.Ledger)
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
	s.Response, s.Service = response.Latency(length, o), service.Latency(length, o)
	s.Lag, s.PacerLag = lag.Latency(length, o), pacer.Latency(length, o)
	if len(refusals.ns) > 0 {
		l := refusals.Latency(length, o)
		s.Refusals = &l
	}
	s.Facts.PacerLag, s.Facts.Response = nearest(sorted(pacer.ns), 0.99), nearest(sorted(response.ns), 0.99)
	s.Stages = stages(samples, w)
	s.Series = series(samples, w, o.Timeout)
	s.Batches, s.Devices = answers.batches(), answers.devices(o.Devices)
	s.Ledger.Close()
	s.Every = response.every(s.Ledger.Scheduled, &s.Response, o)
	s.Facts.Scheduled, s.Verify.Wrong = s.Ledger.Scheduled, s.Ledger.Wrong
	if n := s.Ledger.OK + s.Ledger.Wrong; n > 0 {
		s.Verify.Fraction = float64(s.Verify.Checked) / float64(n)
	}
	s.rates()
	return s
}

// count counts what is about sending and comparing. Load.Sent is a number until rates divides it.
func (s *Summary) count(m *sample.Sample, w Window) {
	late := m.Written > 0 && m.Lag() > Late
	sent := m.Written > 0 && (!late || m.Written <= w.To)
	if late {
		s.Load.Late++
	}
	if sent {
		s.Load.Sent++
	} else if ownFault(m, w) {
		s.Facts.Missed++
	}
	if m.Flags&sample.Verified != 0 {
		s.Verify.Checked++
	}
	if m.Flags&sample.CrossTalk != 0 {
		s.Verify.CrossTalk++
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

func (s *Summary) rates() {
	l, scheduled := &s.Load, float64(s.Ledger.Scheduled)
	if scheduled > 0 {
		l.Achieved = l.Sent / scheduled
	}
	if l.Duration <= 0 {
		l.Sent = 0
		return
	}
	l.Offered, l.Sent, l.Good = scheduled/l.Duration, l.Sent/l.Duration, float64(s.Ledger.OK)/l.Duration
}
