package loadtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/search"
	"sluice/loadtest/stats"
	"sluice/loadtest/stub"
)

// searched is a search that takes some seconds.
func searched(t *testing.T, s *stub.Server, objective string) CapacityOptions {
	t.Helper()
	parsed, err := result.ParseObjective(objective)
	if err != nil {
		t.Fatal(err)
	}
	return CapacityOptions{
		Options: to(s.Addr()), Warmup: 50 * time.Millisecond, NoRecovery: true,
		Search: search.Options{
			Objective: parsed, Low: 1000, High: 2000, ProbeLength: 200 * time.Millisecond, ConfirmLength: 200 * time.Millisecond, Confirmations: 1, Precision: 0.5,
		},
	}
}

// probesOf counts the probes of a phase.
func probesOf(r *result.Result, phase string) (n int) {
	for _, p := range r.Capacity.Probes {
		if p.Phase == phase {
			n++
		}
	}
	return n
}

func TestCapacity(t *testing.T) {
	s := stubbed(t, "")
	o := searched(t, s, "p90<1m,err<1%,wrong==0")
	view := &watcher{}
	o.View = view
	r, d, err := Capacity(t.Context(), o)
	whole(t, r, err)
	c := r.Capacity
	// A probe may be spoilt by a busy machine, and then the capacity is less; no rate can fail.
	if c.Upper != 0 || c.Objective != o.Search.Objective.Text || r.Command != "capacity" || r.Load.Expression != "poisson, searched" || d != nil {
		t.Errorf("capacity %+v, load %+v", c, r.Load)
	}
	for _, p := range c.Probes {
		if p.Rate > 2000 || p.Outcome == "fail" || p.Phase == search.Recovery || p.N > 0 && (p.Over != 0 || p.Errors != 0) {
			t.Errorf("probe %+v", p)
		}
	}
	// A note before the search, and one for each probe.
	if len(view.notes) != 1+len(c.Probes) || len(view.titles) < len(c.Probes) {
		t.Errorf("%d notes, %d titles, %d probes", len(view.notes), len(view.titles), len(c.Probes))
	}
	if asked, answered := s.Counts().Accepted, s.Counts().Answered; asked != answered || asked < 2*variants {
		t.Errorf("%d requests, %d answers", asked, answered)
	}
	var log strings.Builder
	if err := d.WriteLog(&log); err == nil || log.Len() > 0 {
		t.Errorf("a search writes a log of %d bytes, error %v", log.Len(), err)
	}
}

// A target that fails everything has no capacity, and that is a threshold that is not held.
func TestNoCapacity(t *testing.T) {
	o := searched(t, stubbed(t, "status=429:100"), "p90<1m,err<1%")
	o.Unverified = true
	r, _, err := Capacity(t.Context(), o)
	for try := 1; try < 5 && err == nil && r.Capacity.Limit == search.LimitGenerator; try++ { // a busy machine's search says nothing of the target
		r, _, err = Capacity(t.Context(), o)
	}
	whole(t, r, err)
	if r.Capacity.Capacity != 0 || len(r.Thresholds) != 1 || r.Thresholds[0].Pass || r.Exit.Code == result.ExitOK || probesOf(r, search.Confirm) != 0 {
		t.Errorf("capacity %+v, thresholds %+v, exit %+v", r.Capacity, r.Thresholds, r.Exit)
	}
}

// Wrong and extra answers of any probe are in the result, whichever came last.
func TestCapacityCountsEveryProbesFaults(t *testing.T) {
	s := stubbed(t, "corrupt=50,repeat=60")
	o := searched(t, s, "p90<1m")
	o.Search.High = 1000
	r, _, err := Capacity(t.Context(), o)
	whole(t, r, err)
	c := s.Counts()
	// Those of the warm-ups are not of the measured window; extra answers are counted of both.
	if r.Verify.Wrong == 0 || r.Verify.Wrong > c.Corrupted.N || r.Ledger.Extra != c.Repeated.N || r.Ledger.Closed || r.Exit.Code != result.ExitLedger {
		t.Errorf("%d wrong, ledger %+v, exit %+v, and the server %+v", r.Verify.Wrong, r.Ledger, r.Exit, c)
	}
}

// A search that is interrupted returns what it knows.
func TestCapacityInterrupted(t *testing.T) {
	f := func(name string, interrupt func(w *watcher, cancel func()), least int) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		view := &watcher{}
		interrupt(view, cancel)
		o := searched(t, stubbed(t, ""), "p90<1m")
		o.View = view
		r, _, err := Capacity(ctx, o)
		whole(t, r, err)
		if !r.Interrupted || len(r.Capacity.Probes) < least || len(r.Capacity.Probes) > least+1 || len(r.Thresholds) != 0 || !r.Ledger.Closed || probesOf(r, search.Confirm) != 0 {
			t.Errorf("%s: interrupted %v, probes %+v, thresholds %+v, exit %+v", name, r.Interrupted, r.Capacity.Probes, r.Thresholds, r.Exit)
		}
	}
	f("in the first probe", func(w *watcher, cancel func()) { w.onShow = func(int) { cancel() } }, 0)
	f("after the first probe", func(w *watcher, cancel func()) {
		w.onNote = func(notes int) {
			if notes == 2 {
				cancel()
			}
		}
	}, 1)
}

func TestRefusedSearches(t *testing.T) {
	s := stubbed(t, "")
	f := func(want string, change func(o *CapacityOptions)) {
		t.Helper()
		o := searched(t, s, "p90<1m")
		change(&o)
		r, _, err := Capacity(t.Context(), o)
		failsWith[*payload.UsageError](t, r, err, want)
	}
	f("without a latency to hold", func(o *CapacityOptions) { o.Search.Objective = result.Objective{} })
	f("the high rate must be the larger one", func(o *CapacityOptions) { o.Search.High = 1 })
	f("is no address", func(o *CapacityOptions) { o.Target.URL = "x y" })
}

// When a target has recovered, by samples whose answers are as told.
func TestRecovered(t *testing.T) {
	const limit = 10 * time.Millisecond
	o := result.Objective{Quantile: 0.9, Limit: limit}
	w := stats.Window{From: 5 * time.Second, To: 9 * time.Second}
	f := func(name string, want time.Duration, held bool, late func(at time.Duration, i int) bool) {
		t.Helper()
		var all []sample.Sample
		for i := range 900 { // one in 10 ms, before the window and in it
			s := sample.Sample{Intended: time.Duration(i) * 10 * time.Millisecond, Outcome: sample.OK}
			s.Last = s.Intended + limit
			if late(s.Intended-w.From, i) {
				s.Last += limit
			}
			all = append(all, s)
		}
		if took, ok := recovered(all, w, &o); took != want || ok != held {
			t.Errorf("%s: recovered after %v, %v; want %v, %v", name, took, ok, want, held)
		}
	}
	f("at once", 0, true, func(at time.Duration, _ int) bool { return at < 0 })
	f("after two seconds", 1900*time.Millisecond, true, func(at time.Duration, _ int) bool { return at < 2*time.Second })
	f("but for a tenth", 0, true, func(at time.Duration, i int) bool { return i%10 == 0 })
	f("but for a fifth", 4*time.Second, false, func(at time.Duration, i int) bool { return i%5 == 0 })
	f("within the last second", 4*time.Second, false, func(at time.Duration, _ int) bool { return at < 3500*time.Millisecond })
	if took, ok := recovered(nil, w, &o); took != 4*time.Second || ok {
		t.Errorf("without an answer it recovers after %v, %v", took, ok)
	}
}
