package search

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/loadtest/result"
)

var p99Within10ms = result.Objective{Text: "p99<10ms,err<0.1%,wrong==0", Quantile: 0.99, Limit: 10 * time.Millisecond, Errors: 0.001}

// TestClearServer: a server that answers all or nothing has its capacity found to the
// precision, wherever the grid starts, without a rate above the cap or a run too many.
func TestClearServer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Float64Range(50, 20_000).Draw(t, "capacity") // with less there are too few requests to tell
		o := Options{Objective: p99Within10ms, Low: want * rapid.Float64Range(0.05, 8).Draw(t, "low"), Precision: rapid.Float64Range(0.01, 0.2).Draw(t, "precision")}
		if rapid.Bool().Draw(t, "capped") {
			o.High = o.Low * rapid.Float64Range(1, 100).Draw(t, "high")
		}
		runs := 0
		got, err := Find(context.Background(), o, func(_ context.Context, rate float64, _ uint64, length time.Duration, _ string) (Measured, error) {
			runs++
			if o.High > 0 && rate > o.High {
				t.Errorf("a rate of %g is beyond the cap %g", rate, o.High)
			}
			m := Measured{N: int64(rate * length.Seconds()), Good: rate, Valid: true}
			if rate > want {
				m.Over = m.N
			}
			return m, nil
		})
		switch {
		case err != nil:
			t.Error(err)
		case runs > 40:
			t.Errorf("%d runs", runs)
		case o.High > 0 && o.High <= want:
			if got.Capacity != o.High || !got.AtLeast {
				t.Errorf("capacity %g with a cap of %g below the true one", got.Capacity, o.High)
			}
		case got.Capacity > want || got.Upper <= want || got.Upper > got.Capacity*(1+o.Precision)*(1+1e-9):
			t.Errorf("capacity %g, upper %g", got.Capacity, got.Upper)
		}
	})
}

func TestGeneratorLimit(t *testing.T) {
	s := md1Server(100*time.Microsecond, p99Within10ms)
	s.disturb = func(m *Measured, rate float64, _ *rand.Rand) {
		if rate > 1000 {
			m.Valid, m.Reasons = false, []string{"lag p99 0.9 ms (limit 0.2 ms)"}
		}
	}
	got := mustFind(t, Options{Objective: p99Within10ms, Low: 100}, s.probe)
	if got.Limit != LimitGenerator || !got.AtLeast || got.Upper != 0 || got.Capacity > 1000 || got.Capacity < 950 {
		t.Errorf("capacity %.0f, at least %v, upper %.0f, limit %q", got.Capacity, got.AtLeast, got.Upper, got.Limit)
	}
	last := got.Probes[slices.IndexFunc(got.Probes, func(p result.Probe) bool { return p.Rate > 1000 })]
	if last.Outcome != "inconclusive" || !strings.Contains(last.Why, "lag p99 0.9 ms") {
		t.Errorf("a probe beyond the generator: %+v", last)
	}
}

func TestNeverPassing(t *testing.T) {
	s := md1Server(11*time.Millisecond, p99Within10ms)
	got := mustFind(t, Options{Objective: p99Within10ms, Recover: noRecovery(t)}, s.probe)
	if got.Capacity != 0 || got.Lo != 0 || got.Hi != 0 || got.AtLeast || got.Upper <= 0 || got.Upper > 5 || got.Limit != LimitLatency {
		t.Errorf("%+v", got)
	}
	if len(s.asked) > 3+descents {
		t.Errorf("%d probes for a server that never passes", len(s.asked))
	}
}

// TestLowStartTooHigh: the first rate overloads the target, so the grid goes down at once.
func TestLowStartTooHigh(t *testing.T) {
	s := md1Server(time.Millisecond, p99Within10ms)
	s.disturb = func(m *Measured, rate float64, _ *rand.Rand) {
		if rate > 950 {
			m.Errors, m.Rejected = m.N/3, m.N/3
		}
	}
	got := mustFind(t, Options{Objective: p99Within10ms, Low: 3000}, s.probe)
	if got.Probes[1].Rate != 2000 || got.Capacity < 700 || got.Capacity > 900 {
		t.Errorf("second probe at %.0f, capacity %.0f", got.Probes[1].Rate, got.Capacity)
	}
}

func TestPassingUpToTheCap(t *testing.T) {
	s := md1Server(100*time.Microsecond, p99Within10ms)
	got := mustFind(t, Options{Objective: p99Within10ms, Low: 100, High: 400, Recover: noRecovery(t)}, s.probe)
	if got.Capacity != 400 || !got.AtLeast || got.Limit != LimitCap || got.Lo > 400 || got.Hi < 400 || slices.Max(s.asked) > 400 {
		t.Errorf("%+v, up to %.0f", got, slices.Max(s.asked))
	}
}

