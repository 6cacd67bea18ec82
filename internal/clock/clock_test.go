package clock

import (
	"testing"
	"time"
)

func TestAddSaturates(t *testing.T) {
	f := func(i Instant, d time.Duration, want Instant) {
		t.Helper()
		if got := i.Add(d); got != want {
			t.Errorf("Instant(%d).Add(%d) = %d, want %d", i, d, got, want)
		}
	}
	f(5, 3, 8)
	f(5, -8, -3)
	f(Never, time.Second, Never)
	f(Never-1, 2, Never)
}

func TestAtAgreesWithNow(t *testing.T) {
	before := Now()
	at := At(time.Now())
	if after := Now(); at < before || at > after {
		t.Errorf("At(time.Now()) = %d, want between %d and %d", at, before, after)
	}
}
