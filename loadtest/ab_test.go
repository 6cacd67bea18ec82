package loadtest

import (
	"context"
	"os"
	"testing"
	"time"

	"sluice/compare/sequence"
	"sluice/loadtest/compare"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
)

// pair is a comparison of a second at 1,000 requests per second.
func pair(a, b string, mode compare.Mode) ABOptions {
	o := ABOptions{Options: to(a), B: to(b).Target, Load: "constant:1000", Length: time.Second, Mode: mode, Block: 50 * time.Millisecond}
	o.Warmup = 100 * time.Millisecond
	return o
}

func TestAB(t *testing.T) {
	f := func(mode compare.Mode, each int64) {
		t.Helper()
		a, b := stubbed(t, ""), stubbed(t, "")
		o := pair(a.Addr(), b.Addr(), mode)
		o.Target.Metrics = metricsOf(t, a, 0)
		r, d, err := AB(t.Context(), o)
		whole(t, r, err)
		ab := r.AB
		if ab.Mode != mode.String() || len(ab.Metrics) == 0 || ab.A.N == 0 || ab.B.N == 0 || ab.Different != 0 {
			t.Errorf("%v: %+v", mode, ab)
		}
		for _, m := range ab.Metrics {
			if m.Verdict == "" || !(m.Ratio > 0) {
				t.Errorf("%v: %+v", mode, m)
			}
		}
		if l := r.Ledger; l.Scheduled != each || l.OK != each || !l.Closed || r.Verify.Checked != each || len(r.Targets) != 2 || r.Command != "ab" {
			t.Errorf("%v: ledger %+v, verification %+v, %d targets", mode, l, r.Verify, len(r.Targets))
		}
		var sent [2]int64
		for _, s := range d.Samples {
			sent[s.Target]++
		}
		asked := int64(2 * variants)
		if mirrored := ab.Answers != nil; mirrored != (mode == compare.Mirror) || mirrored && (ab.Answers.Coverage.Compared != variants || ab.Answers.Verdict != "LOOK" || ab.Answers.Errors.Mean != 0) {
			t.Errorf("%v: the answers are compared: %+v", mode, ab.Answers)
		}
		if got := b.Counts().Answered; sent[0] == 0 || got != sent[1]+asked {
			t.Errorf("%v: B has answered %d of %d requests", mode, got, sent[1]+asked)
		}
		// The counters of A are set against what A was sent.
		if l := r.Ledger.Server; l == nil || !l.Agrees || l.Sent != sent[0] {
			t.Errorf("%v: %+v of %d requests to A", mode, l, sent[0])
		}
	}
	f(compare.Block, 1000)
	f(compare.Request, 1000)
	f(compare.Mirror, 2000)
}

// B, whose answers change, is held to what A answers, to each request.
func TestMirrorFindsDifferences(t *testing.T) {
	a, b := stubbed(t, ""), stubbed(t, "corrupt=10")
	o := pair(a.Addr(), b.Addr(), compare.Mirror)
	o.Warmup = 0
	r, _, err := AB(t.Context(), o)
	whole(t, r, err)
	done := b.Counts().Corrupted.N - 1 // one showed that they change
	// A fifth of the pairs is the control, which goes to one target: nothing to compare.
	if r.AB.Mirrored != 800 || r.AB.Different == 0 || r.AB.Different > done || r.Ledger.Wrong != done || done == 0 || r.Exit.Code != result.ExitWrong || r.AB.Answers != nil {
		t.Errorf("%d of %d pairs differ, %d answers are wrong, and %d are corrupted", r.AB.Different, r.AB.Mirrored, r.Ledger.Wrong, done)
	}
	unverified := pair(a.Addr(), b.Addr(), compare.Mirror)
	unverified.Unverified = true
	r, _, err = AB(t.Context(), unverified)
	if whole(t, r, err); r.AB.Mirrored != 0 || r.Verify.Why == "" {
		t.Errorf("%d pairs are compared, verification %+v", r.AB.Mirrored, r.Verify)
	}
}

// An intended change is judged by its size, and is no wrong answer.
func TestMirrorJudgesAnotherModel(t *testing.T) {
	s := &oipServer{factors: map[string]float64{"a": 1, "b": 3}}
	at := s.start(t)
	o := pair(at, at, compare.Mirror)
	o.Load, o.Length, o.Warmup, o.Target.Model, o.B.Model = "constant:200", 800*time.Millisecond, 0, "a", "b"
	r, _, err := AB(t.Context(), o)
	whole(t, r, err)
	answers := r.AB.Answers
	if answers == nil || answers.Verdict != sequence.Fail || answers.Candidate.Name != "b" || r.Ledger.Wrong != 0 || len(r.Thresholds) != 1 || answers.Coverage.Compared != variants {
		t.Errorf("%+v; %+v", answers, r.Thresholds)
	}
}

