package report

import (
	"strings"
	"testing"
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
