package wire

import (
	"testing"
	"time"

	"sluice/internal/fault"
)

// The wait is at least what was predicted, at most a quarter more, and not always the same.
func TestComeBack(t *testing.T) {
	const wait = 40 * time.Millisecond
	seen := map[time.Duration]bool{}
	for range 1000 {
		got := comeBack(&fault.Error{Kind: fault.Overloaded, RetryAfter: wait})
		if got < wait || got > wait+wait/4 {
			t.Fatalf("got %v for a wait of %v", got, wait)
		}
		seen[got.Round(time.Millisecond)] = true
	}
	if len(seen) < 8 {
		t.Errorf("the waits do not differ: %v", seen)
	}
	f := func(kind fault.Kind, after time.Duration) {
		t.Helper()
		if got := comeBack(&fault.Error{Kind: kind, RetryAfter: after}); got != 0 {
			t.Errorf("%s and %v: got %v", kind.Code(), after, got)
		}
	}
	f(fault.Overloaded, 0) // not known
	f(fault.DeadlineExceeded, wait)
	f(fault.MissingInput, wait)
}
