package loadtest

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/stub"
)

// short is a run of 300 requests after 100 of warm-up.
func short(o Options) RunOptions {
	return RunOptions{Options: o, Load: "constant:1000", Length: 300 * time.Millisecond, Warmup: 100 * time.Millisecond}
}

func TestRun(t *testing.T) {
	s := stubbed(t, "")
	o := short(to(s.Addr()))
	view := &watcher{}
	o.View, o.Quantiles, o.Within, o.Argv = view, []float64{0.25}, time.Minute, []string{"run"}
	r, d, err := Run(t.Context(), o)
	whole(t, r, err)
	l := r.Ledger
	if l.Scheduled != 300 || l.OK != 300 || !l.Closed || r.Verify.Checked != 300 || r.Verify.Source != "learned" || r.Verify.Fraction != 1 || l.Server != nil {
		t.Errorf("ledger %+v, verification %+v", l, r.Verify)
	}
	load := r.Load
	if load.Expression != o.Load || load.Duration != 0.3 || load.Warmup != 0.1 || load.Seed != 3 || load.Variants != variants || load.SHA256 == "" ||
		load.Offered != 1000 || load.Good != 1000 || load.Within != 60000 || load.InTime != 1000 || load.Conns == 0 {
		t.Errorf("load %+v", load)
	}
	if target := r.Targets[0]; target.Model != stub.Model || target.Version != stub.Version || target.Protocol != "oip-json" || target.URL != s.Addr() || !strings.HasPrefix(target.Digest, "sha256:") {
		t.Errorf("target %+v", target)
	}
	if _, ok := r.Response.At(0.25); !ok || r.Response.N != 300 || len(r.Devices) != 1 || r.Devices[0].Name != "stub" || r.Command != "run" || r.Interrupted || !r.Env.SameHost {
		t.Errorf("result %+v", r)
	}
	if r.Resources.Tool.PacerCores <= 0 {
		t.Errorf("the sending thread used %v of a core", r.Resources.Tool.PacerCores)
	}
	if len(d.Samples) != 400 || d.Window.From != o.Warmup || d.Start.IsZero() {
		t.Errorf("%d samples, window %v, start %v", len(d.Samples), d.Window, d.Start)
	}
	var log bytes.Buffer
	if err := d.WriteLog(&log); err != nil || log.Len() == 0 {
		t.Errorf("a log of %d bytes, error %v", log.Len(), err)
	}
	if len(view.titles) != 1 || !strings.Contains(view.titles[0], "constant:1000  seed 3  target "+s.Addr()+" stub v1") || len(view.shown) == 0 {
		t.Errorf("titles %q, shown %d times", view.titles, len(view.shown))
	}
	o.Within = 1
	if r, _, err = Run(t.Context(), o); err != nil || r.Load.InTime != 0 {
		t.Errorf("%v answers a second within a nanosecond, error %v", r.Load.InTime, err)
	}
}

func TestClosedLoop(t *testing.T) {
	o := short(to(stubbed(t, "").Addr()))
	o.Load = "closed:3,think=exp:2ms"
	r, d, err := Run(t.Context(), o)
	whole(t, r, err)
	if l := r.Ledger; !r.Load.Closed || r.Load.SHA256 != "" || l.Scheduled == 0 || l.OK != l.Scheduled || r.Verify.Checked != l.OK || int64(len(d.Samples)) < l.Scheduled {
		t.Errorf("load %+v, ledger %+v of %d samples", r.Load, l, len(d.Samples))
	}
	drawn := map[uint16]bool{}
	for _, s := range d.Samples {
		drawn[s.Variant] = true
	}
	if len(drawn) < 2 {
		t.Errorf("only the variants %v are sent", drawn)
	}
}

