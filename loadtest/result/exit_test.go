package result

import (
	"fmt"
	"strings"
	"testing"

	"sluice/internal/traffic"
)

// exits gives a good run each reason to end badly, in the order of severity.
var exits = []struct {
	code int
	why  string
	make func(r *Result)
}{
	{ExitLedger, "the ledger is not closed: 1 of 30,000 scheduled requests have no outcome", func(r *Result) { r.Ledger.OK--; r.Ledger.Close() }},
	{ExitWrong, "2 answers are wrong, of 29,910 that were compared; 1 of them belong to other requests", func(r *Result) {
		r.Ledger.OK -= 2
		r.Ledger.Wrong += 2
		r.Verify.Wrong, r.Verify.CrossTalk = 2, 1
	}},
	{ExitInvalid, "INVALID: the tool was late; and 1 more", func(r *Result) { r.Validity = Validity{Reasons: []string{"the tool was late", "steal"}} }},
	{ExitThreshold, "failed: p99<10ms is 12.3 ms", func(r *Result) {
		r.Thresholds = []Threshold{{"wrong==0", "0", true, false}, {"p99<10ms", "12.3 ms", false, false}}
	}},
	{ExitInterrupted, "interrupted", func(r *Result) { r.Interrupted = true }},
}

func closedRun() *Result {
	r := run()
	r.Ledger.Close()
	return r
}

func TestEveryExitStatus(t *testing.T) {
	if got := ExitStatus(closedRun()); got != (Exit{0, "ok"}) {
		t.Errorf("a good run ends with %+v", got)
	}
	for _, e := range exits {
		r := closedRun()
		e.make(r)
		if got := ExitStatus(r); got != (Exit{e.code, e.why}) {
			t.Errorf("got %+v, want %d %q", got, e.code, e.why)
		}
	}
	// The two that come before any result, and the numbers that the specification names.
	want := map[string]int{"ok": 0, "usage": 2, "not ready": 3, "threshold": 10, "wrong": 11, "ledger": 12, "invalid": 20, "interrupted": 130}
	got := map[string]int{
		"ok": ExitOK, "usage": ExitUsage, "not ready": ExitNotReady, "threshold": ExitThreshold, "wrong": ExitWrong, "ledger": ExitLedger,
		"invalid": ExitInvalid, "interrupted": ExitInterrupted,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("exit statuses %v, want %v", got, want)
	}
}

func TestTheWorseOfEveryPairWins(t *testing.T) {
	for i, a := range exits {
		for k, b := range exits {
			r := closedRun()
			a.make(r)
			b.make(r)
			if got, want := ExitStatus(r).Code, exits[min(i, k)].code; got != want {
				t.Errorf("%s with %s: exit %d, want %d", a.why, b.why, got, want)
			}
		}
	}
}

func TestALedgerThatWasNeverClosedIsNot(t *testing.T) {
	if got := ExitStatus(run()); got != (Exit{ExitLedger, "the ledger is not closed: it was never closed"}) {
		t.Errorf("got %+v", got)
	}
}

func TestOneWrongAnswer(t *testing.T) {
	r := closedRun()
	r.Verify = Verify{Wrong: 1} // of a search, whose ledger is empty
	if got := ExitStatus(r); got != (Exit{ExitWrong, "1 answer is wrong"}) {
		t.Errorf("got %+v", got)
	}
}

func TestLedger(t *testing.T) {
	f := func(l Ledger, want string) {
		t.Helper()
		l.Closed = want != ""
		if got := l.Close(); got != want || l.Closed != (want == "") {
			t.Errorf("%+v: %q and closed %v, want %q", l, got, l.Closed, want)
		}
	}
	f(Ledger{}, "")
	f(Ledger{Scheduled: 45, OK: 1, Rejected: 2, ClientErr: 3, ServerErr: 4, Timeout: 5, Refused: 6, FailedBefore: 7, LostAfter: 8, Wrong: 9}, "")
	f(Ledger{Scheduled: 2000, OK: 1}, "1,999 of 2,000 scheduled requests have no outcome")
	f(Ledger{Scheduled: 1, OK: 1, Wrong: 1}, "2 outcomes are told of 1 scheduled requests")
	f(Ledger{Scheduled: 1, OK: 1, Extra: 1}, "1 answer came that nobody was waiting for")
	f(Ledger{Scheduled: 1, Extra: 2}, "1 of 1 scheduled requests have no outcome, and 2 answers came that nobody was waiting for")
}

