package gateway

import (
	"strconv"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
)

// Ten failures a second of a model and kind are logged, and the next line counts the others.
func TestCausesAreThrottled(t *testing.T) {
	var l causes
	f := func(model string, kind fault.Kind, at time.Duration, times int, logged int, skipped int64) {
		t.Helper()
		n, left := 0, int64(0)
		for range times {
			if s, ok := l.take(model, kind, clock.Instant(at)); ok {
				n++
				left += s
			}
		}
		if n != logged || left != skipped {
			t.Errorf("%s %s at %v: %d of %d logged with %d left out, want %d with %d", model, kind.Code(), at, n, times, left, logged, skipped)
		}
	}
	f("a", fault.Internal, 5*time.Second, 25, 10, 0)
	f("a", fault.InferenceFailed, 5*time.Second, 3, 3, 0)
	f("b", fault.Internal, 5*time.Second, 3, 3, 0)
	f("a", fault.Internal, 5900*time.Millisecond, 5, 0, 0)
	f("a", fault.Internal, 6*time.Second, 1, 1, 20)
	f("a", fault.Internal, 6*time.Second, 10, 9, 0)
	f("a", fault.Internal, 9*time.Second, 1, 1, 1)
	f("b", fault.Internal, 9*time.Second, 8, 8, 0)
}

// The counts do not grow with a repository that changes without end.
func TestCausesAreBounded(t *testing.T) {
	var l causes
	for i := range 3 * maxCauses {
		if _, ok := l.take(strconv.Itoa(i), fault.Internal, 0); !ok {
			t.Fatalf("failure %d of a model of its own is left out", i)
		}
		if len(l.counts) > maxCauses {
			t.Fatalf("%d counts", len(l.counts))
		}
	}
}
