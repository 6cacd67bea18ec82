package gates

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/clock"
)

func TestPaceRestsAsLongAsItWorked(t *testing.T) {
	f := func(serving bool, work time.Duration, want time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			t.Helper()
			p := pace{serving: func() bool { return serving }}
			begin := clock.Now()
			time.Sleep(work) // the fake clock's
			p.track(begin)
			before := time.Now()
			p.rest(context.Background())
			if rested := time.Since(before); rested != want {
				t.Errorf("rested %v after %v, want %v", rested, work, want)
			}
			before = time.Now()
			p.rest(context.Background())
			if want > 0 && time.Since(before) != 0 {
				t.Error("rested twice for the same work")
			}
		})
	}
	f(true, burst-1, 0)
	f(true, burst, burst)
	f(true, 5*burst, 5*burst)
	f(false, 5*burst, 0)
}

func TestPaceEndsWithItsContext(t *testing.T) {
	p := pace{serving: func() bool { return true }, worked: time.Hour}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p.rest(ctx)
}