func TestJudge(t *testing.T) {
	good := Facts{
		PacerLag: 0.6, Response: 6, Scheduled: 30_000, Missed: 300, PacerCores: 1.0, SpinCores: 0.2,
		RunQueueP99: 1, Steal: 0.02,
	}
	f := func(change func(f *Facts), want ...string) {
		t.Helper()
		facts := good
		change(&facts)
		got := Judge(facts)
		if got.Valid != (len(want) == 0) || len(got.Reasons) != len(want) {
			t.Errorf("got %+v, want %d reasons", got, len(want))
			return
		}
		for i, w := range want {
			if got.Reasons[i] != w {
				t.Errorf("got  %s\nwant %s", got.Reasons[i], w)
			}
		}
	}
	f(func(f *Facts) {}) // everything exactly at its limit
	f(func(f *Facts) { *f = Facts{} })
	f(func(f *Facts) { f.PacerLag = 0.6001 },
		"the load tester was late by 600.1 us at p99, more than 600 us (a tenth of the response p99 of 6 ms): give it a core of its own, or lower the rate")
	f(func(f *Facts) { f.PacerLag, f.Response = 0.201, 1 },
		"the load tester was late by 201 us at p99, more than 200 us (the least that is asked for): give it a core of its own, or lower the rate")
	f(func(f *Facts) { f.PacerLag, f.Response = 0.2, 1 })
	f(func(f *Facts) { f.PacerLag, f.Missed, f.Closed = 9, 9000, true })
	f(func(f *Facts) { f.Missed = 301 },
		"the load tester itself came too late for 301 of 30,000 requests, more than 1 %: give it more CPU, or lower the rate")
	f(func(f *Facts) { f.SpinCores = 0.19 },
		"the sending thread worked for 0.81 of a core, more than 0.8, so that answers waited for it: lower the rate, or spread the load over several load testers")
	f(func(f *Facts) { f.RunQueueP99 = 1.2 },
		"the sending thread waited for a core for 1.2 ms at p99, more than 1 ms: stop what else runs on this machine, or give the load tester a core of its own")
	f(func(f *Facts) { f.Steal = 0.031 },
		"the hypervisor took 3.1 % of this machine's CPU time, more than 2 %: use a machine whose cores are its own, or repeat at a quieter time")
	f(func(f *Facts) { f.Restarted = true },
		"the target's process ended and another one took its place, so the figures are of two servers: see its log, and repeat")
	f(func(f *Facts) { f.Short = []Shortage{{"p99.9", 3000, 4603}} },
		"p99.9 of 3,000 requests is no figure, it needs 4,603: run for longer, or bound a lower percentile")
	all := Judge(Facts{PacerLag: 1, Scheduled: 1, Missed: 1, PacerCores: 1, RunQueueP99: 9, Steal: 1, Restarted: true, Short: make([]Shortage, 2)})
	if all.Valid || len(all.Reasons) != 8 {
		t.Errorf("not every rule is told: %q", all.Reasons)
	}
}