// TestLimits: what stands beside the first failure names the limit.
func TestLimits(t *testing.T) {
	f := func(want string, disturb func(m *Measured)) {
		t.Helper()
		s := md1Server(time.Millisecond, p99Within10ms)
		s.disturb = func(m *Measured, rate float64, _ *rand.Rand) {
			if rate > 600 {
				disturb(m)
			}
		}
		got := mustFind(t, Options{Objective: p99Within10ms, Low: 100}, s.probe)
		if got.Limit != want || got.Capacity > 600 || got.Capacity < 550 {
			t.Errorf("limit %q at %.0f, want %q", got.Limit, got.Capacity, want)
		}
	}
	f(LimitCPU, func(m *Measured) { m.Over, m.TargetCPU, m.TargetCores = m.N/2, 1.9, 2 })
	f(LimitLatency, func(m *Measured) { m.Over, m.TargetCPU, m.TargetCores = m.N/2, 1.7, 2 })
	f(LimitQueue, func(m *Measured) { m.Errors, m.Rejected = m.N/2, m.N/2 })
	f(LimitErrors, func(m *Measured) { m.Errors = m.N / 2 })
	f(LimitErrors, func(m *Measured) { m.Errors, m.Wrong = 1, 1 })
}

// TestConfirmationFails: what a look of ten seconds cannot see, a minute can.
func TestConfirmationFails(t *testing.T) {
	s := md1Server(time.Millisecond, p99Within10ms)
	var confirmed []float64
	probe := func(ctx context.Context, rate float64, seed uint64, length time.Duration, phase string) (Measured, error) {
		m, err := s.probe(ctx, rate, seed, length, phase)
		if phase == Confirm {
			confirmed = append(confirmed, rate)
			if rate > 700 {
				m.Over = m.N
			}
		}
		return m, err
	}
	got := mustFind(t, Options{Objective: p99Within10ms, Low: 100}, probe)
	n := len(confirmed)
	if got.Capacity > 700 || got.Capacity < 700/1.06 || got.Upper < 700 || got.Upper > 750 || n < 4 || confirmed[n-1] != confirmed[n-3] {
		t.Errorf("capacity %.0f, upper %.0f, confirmations at %.0f", got.Capacity, got.Upper, confirmed)
	}
	seeds := map[uint64]bool{}
	for _, p := range got.Probes {
		seeds[p.Seed] = true
	}
	if len(seeds) != len(got.Probes) {
		t.Errorf("%d seeds for %d probes", len(seeds), len(got.Probes))
	}
}

// TestConfirmedTogether: three confirmations that each are within the objective as counted are
// not enough if all together cannot tell; and three that are unclear alone can be together.
func TestConfirmedTogether(t *testing.T) {
	f := func(o Options, over int64, held bool) {
		t.Helper()
		probe := func(_ context.Context, rate float64, _ uint64, _ time.Duration, phase string) (Measured, error) {
			m := Measured{N: 600, Good: rate, Valid: true}
			switch {
			case rate > 525:
				m.Over = 300
			case phase == Confirm && rate > 480:
				m.Over = over
			}
			return m, nil
		}
		o.Objective, o.Low, o.Precision = p99Within10ms, 500, 0.05
		got := mustFind(t, o, probe)
		if (got.Capacity > 480) != held || got.Upper <= 525 || got.Lo > got.Capacity || got.Hi < got.Capacity {
			t.Errorf("%d over of 600 each: capacity %.0f, upper %.0f, %+v", over, got.Capacity, got.Upper, got.Probes)
		}
	}
	f(Options{}, 2, true)
	f(Options{}, 5, false)
	f(Options{}, 7, false)
	f(Options{Quick: true}, 0, true)
	f(Options{Quick: true}, 2, false) // 838 are needed for as many
}

// TestInterrupted stops the search after each number of runs in turn.
func TestInterrupted(t *testing.T) {
	for stop := range 16 {
		ctx, cancel := context.WithCancel(context.Background())
		s := md1Server(time.Millisecond, p99Within10ms)
		probe := func(ctx context.Context, rate float64, seed uint64, length time.Duration, phase string) (Measured, error) {
			if len(s.asked) == stop {
				cancel()
				return Measured{}, ctx.Err()
			}
			return s.probe(ctx, rate, seed, length, phase)
		}
		got, err := Find(ctx, Options{Objective: p99Within10ms, Low: 200}, probe)
		if got == nil || !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped after %d runs: %v, %v", stop, got, err)
		}
		if got.Capacity != 0 || got.Why == "" || stop > 0 && len(got.Probes) == 0 {
			t.Errorf("stopped after %d runs: %+v", stop, got)
		}
	}
}