// A run that is interrupted says what it saw until then.
func TestInterruption(t *testing.T) {
	f := func(name string, warmup time.Duration, check func(r *result.Result, d *Detail)) {
		t.Helper()
		o := short(to(stubbed(t, "").Addr()))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o.Length, o.Warmup = time.Hour/2, warmup
		o.View = &watcher{onShow: func(shown int) {
			if shown == 2 {
				cancel()
			}
		}}
		r, d, err := Run(ctx, o)
		whole(t, r, err)
		if !r.Interrupted || !r.Ledger.Closed || r.Load.Duration != d.Window.Length().Seconds() || len(d.Samples) == 0 || len(d.Samples) > 100_000 {
			t.Errorf("%s: %d samples, load %+v", name, len(d.Samples), r.Load)
		}
		check(r, d)
	}
	f("in the window", 0, func(r *result.Result, d *Detail) {
		if r.Ledger.Scheduled != int64(len(d.Samples)) || r.Load.Duration == 0 {
			t.Errorf("%d of %d requests are scheduled in %v s", r.Ledger.Scheduled, len(d.Samples), r.Load.Duration)
		}
		for _, s := range d.Samples {
			if s.Intended >= d.Window.To || s.Noticed == 0 {
				t.Fatalf("a request at %v in a window until %v", s.Intended, d.Window.To)
			}
		}
	})
	f("in the warm-up", time.Minute, func(r *result.Result, _ *Detail) {
		if r.Ledger.Scheduled != 0 || r.Load.Duration != 0 || r.Load.Good != 0 {
			t.Errorf("load %+v, ledger %+v", r.Load, r.Ledger)
		}
	})
}

func TestAbort(t *testing.T) {
	o := short(to(stubbed(t, "status=503:100").Addr()))
	abort, err := result.ParseAbort("err<1%")
	if err != nil {
		t.Fatal(err)
	}
	o.Unverified, o.Length, o.Warmup, o.Aborts = true, time.Hour/2, 0, []result.Condition{abort}
	r, _, err := Run(t.Context(), o)
	whole(t, r, err)
	if len(r.Thresholds) != 1 || !r.Thresholds[0].Abort || r.Thresholds[0].Pass || r.Interrupted || r.Ledger.Rejected != r.Ledger.Scheduled || r.Exit.Code == result.ExitInterrupted {
		t.Errorf("thresholds %+v, ledger %+v, exit %+v", r.Thresholds, r.Ledger, r.Exit)
	}
}

// Thresholds are held against the result, and their quantiles are in it.
func TestThresholds(t *testing.T) {
	o := short(to(stubbed(t, "").Addr()))
	for _, text := range []string{"p30<1h", "p50<1ns", "wrong==0"} {
		c, err := result.ParseThreshold(text)
		if err != nil {
			t.Fatal(err)
		}
		o.Thresholds = append(o.Thresholds, c)
	}
	r, _, err := Run(t.Context(), o)
	whole(t, r, err)
	if all := r.Thresholds; len(all) != 3 || !all[0].Pass || all[1].Pass || !all[2].Pass {
		t.Errorf("thresholds %+v", all)
	}
	if _, ok := r.Response.At(0.3); !ok {
		t.Error("a quantile that a threshold asks for is not given")
	}
}

// A condition on a figure that no second has is held at the end, and does not disturb the view.
func TestConditionsThatNoSecondTells(t *testing.T) {
	o := short(to(stubbed(t, "").Addr()))
	for _, text := range []string{"mean<1h", "p99.9<1h", "extra==0", "attainment>=0", "goodput>=1"} {
		c, err := result.ParseThreshold(text)
		if err != nil {
			t.Fatal(err)
		}
		o.Thresholds = append(o.Thresholds, c)
	}
	o.Unverified, o.Length, o.Within = true, 1600*time.Millisecond, time.Hour // a whole second, of which the view tells
	view := &watcher{}
	o.View = view
	r, _, err := Run(t.Context(), o)
	whole(t, r, err)
	if len(r.Thresholds) != 5 || !r.Thresholds[0].Pass || !r.Thresholds[3].Pass || !r.Thresholds[4].Pass || view.shown[len(view.shown)-1].Objective != "goodput>=1" {
		t.Errorf("thresholds %+v, the view shows %+v", r.Thresholds, view.shown[len(view.shown)-1])
	}
}