// JSON against binary on one server: its counters are of both.
func TestABOfOneServer(t *testing.T) {
	s := stubbed(t, "")
	o := pair(s.Addr(), s.Addr(), compare.Request)
	o.B.Payload.Protocol = payload.Binary
	o.Target.Metrics = metricsOf(t, s, 0)
	r, d, err := AB(t.Context(), o)
	whole(t, r, err)
	if l := r.Ledger.Server; l == nil || !l.Agrees || l.Sent != int64(len(d.Samples)) {
		t.Errorf("%+v of %d requests", l, len(d.Samples))
	}
	if r.Targets[0].Protocol != "oip-json" || r.Targets[1].Protocol != "oip-binary" {
		t.Errorf("targets %+v", r.Targets)
	}
}

// A comparison that is interrupted is one of the blocks that there were.
func TestABInterrupted(t *testing.T) {
	f := func(mode compare.Mode, frames int) {
		t.Helper()
		o := pair(stubbed(t, "").Addr(), stubbed(t, "").Addr(), mode)
		o.Length = time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o.View = &watcher{onShow: func(shown int) {
			if shown == frames {
				cancel()
			}
		}}
		r, d, err := AB(ctx, o)
		whole(t, r, err)
		most := int(d.Window.Length() / o.Block)
		if mode == compare.Block {
			most -= most % 4
		}
		if !r.Interrupted || r.AB.Blocks != most || !r.Ledger.Closed {
			t.Errorf("%v: %d blocks of %v within %v; %+v", mode, r.AB.Blocks, o.Block, d.Window, r.Ledger)
		}
	}
	f(compare.Block, 1)
	f(compare.Block, 4)
	f(compare.Request, 4)
	f(compare.Mirror, 4)
}

func TestRefusedComparisons(t *testing.T) {
	s := stubbed(t, "")
	f := func(want string, change func(o *ABOptions)) {
		t.Helper()
		o := pair(s.Addr(), s.Addr(), compare.Block)
		change(&o)
		r, _, err := AB(t.Context(), o)
		failsWith[*payload.UsageError](t, r, err, want)
	}
	f("is a closed loop", func(o *ABOptions) { o.Load = "closed:2" })
	f("both must get the same", func(o *ABOptions) { o.B.Payload.Variants = 3 })
	f("make the run longer", func(o *ABOptions) { o.Length = 100 * time.Millisecond })
	f("target B: ", func(o *ABOptions) { o.B.URL = "x y" })
	f("poisson", func(o *ABOptions) { o.Load = "poisson:" })
}

func TestBlockMeter(t *testing.T) {
	const long = time.Hour
	own := os.Getpid()
	f := func(name string, blocks int, block, ago time.Duration, a, b int, mode compare.Mode, want int) {
		t.Helper()
		m := newBlockMeter(&compare.Design{Mode: mode, Block: block, Blocks: blocks}, a, b)
		m.start(time.Now().Add(-ago))
		got := m.stop()
		if len(got) != want {
			t.Errorf("%s: %d blocks, want %d", name, len(got), want)
		}
		for _, cpu := range got {
			if cpu.A < 0 || cpu.B < 0 || cpu.A > long.Seconds() {
				t.Errorf("%s: %+v", name, cpu)
			}
		}
	}
	f("all past", 3, time.Second, long, own, os.Getppid(), compare.Request, 3)
	f("before the last bound", 3, time.Minute, 2*time.Minute+30*time.Second, own, os.Getppid(), compare.Request, 3)
	f("before the last but one", 3, time.Minute, time.Minute+30*time.Second, own, os.Getppid(), compare.Request, 0)
	f("one process, by turns", 3, time.Second, long, own, own, compare.Block, 3)
	f("one process, at once", 3, time.Second, long, own, own, compare.Request, 0)
	f("one is not known", 3, time.Second, long, own, 0, compare.Block, 0)
	f("one has ended", 3, time.Second, long, own, 1<<22+1, compare.Block, 0)
	if got := newBlockMeter(&compare.Design{}, own, own).stop(); got != nil {
		t.Errorf("a meter that was never started has %v", got)
	}
}