func TestRunsAreBounded(t *testing.T) {
	s := md1Server(time.Millisecond, p99Within10ms)
	s.disturb = func(m *Measured, _ float64, _ *rand.Rand) { m.Over, m.Blocks = m.N/100, nil } // never clear
	got := mustFind(t, Options{Objective: p99Within10ms, MaxRuns: 20, Confirmations: 3}, s.probe)
	if len(s.asked) > 20 || got.Capacity != 0 || got.Upper != 0 {
		t.Errorf("%d runs, %+v", len(s.asked), got)
	}
	s = md1Server(time.Millisecond, p99Within10ms)
	got = mustFind(t, Options{Objective: p99Within10ms, Low: 100, MaxRuns: 10}, s.probe)
	if len(s.asked) > 10 || got.Capacity == 0 {
		t.Errorf("%d runs, %+v: the confirmations' share was used up", len(s.asked), got)
	}
}

func TestRecovery(t *testing.T) {
	s := md1Server(time.Millisecond, p99Within10ms)
	var high, low float64
	got := mustFind(t, Options{Objective: p99Within10ms, Low: 100, Recover: func(_ context.Context, h, l float64) (float64, error) {
		high, low = h, l
		return 1.5, nil
	}}, s.probe)
	if got.Recovery == nil || *got.Recovery != 1.5 || low != high/2 || high <= got.Capacity || high > 1.5*1.5*got.Upper {
		t.Errorf("recovery %v from %.0f to %.0f; %+v", got.Recovery, high, low, got)
	}
	if last := got.Probes[len(got.Probes)-1]; last.Phase != Recovery || last.Rate != low {
		t.Errorf("last probe %+v", last)
	}
}

// TestTimeLeft: the estimate is near at the start, and nothing is left at the end.
func TestTimeLeft(t *testing.T) {
	s := md1Server(time.Millisecond, p99Within10ms)
	var lefts []time.Duration
	o := Options{Objective: p99Within10ms, Low: 100, High: 2000}
	o.OnProbe = func(_ result.Probe, left time.Duration) { lefts = append(lefts, left) }
	mustFind(t, o, s.probe)
	if plan := Plan(o); s.spent > 2*plan || plan > 2*s.spent {
		t.Errorf("planned %v, took %v", plan, s.spent)
	}
	if last := lefts[len(lefts)-1]; last != 0 || lefts[0] <= 0 {
		t.Errorf("time left after each probe: %v", lefts)
	}
	if quick := Plan(Options{Objective: p99Within10ms, Quick: true}); quick > 3*time.Minute {
		t.Errorf("a quick search takes %v", quick)
	}
}

func TestBadOptions(t *testing.T) {
	f := func(o Options, want string) {
		t.Helper()
		if got, err := Find(context.Background(), o, nil); got != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, %v; want an error about %q", o, got, err, want)
		}
	}
	f(Options{}, "objective")
	f(Options{Objective: result.Objective{Quantile: 1, Limit: 1}}, "objective")
	f(Options{Objective: p99Within10ms, Low: -1}, "at -1")
	f(Options{Objective: p99Within10ms, Low: 10, High: 5}, "from 10 up to 5")
	f(Options{Objective: p99Within10ms, Precision: 2}, "precision of 2")
	f(Options{Objective: p99Within10ms, MaxRuns: 3}, "3 runs")
	f(Options{Objective: p99Within10ms, Confirmations: -1}, "-1 confirmations")
	f(Options{Objective: p99Within10ms, ProbeLength: -1}, "-1ns")
	f(Options{Objective: result.Objective{Quantile: 0.9, Limit: 1, Errors: 1.1}}, "share of 1.1")
}

func mustFind(t *testing.T, o Options, probe Probe) *result.Capacity {
	t.Helper()
	got, err := Find(context.Background(), o, probe)
	if err != nil {
		t.Fatal(err)
	}
	if testing.Verbose() {
		for _, p := range got.Probes {
			t.Logf("%-8s %7.1f/s %5.0f s  %-12s %s", p.Phase, p.Rate, p.Seconds, p.Outcome, p.Why)
		}
	}
	return got
}

func noRecovery(t *testing.T) func(context.Context, float64, float64) (float64, error) {
	return func(context.Context, float64, float64) (float64, error) {
		t.Error("nothing to recover from")
		return 0, nil
	}
}