// A percentile is of all requests, so that a target that refuses a fifth of them does not hold it; that
// of right answers alone begins with ok.
func TestRefusalsCountAsMissed(t *testing.T) {
	o := short(to(stubbed(t, "status=503:20").Addr()))
	for _, text := range []string{"p90<1h", "p50<1h", "ok.p90<1h", "unserved>10%"} {
		c, err := result.ParseThreshold(text)
		if err != nil {
			t.Fatal(err)
		}
		o.Thresholds = append(o.Thresholds, c)
	}
	o.Unverified, o.Load = true, "gamma:300,cv=2"
	r, _, err := Run(t.Context(), o)
	whole(t, r, err)
	if r.Ledger.Rejected == 0 || r.Every.N != r.Ledger.Scheduled || r.Response.N != r.Ledger.OK {
		t.Errorf("ledger %+v, every %+v", r.Ledger, r.Every)
	}
	if all := r.Thresholds; len(all) != 4 || all[0].Pass || !strings.HasPrefix(all[0].Value, "not reached: ") || !all[1].Pass || !all[2].Pass || !all[3].Pass {
		t.Errorf("thresholds %+v", all)
	}
}

// What cannot be watched is said once, however many runs a test has.
func TestNotes(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	s := stubbed(t, "")
	o := short(to(s.Addr()))
	view := &watcher{}
	o.View, o.Target.Metrics = view, server.URL
	o.defaults()
	a, err := prepare(t.Context(), &o.Options, o.Target)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, _, err := o.run(t.Context(), a, "run")
		if whole(t, r, err); r.Ledger.OK != 300 || r.Ledger.Server != nil {
			t.Errorf("ledger %+v", r.Ledger)
		}
	}
	if len(view.notes) != 1 {
		t.Errorf("notes %q", view.notes)
	}
}

func TestRefusedTargets(t *testing.T) {
	s := stubbed(t, "")
	ctx := t.Context()
	run := func(change func(o *RunOptions)) (*result.Result, error) {
		o := short(to(s.Addr()))
		change(&o)
		r, _, err := Run(ctx, o)
		return r, err
	}
	r, err := run(func(o *RunOptions) { o.Target.URL = "192.0.2.1:80" })
	failsWith[*payload.UsageError](t, r, err, "target 192.0.2.1:80 is not at a loopback address")
	r, err = run(func(o *RunOptions) { o.Target.URL = "https://localhost" })
	failsWith[*payload.UsageError](t, r, err, "TLS is not supported")
	r, err = run(func(o *RunOptions) { o.Target.URL = "127.0.0.1:1" })
	failsWith[*payload.NotReadyError](t, r, err, "cannot reach the target")
	r, err = run(func(o *RunOptions) { o.Target.URL = "no-such-host.invalid:80" })
	failsWith[*payload.NotReadyError](t, r, err, "cannot find the host")
	r, err = run(func(o *RunOptions) { o.Target.Model = "other" })
	failsWith[*payload.NotReadyError](t, r, err, `target has no model "other"`)
	r, err = run(func(o *RunOptions) { o.Load = "poisson:x" })
	failsWith[*payload.UsageError](t, r, err, "poisson")
	r, err = run(func(o *RunOptions) { o.Target.Expect = "/nonexistent" })
	failsWith[*payload.UsageError](t, r, err, "/nonexistent")
	r, err = run(func(o *RunOptions) { o.Target.Template = "/nonexistent" })
	failsWith[*payload.UsageError](t, r, err, "/nonexistent")
	if _, err := Record(ctx, to(s.Addr()), "/nonexistent/file"); err == nil || !strings.Contains(err.Error(), "/nonexistent/file") {
		t.Errorf("recording into no folder: %v", err)
	}
	two := &oipServer{factors: map[string]float64{"a": 2, "b": 3}}
	r, err = run(func(o *RunOptions) { o.Target.URL = two.start(t) })
	failsWith[*payload.UsageError](t, r, err, "target has 2 models: a, b")
}

func TestLengthOfARun(t *testing.T) {
	f := func(load string, length, want time.Duration) {
		t.Helper()
		o := short(Options{})
		o.Load, o.Length = load, length
		a := &aim{parts: []part{{set: &payload.Set{Payloads: nil}}}}
		s, err := o.shot(a)
		if err != nil {
			t.Fatal(err)
		}
		if s.window.From != o.Warmup || s.window.Length() != want {
			t.Errorf("%s for %v is measured from %v for %v, want %v", load, length, s.window.From, s.window.Length(), want)
		}
	}
	f("poisson:5", 0, DefaultLength)
	f("poisson:5", 7*time.Second, 7*time.Second)
	f("step:100@2s,200@3s", 0, 5*time.Second)
	f("closed:2", 0, DefaultLength)
}
