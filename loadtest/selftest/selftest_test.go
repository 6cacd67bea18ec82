package selftest

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/loadtest"
	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/search"
	"sluice/loadtest/stats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stalledRun makes the samples of a run whose server answers nothing for a second, as a client
// with so many connections sees them: a request is written when a connection is free.
func stalledRun(connections int) *loadtest.Detail {
	const step, quick = time.Second / stalledRate, 100 * time.Microsecond
	d := &loadtest.Detail{Window: stats.Window{To: stalledFor}}
	from := stalledFor / 4
	to := from + stall
	waiting := 0
	for at := time.Duration(0); at < stalledFor; at += step {
		s := sample.Sample{Intended: at, Noticed: at, Written: at, Last: at + quick, Outcome: sample.OK}
		if at >= from && at < to {
			if waiting++; waiting > connections {
				s.Written = to
			}
			s.Last = to + quick
		}
		d.Samples = append(d.Samples, s)
	}
	return d
}

// The check of the omission passes by the formula, and a clock that starts at the send fails it:
// with few connections, where it hides the stall, and not with enough of them.
func TestOmission(t *testing.T) {
	f := func(name string, connections int, clock stats.Clock, want bool) {
		t.Helper()
		p99, p999, ok := omissionHolds(stalledRun(connections), clock)
		if ok != want {
			t.Errorf("%s with %d connections: p99 %v, p99.9 %v, %v", name, connections, p99, p999, ok)
		}
	}
	f("from the intended start", 10, (*sample.Sample).Response, true)
	f("from the intended start", 1200, (*sample.Sample).Response, true)
	f("from the send", 10, sentClock, false)
	f("from the send", 1200, sentClock, true)
	if p99 := quantile(stalledRun(10), 0.99, sentClock); p99 >= hidden {
		t.Errorf("from the send p99 is %v, which hides nothing", p99)
	}
	half := func(s *sample.Sample) time.Duration { return s.Response() / 2 }
	f("at half of the truth", 10, half, false)
	late := func(s *sample.Sample) time.Duration { return s.Response() + 50*time.Millisecond }
	f("50 ms too late", 10, late, false)
	if got := quantile(&loadtest.Detail{}, 0.99, sentClock); got != 0 {
		t.Errorf("the quantile of nothing is %v", got)
	}
}

func TestTruth(t *testing.T) {
	f := func(q float64, want time.Duration) {
		t.Helper()
		if got := truth(q); (got - want).Abs() > time.Microsecond {
			t.Errorf("the quantile %g is %v, want %v", q, got, want)
		}
	}
	f(0.95, 0)
	f(0.975, 500*time.Millisecond)
	f(0.99, 800*time.Millisecond)
	f(0.999, 980*time.Millisecond)
	f(1, time.Second)
}

func TestBusy(t *testing.T) {
	f := func(want string, runQueue float64, h result.Host) {
		t.Helper()
		got := busy(&result.Result{Resources: &result.Resources{Tool: result.Process{RunQueueShare: runQueue}, Host: h}})
		if !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("run queue %g, %+v: %q, want %q", runQueue, h, got, want)
		}
	}
	f("", 0.02, result.Host{Steal: 0.02, CPUPressure: 0.1, Busy: 1})
	f("", 0, result.Host{CPUPressure: -1})
	f("the sending thread waited for a core for 3.0 % of the time", 0.03, result.Host{Steal: 0.5})
	f("the hypervisor took 3.0 % of the CPU time", 0, result.Host{Steal: 0.03, CPUPressure: 0.5})
	f("something waited for a core for 20 % of the time", 0, result.Host{CPUPressure: 0.2})
	if got := busy(&result.Result{}); got != "" {
		t.Errorf("a run that was not watched is busy: %q", got)
	}
}

// A claim that fails is a failure, unless the machine explains it; one that holds needs no excuse.
func TestWeigh(t *testing.T) {
	f := func(ok bool, busy string, want Verdict, said string) {
		t.Helper()
		var x test
		x.weigh(ok, busy, "%d %%", 7)
		if x.out.Verdict != want || len(x.out.Lines) != 1 || x.out.Lines[0] != said {
			t.Errorf("%v, %q: %v, %q", ok, busy, x.out.Verdict, x.out.Lines)
		}
	}
	f(true, "", Passed, "7 %")
	f(true, "5 % stolen", Passed, "7 %")
	f(false, "", Failed, "NOT SO: 7 %")
	f(false, "5 % stolen", Inconclusive, "7 %: nothing is shown, 5 % stolen")
	var x test
	x.hold(false, "a")
	x.weigh(false, "busy", "b")
	if x.out.Verdict != Failed {
		t.Errorf("an excuse turns a failure into %v", x.out.Verdict)
	}
	if worst := Worst([]Outcome{{Verdict: Inconclusive}, {Verdict: Passed}}); worst != Inconclusive {
		t.Errorf("the worst is %v", worst)
	}
}

func TestSpoilt(t *testing.T) {
	c := &result.Capacity{Probes: []result.Probe{{Why: "1 % of 9 requests took more than 1ms"}, {Why: "1 % of 9 requests took more than 2ms, invalid"}}}
	if got := spoilt(c); got != "" {
		t.Errorf("valid probes are spoilt: %s", got)
	}
	found, err := search.Find(context.Background(), search.Options{Objective: result.Objective{Quantile: 0.9, Limit: 1}, High: 50},
		func(context.Context, float64, uint64, time.Duration, string) (search.Measured, error) {
			return search.Measured{N: 1000, Reasons: []string{"host steal 3 %"}}, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	if got := spoilt(found); !strings.Contains(got, "probes are spoilt (invalid: host steal 3 %)") {
		t.Errorf("%+v: %q", found.Probes, got)
	}
}

// The parts that are chosen run, side by side or not, and are told of in the specification's order.
func TestRun(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	var out bytes.Buffer
	all, err := Run(t.Context(), Options{Out: &out, Only: []string{"ceiling", "poisson"}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range all {
		names = append(names, o.Name)
		if o.Verdict != Passed || o.Said != "ok" || len(o.Lines) == 0 || !strings.Contains(out.String(), o.Lines[0]) {
			t.Errorf("%+v", o)
		}
	}
	if want := []string{"poisson", "ceiling"}; !slices.Equal(names, want) {
		t.Errorf("parts %v, want %v", names, want)
	}
	if now := runtime.GOMAXPROCS(0); now != max(before, 2) {
		t.Errorf("%d processors, and %d before", now, before)
	}
	if _, err := Run(t.Context(), Options{Only: []string{"poisson", "nothing"}}); err == nil || !strings.Contains(err.Error(), `no part "nothing"`) {
		t.Errorf("a part that is not there: error %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	all, err := Run(ctx, Options{})
	if !errors.Is(err, context.Canceled) || len(all) != 0 {
		t.Errorf("%v, error %v", all, err)
	}
}

func TestNames(t *testing.T) {
	want := []string{"omission", "pacer", "poisson", "delay", "faults", "ceiling", "a/a", "capacity"}
	if got := Names(); !slices.Equal(got, want) {
		t.Errorf("parts %v, want those of the specification: %v", got, want)
	}
	for _, name := range want {
		wanted := func(only ...string) bool { return (&Options{Only: only}).wants(name) }
		if !wanted() || !wanted("x", name) || wanted("x") {
			t.Errorf("%s is chosen wrongly", name)
		}
	}
}
