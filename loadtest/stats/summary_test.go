package stats

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

const us = time.Microsecond

// answered is a request with an answer: noticed, written, first byte, last byte after its instant.
func answered(at, noticed, written, first, last time.Duration) sample.Sample {
	return sample.Sample{
		Intended: at, Noticed: at + noticed, Written: at + written, First: at + first, Last: at + last,
		Outcome: sample.OK, Status: 200, Flags: sample.Verified,
	}
}

// mixed is a window of three seconds after one of warm-up, with every outcome.
func mixed() ([]sample.Sample, Window) {
	s := []sample.Sample{
		answered(500*ms, 0, 0, 2*ms, 3*ms),                                                     // warm-up
		answered(999*ms, 10*us, 20*us, 5*ms, 6*ms),                                             // warm-up, in flight when the window begins
		answered(1000*ms, 10*us, 110*us, 2*ms, 3*ms),                                           // second 0
		answered(1100*ms, 10*us, 2*ms, 4*ms, 5*ms),                                             // late
		answered(1999*ms, 10*us, 20*us, 5*ms, 1500*ms),                                         // in flight at the ends of seconds 0 and 1
		answered(2000*ms, 0, 20*us, 1*ms, 1*ms),                                                // second 1: wrong, of another request
		answered(2100*ms, 0, 10*us, 300*us, 400*us),                                            // 429
		answered(2200*ms, 0, 10*us, 300*us, 600*us),                                            // 503
		answered(2300*ms, 0, 10*us, 300*us, 400*us),                                            // 404
		answered(2400*ms, 0, 10*us, 300*us, 400*us),                                            // 500
		{Intended: 3000 * ms, Noticed: 3000 * ms, Written: 3001 * ms, Outcome: sample.Timeout}, // second 2
		{Intended: 3100 * ms, Noticed: 3100 * ms, Outcome: sample.Refused},
		{Intended: 3200 * ms, Noticed: 3200 * ms, Outcome: sample.Unsent, Flags: sample.Queued},
		{Intended: 3300 * ms, Noticed: 3300 * ms, Written: 3300 * ms, First: 3301 * ms, Outcome: sample.Lost},
		answered(4000*ms, 0, 0, ms, ms), // after the window
	}
	s[2].Server, s[2].Batch, s[2].Device = [sample.Stages]uint32{100, 200, 1000, 50}, 2, 1
	s[3].Server, s[3].Batch, s[3].Device = [sample.Stages]uint32{100, 200, 2500, 50}, 2, 2
	s[4].Batch, s[4].Device = 4, 9
	s[5].Outcome, s[5].Flags = sample.Wrong, sample.Verified|sample.CrossTalk
	for i, status := range []uint16{429, 503, 404, 500} {
		m := &s[6+i]
		m.Status, m.Flags = status, 0
		m.Outcome = []sample.Outcome{sample.Rejected, sample.Rejected, sample.ClientError, sample.ServerError}[i]
	}
	return s, Window{From: time.Second, To: 4 * time.Second}
}

func TestSummary(t *testing.T) {
	samples, w := mixed()
	s := Summarise(samples, w, Options{Devices: []string{"", "cpu", "cuda:0"}, Reopened: 2, Timeout: 5 * time.Second})
	want := result.Ledger{
		Scheduled: 12, OK: 3, Wrong: 1, Rejected: 2, ClientErr: 1, ServerErr: 1, Timeout: 1, Refused: 1, FailedBefore: 1, LostAfter: 1,
		Reopened: 2, Closed: true, Status: map[string]int64{"200": 4, "429": 1, "503": 1, "404": 1, "500": 1},
	}
	if !reflect.DeepEqual(s.Ledger, want) {
		t.Errorf("ledger %+v\nwant   %+v", s.Ledger, want)
	}
	if want := (result.Load{Duration: 3, Offered: 4, Sent: 10.0 / 3, Good: 1, Achieved: 10.0 / 12, Late: 1}); s.Load != want {
		t.Errorf("load %+v", s.Load)
	}
	if want := (result.Verify{Checked: 4, Fraction: 1, Wrong: 1, CrossTalk: 1}); !reflect.DeepEqual(s.Verify, want) {
		t.Errorf("verify %+v", s.Verify)
	}
	if s.Response.N != 3 || s.Response.Max != 1500 || s.Response.Min != 3 || s.Service.Min != 2.89 || s.Lag.N != 10 || s.Lag.Max != 2 || s.PacerLag.Max != 0.01 {
		t.Errorf("response %+v, service %+v, lag %+v, pacer %+v", s.Response, s.Service, s.Lag, s.PacerLag)
	}
	// Half of all twelve have no right answer, so there is no median of them; a quarter was answered within 1.5 s.
	if e := s.Every; e.N != 12 || len(e.Quantiles) != 0 || len(e.Refused) != len(DefaultQuantiles)-1 || e.Max != 1500 {
		t.Errorf("every %+v", e)
	}
	if e := Summarise(samples, w, Options{Quantiles: []float64{0.2, 0.25, 0.26}}).Every; !reflect.DeepEqual(e.Quantiles, []result.Quantile{{Q: 0.2, Ms: 1500}, {Q: 0.25, Ms: 1500}}) {
		t.Errorf("every %+v", e)
	}
	if s.Refusals == nil || s.Refusals.N != 2 || s.Refusals.Max != 0.6 {
		t.Errorf("refusals %+v", s.Refusals)
	}
	if want := []result.Count{{Name: "2", N: 2}, {Name: "4", N: 1}}; !reflect.DeepEqual(s.Batches, want) {
		t.Errorf("batches %v", s.Batches)
	}
	if want := []result.Count{{Name: "cpu", N: 1}, {Name: "cuda:0", N: 1}, {Name: "device 9", N: 1}}; !reflect.DeepEqual(s.Devices, want) {
		t.Errorf("devices %v", s.Devices)
	}
	if f := s.Facts; f.PacerLag != 0.01 || f.Response != 1500 || f.Scheduled != 12 || f.Missed != 0 || f.Closed {
		t.Errorf("facts %+v", f)
	}
}

