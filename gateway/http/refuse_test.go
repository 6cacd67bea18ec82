package httpfront

import (
	"testing"
	"testing/synctest"
	"time"
)

// A connection with a goroutine of its own pauses once for each refusal.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &conn{s: &Server{}}
		f := func(want time.Duration) {
			t.Helper()
			begin := time.Now()
			if c.pause(); time.Since(begin) != want {
				t.Errorf("it paused for %v, want %v", time.Since(begin), want)
			}
		}
		f(0)
		c.s.pausing.Store(31)
		c.Shed(20 * time.Millisecond)
		f(2 * time.Millisecond)
		f(0)
		if n := c.s.pausing.Load(); n != 31 {
			t.Errorf("%d pause afterwards, want 31", n)
		}
	})
}
