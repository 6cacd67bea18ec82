package report

import (
	"strings"
	"testing"

	"sluice/loadtest/result"
)

// The last line of the text says its state once, whatever the verdict begins with.
func TestTheLastLineSaysItsStateOnce(t *testing.T) {
	f := func(state, verdict, want string) {
		t.Helper()
		var b strings.Builder
		d := document{State: state, Verdict: verdict}
		if err := d.text(&b); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if got := lines[len(lines)-1]; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("OK", "p99 4 ms: valid", "OK: p99 4 ms: valid")
	f("INVALID", "INVALID: the load tester was late", "INVALID: the load tester was late")
	f("INTERRUPTED", "interrupted: p99 4 ms", "INTERRUPTED: p99 4 ms")
	f("THRESHOLD FAILED", "failed: p99<1ms is 4 ms", "THRESHOLD FAILED: p99<1ms is 4 ms")
	f("WRONG ANSWERS", "WRONG ANSWERS: 4 answers are wrong", "WRONG ANSWERS: 4 answers are wrong")
	f("LEDGER NOT CLOSED", "the ledger is not closed: 4 answers are extra", "LEDGER NOT CLOSED: 4 answers are extra")
	f("FAILED", "failed", "FAILED: failed")
}

// A rest of a second is no second: in a chart it would look like a fall.
func TestChartsHaveWholeSecondsAlone(t *testing.T) {
	f := func(duration float64, seconds, want int) {
		t.Helper()
		r := &result.Result{Load: result.Load{Duration: duration}, Series: make([]result.Second, seconds)}
		for i := range r.Series {
			r.Series[i].T = float64(i)
		}
		if got := len(wholeSeconds(r).Series); got != want || len(r.Series) != seconds {
			t.Errorf("of %d seconds in %g s %d are shown, want %d", seconds, duration, got, want)
		}
	}
	f(3, 3, 3)
	f(2.9999, 3, 3)
	f(2.5, 3, 2)
	f(3.000000001, 4, 3)
	f(0.5, 1, 1)
	f(0, 3, 3) // not known
}
