package loop

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/clock"
)

// crowd simulates connections of which served a second get an answer while cheap answers are limited,
// and many more while they are not.
type crowd struct {
	e       elasticity
	now     clock.Instant
	pending float64
	free    time.Duration // for how long there was no limit
}

// pass lets a step of time pass in which so many connections more would have a request.
func (c *crowd) pass(step time.Duration, more float64) {
	c.now = c.now.Add(step)
	c.pending = max(c.pending+more, 0)
	waiting := int32(max(c.pending-100, 0)) // the model has the others
	if !c.e.limited(c.now) {
		c.free += step
		waiting = 0
	}
	c.e.note(c.now, waiting, int32(c.pending))
}

// Callers that wait for their no are limited for good, also if the client is slow to ask again now and
// then.
func TestWhoWaitsForAnAnswerIsLimited(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		callers := float64(rapid.IntRange(128, 4096).Draw(t, "callers"))
		c := crowd{now: clock.Instant(time.Hour), pending: callers}
		for range rapid.IntRange(100, 2000).Draw(t, "steps") {
			away := 0.0 // answered, and the client has not asked again
			if c.e.mu.since == 0 || c.now.Sub(c.e.mu.since) >= settling {
				away = callers * float64(rapid.IntRange(0, 60).Draw(t, "away %")) / 100
			}
			c.pass(time.Millisecond, callers-away-c.pending)
		}
		if c.free > 0 {
			t.Fatalf("there was no limit for %v", c.free)
		}
	})
}

// Callers that ask at their own pace, faster than the limit allows, hardly ever wait.
func TestWhoAsksAtHisPaceIsNotLimited(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := float64(rapid.IntRange(8_000, 100_000).Draw(t, "more a second than the limit allows"))
		c := crowd{now: clock.Instant(time.Hour), pending: float64(rapid.IntRange(0, 200).Draw(t, "pending"))}
		begin, most, step := c.now, 0.0, time.Duration(rapid.IntRange(250, 2000).Draw(t, "step"))*time.Microsecond
		for c.now.Sub(begin) < 30*time.Second {
			more := rate * step.Seconds()
			if !c.e.limited(c.now) {
				more = min(100-c.pending, more)
			}
			c.pass(step, more)
			most = max(most, c.pending)
		}
		if share := c.free.Seconds() / 30; share < 0.9 {
			t.Errorf("there was no limit for %.3f of the time", share)
		}
		// What comes while the limit settles and shows that it does not work.
		if limit := 300 + rate*(settling+2*step).Seconds()*1.25 + growthLeast; most > limit {
			t.Errorf("%.0f connections had a request, want at most %.0f", most, limit)
		}
	})
}

// A limit that has stood begins anew with the shortest moment.
func TestALimitThatStoodForgets(t *testing.T) {
	c := crowd{now: clock.Instant(time.Hour)}
	grow := func(until time.Duration) {
		for c.free < until || !c.e.limited(c.now) {
			if c.e.limited(c.now) {
				c.pass(time.Millisecond, 20)
			} else {
				c.pass(time.Millisecond, -100)
			}
		}
	}
	grow(time.Second)
	if got := c.e.mu.next; got < 4*freeLeast {
		t.Fatalf("the latest moment lasted %v: it does not grow", got)
	}
	c.pending = 1000
	for range 300 {
		c.pass(time.Millisecond, 0)
	}
	c.free = 0
	grow(time.Millisecond)
	if got := c.e.mu.next; got != freeLeast {
		t.Errorf("the first moment after a limit that stood lasts %v, want %v", got, freeLeast)
	}
}