func TestSeries(t *testing.T) {
	samples, w := mixed()
	got := Summarise(samples, w, Options{}).Series
	want := []result.Second{
		{T: 0, Offered: 3, Sent: 3, Good: 3, InFlight: 1, P50: 5, P90: 1500, P99: 1500, Every: [3]float64{5, 1500, 1500}, Max: 1500, Service: 1499.98, Lag: 2, Batch: 3 / 1.25, Outcomes: map[string]int64{"ok": 3}},
		{T: 1, Offered: 5, Sent: 5, InFlight: 1, Lag: 0.02, Outcomes: map[string]int64{"wrong": 1, "rejected": 2, "client_err": 1, "server_err": 1}},
		{T: 2, Offered: 4, Sent: 2, InFlight: 1, Lag: 1, Outcomes: map[string]int64{"timeout": 1, "refused": 1, "failed_before_write": 1, "lost_after_write": 1}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	short := Summarise(samples, Window{From: time.Second, To: 2500 * ms}, Options{}).Series
	if len(short) != 2 || short[1].Offered != 5 {
		t.Errorf("a window of a second and a half: %+v", short)
	}
	// What timed out after half a second is in flight no longer.
	if s := Summarise(samples, w, Options{Timeout: 500 * ms}).Series; s[2].InFlight != 0 {
		t.Errorf("%d in flight", s[2].InFlight)
	}
}

// Whose fault it is that a request was not sent within the window.
func TestMissed(t *testing.T) {
	w := Window{To: time.Second}
	f := func(m sample.Sample, sent, missed bool) {
		t.Helper()
		s := Summarise([]sample.Sample{m}, w, Options{})
		if s.Load.Achieved != map[bool]float64{true: 1}[sent] || (s.Facts.Missed == 1) != missed {
			t.Errorf("%+v: achieved %v, missed %d", m, s.Load.Achieved, s.Facts.Missed)
		}
	}
	f(sample.Sample{Intended: 500 * ms, Noticed: 500 * ms, Written: 900 * ms, Outcome: sample.Lost}, true, false)                         // late, but sent
	f(sample.Sample{Intended: 999900 * us, Noticed: 999900 * us, Written: 1000100 * us, Outcome: sample.Lost}, true, false)               // at the very end
	f(sample.Sample{Intended: 500 * ms, Noticed: 1200 * ms, Written: 1200 * ms, Outcome: sample.Lost}, false, true)                       // noticed too late
	f(sample.Sample{Intended: 500 * ms, Noticed: 500 * ms, Written: 1200 * ms, Outcome: sample.Lost}, false, true)                        // written too late
	f(sample.Sample{Intended: 500 * ms, Noticed: 500 * ms, Written: 1200 * ms, Flags: sample.Queued, Outcome: sample.Lost}, false, false) // no connection
	f(sample.Sample{Intended: 500 * ms, Noticed: 500 * ms, Flags: sample.Queued, Outcome: sample.Unsent}, false, false)
	f(sample.Sample{Intended: 500 * ms, Noticed: 500 * ms, Outcome: sample.Refused}, false, false)
	f(sample.Sample{Intended: 500 * ms, Noticed: 1200 * ms, Flags: sample.Queued, Outcome: sample.Unsent}, false, true) // first too late, then without a connection
	f(sample.Sample{Intended: 500 * ms, Outcome: sample.Unsent}, false, true)                                           // never noticed
}

func TestSummaryOfNothing(t *testing.T) {
	for _, w := range []Window{{}, {To: time.Second}, {From: time.Second}} {
		s := Summarise(nil, w, Options{})
		if s.Response.N != 0 || s.Load.Offered != 0 || s.Load.Achieved != 0 || !s.Ledger.Closed || s.Stages != nil || s.Refusals != nil {
			t.Errorf("%v: %+v", w, s)
		}
		if len(s.Response.Refused) != len(DefaultQuantiles) {
			t.Errorf("%v: %+v", w, s.Response)
		}
	}
}

func TestSummaryOfAClosedLoop(t *testing.T) {
	samples, w := mixed()
	if s := Summarise(samples, w, Options{Closed: true}); !s.Load.Closed || !s.Facts.Closed {
		t.Errorf("load %+v, facts %+v", s.Load, s.Facts)
	}
}

func TestARequestWithoutAnOutcomeOpensTheLedger(t *testing.T) {
	s := Summarise([]sample.Sample{{Written: ms}}, Window{To: time.Second}, Options{})
	if s.Ledger.Closed || s.Ledger.Scheduled != 1 || s.Series[0].InFlight != 1 {
		t.Errorf("ledger %+v, series %+v", s.Ledger, s.Series)
	}
}

// random draws a run with instants in the order that they have in nature.
func random(t *rapid.T) []sample.Sample {
	n := rapid.IntRange(0, 300).Draw(t, "n")
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
	samples := make([]sample.Sample, n)
	at := time.Duration(0)
	step := func(most time.Duration) time.Duration { return time.Duration(r.Int64N(int64(most))) }
	for i := range samples {
		at += step(40 * ms)
		s := &samples[i]
		s.Intended, s.Noticed, s.Outcome = at, at+step(100*us), sample.Outcome(1+r.IntN(sample.Outcomes-1))
		if s.Outcome == sample.Refused || s.Outcome == sample.Unsent {
			continue
		}
		s.Written = s.Noticed + step(2*ms)
		if s.Outcome == sample.Timeout || s.Outcome == sample.Lost {
			continue
		}
		s.First = s.Written + step(20*ms)
		s.Last = s.First + step(ms) + 1
		s.Status, s.Batch = 200, uint16(r.IntN(9))
		for k := range s.Server {
			s.Server[k] = uint32(r.IntN(6000))
		}
		if r.IntN(2) == 0 {
			s.Flags |= sample.Verified
		}
	}
	return samples
}

func TestPropertiesOfASummary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := random(t)
		w := Window{From: time.Second, To: 5500 * ms}
		s := Summarise(samples, w, Options{Resamples: 20})
		if !s.Ledger.Closed {
			t.Fatalf("ledger %+v", s.Ledger)
		}
		var sum float64
		for _, stage := range s.Stages {
			sum += stage.Mean
		}
		if math.Abs(sum-s.Response.Mean) > 1e-9*(1+sum) {
			t.Fatalf("stages add up to %v ms of %v", sum, s.Response.Mean)
		}
		var offered, good int64
		for _, second := range s.Series {
			offered += second.Offered
			good += second.Good
		}
		if offered != s.Ledger.Scheduled || good != s.Ledger.OK || s.Response.N != good {
			t.Fatalf("the series has %d requests and %d answers of %+v", offered, good, s.Ledger)
		}
		last := s.Series[len(s.Series)-1].InFlight
		var flying int64
		for i := range samples {
			m := &samples[i]
			end := w.From + time.Duration(len(s.Series))*time.Second
			if m.Written > 0 && m.Written < end && m.Last >= end || m.Outcome == sample.Timeout && m.Written < end {
				flying++
			}
		}
		if last != flying {
			t.Fatalf("%d in flight at the end, want %d", last, flying)
		}
	})
}

func BenchmarkSummarise(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	samples := make([]sample.Sample, 1_000_000)
	for i := range samples {
		at := time.Duration(i) * 60 * us
		took := time.Duration(math.Exp(r.NormFloat64()) * 2e6)
		samples[i] = answered(at, 20*us, 30*us, took, took+30*us)
		samples[i].Server, samples[i].Batch = [sample.Stages]uint32{3, 100, 800, 4}, 4
	}
	for b.Loop() {
		Summarise(samples, Window{To: time.Minute}, Options{})
	}
}