func TestVerdict(t *testing.T) {
	f := func(want string, change func(r *Result)) {
		t.Helper()
		r := closedRun()
		change(r)
		if got := Verdict(r); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f("p99 6.02 ms (5.7 to 6.4 ms) at 500/s for 60 s: valid, 29,910 answers right; 0.3 % of 30,000 requests without one (60 rejected, 20 timeout, 10 server_err)", func(r *Result) {})
	perfect := func(r *Result) {
		r.Ledger = Ledger{Scheduled: 30_012, OK: 30_012, Closed: true}
		r.Verify.Checked = 30_012
	}
	f("p99 6.02 ms (5.7 to 6.4 ms) at 500/s for 60 s: valid, all 30,012 answers right", perfect)
	f("p99 6.02 ms (5.7 to 6.4 ms) at 500/s for 60 s: valid, 3,001 of 30,012 answers compared, all right", func(r *Result) { perfect(r); r.Verify.Checked = 3001 })
	f("p99 6.02 ms (5.7 to 6.4 ms) at 500/s for 60 s: valid, answers not compared (no known answers)", func(r *Result) { perfect(r); r.Verify = Verify{Why: "no known answers"} })
	f("p50 900 us (800 us to 1.1 ms) in a closed loop of 498.5/s for 0.5 s: valid, all 30,012 answers right", func(r *Result) {
		perfect(r)
		r.Response.Quantiles = []Quantile{{Q: 0.5, Ms: 0.9, Lo: 0.8, Hi: 1.1}}
		r.Load.Closed, r.Load.Duration = true, 0.5
	})
	f("too few right answers for any percentile at 500/s for 60 s: valid, answers not compared; 100 % of 5 requests without one (5 lost)", func(r *Result) {
		r.Response, r.Verify = Latency{}, Verify{}
		r.Ledger = Ledger{Scheduled: 5, LostAfter: 5, Closed: true}
	})
	f("interrupted: p99 6.02 ms (5.7 to 6.4 ms) at 500/s for 60 s, all 30,012 answers right", func(r *Result) { perfect(r); r.Interrupted = true })
	for _, e := range exits[:4] {
		if e.code == ExitWrong {
			f("WRONG ANSWERS: "+e.why, e.make)
			continue
		}
		f(e.why, e.make)
	}
	f("capacity 4200/s (4050 to 4310) holds p99<10ms; 4410/s does not, first limit target CPU: valid", func(r *Result) {
		r.Ledger = Ledger{Closed: true}
		r.Capacity = &Capacity{Objective: "p99<10ms", Capacity: 4200, Lo: 4050, Hi: 4310, Upper: 4410, Limit: "target CPU"}
	})
	f("no rate was found that holds p99<1us: valid", func(r *Result) {
		r.Ledger = Ledger{Closed: true}
		r.Capacity = &Capacity{Objective: "p99<1us"}
	})
	f("B is slower: p50 of B is 1.06 times that of A (1.04 to 1.08): valid", func(r *Result) {
		r.Ledger = Ledger{Closed: true}
		r.AB = &AB{Metrics: []Ratio{{Name: "mean", Verdict: "no difference shown"}, {Name: "p50", Ratio: 1.06, Lo: 1.04, Hi: 1.08, Verdict: "B is slower"}}}
	})
	f("no difference shown; the smallest that the run could have shown is 2.5 % of p50: valid", func(r *Result) {
		r.Ledger = Ledger{Closed: true}
		r.AB = &AB{Metrics: []Ratio{{Verdict: "no difference shown", Detectable: 0.1}, {Name: "p50", Verdict: "no difference shown", Detectable: 0.025}}}
	})
	f("nothing could be compared, for want of right answers: valid", func(r *Result) { r.Ledger, r.AB = Ledger{Closed: true}, &AB{} })
}

func TestFiguresForPeople(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(traffic.QuantileName(0.5)+traffic.QuantileName(0.99)+traffic.QuantileName(0.999)+traffic.QuantileName(0.57)+traffic.QuantileName(0.99999), "p50p99p99.9p57p99.999")
	f(Milliseconds(0), "0 ms")
	f(Milliseconds(0.0123456), "12.3 us")
	f(Milliseconds(0.9996), "1 ms")
	f(Milliseconds(999.4), "999 ms")
	f(Milliseconds(999.6), "1 s")
	f(Milliseconds(60_000), "60 s")
	f(Milliseconds(-0.5), "-500 us")
	f(Percent(0), "0 %")
	f(Percent(1), "100 %")
	f(Percent(0.99996), "99.996 %")
	f(Percent(0.9995), "99.95 %")
	f(Percent(0.000_000_12), "0.000012 %")
	f(Percent(1.5), "150 %")
	f(Thousands(0)+" "+Thousands(999)+" "+Thousands(1000)+" "+Thousands(-1234567), "0 999 1,000 -1,234,567")
	if strings.Contains(significant(1.7976931348623157e308, 3), "e") {
		t.Error("an exponent")
	}
}
