package features

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/features/store"
	"sluice/internal/clock"
)

// TestBreaker walks the machine. A step is a time in milliseconds, what happens, and the state that this leaves.
func TestBreaker(t *testing.T) {
	f := func(name, steps string) {
		t.Helper()
		b := breaker{opt: BreakerOptions{Share: 0.25, MinReads: 8, Window: 100 * time.Millisecond, InARow: 4, Sleep: 10 * time.Millisecond}}
		epoch := uint32(0)
		for words := strings.Fields(steps); len(words) > 0; words = words[3:] {
			ms, err := strconv.Atoi(words[0])
			if err != nil {
				t.Fatal(err)
			}
			now := clock.Instant(0).Add(time.Duration(ms) * time.Millisecond)
			switch what := words[1]; what {
			case "good", "bad":
				b.report(now, epoch, now, what == "good")
			case "with": // a read that goes on beside the last bad one
				b.report(now, epoch, now.Add(-time.Millisecond), false)
			case "pass":
				b.pass(now, epoch)
			case "old-good", "old-bad":
				b.report(now, epoch-1, now, what == "old-good")
			default:
				e, ok := b.allow(now)
				if ok {
					epoch = e
				}
				if ok != (what == "goes") {
					t.Errorf("%s: at %d ms a read is allowed: %v", name, ms, ok)
				}
			}
			if b.state.String() != words[2] {
				t.Errorf("%s: at %d ms, %s: it is %s, want %s", name, ms, words[1], b.state, words[2])
			}
		}
	}
	f("four in a row", "0 bad closed 1 bad closed 2 bad closed 3 bad open")
	f("a good one between", "0 bad closed 1 bad closed 2 bad closed 3 good closed 4 bad closed 5 bad closed")
	f("a quarter of eight", "0 good closed 1 good closed 2 bad closed 3 good closed 4 good closed 5 good closed 6 good closed 7 bad open")
	f("a quarter of seven", "0 good closed 1 good closed 2 bad closed 3 good closed 4 good closed 5 good closed 6 bad closed")
	f("in the other half of the window", "0 bad closed 0 bad closed 0 good closed 0 good closed 60 good closed 60 good closed 60 good closed 60 bad open")
	f("outside of the window", "0 bad closed 0 bad closed 0 good closed 0 good closed 120 good closed 120 good closed 120 good closed 120 bad closed")
	f("opens and closes", "0 bad closed 0 bad closed 0 bad closed 0 bad open 9 waits open 10 goes half-open 11 waits half-open "+
		"12 good half-open 12 goes half-open 13 good half-open 13 goes half-open 14 good closed 14 goes closed 15 bad closed")
	f("a bad probe", "0 bad closed 0 bad closed 0 bad closed 0 bad open 10 goes half-open 12 good half-open 12 goes half-open 15 bad open 24 waits open 25 goes half-open")
	f("a probe that is not heard of", "0 bad closed 0 bad closed 0 bad closed 0 bad open 10 goes half-open 19 waits half-open 20 goes half-open")
	f("all at once", "1 bad closed 1 with closed 1 with closed 1 with closed 1 with closed 3 bad closed 5 bad open")
	f("all at once, and a good one", "1 bad closed 1 with closed 1 with closed 3 bad closed 4 good closed 5 bad closed 7 bad closed")
	f("a probe that tells nothing", "0 bad closed 0 bad closed 0 bad closed 0 bad open 10 goes half-open 11 waits half-open 11 pass half-open 12 goes half-open 13 good half-open")
	f("reads that tell nothing", "0 bad closed 0 pass closed 0 bad closed 0 pass closed 0 bad closed 0 pass closed 0 bad open 1 pass open 2 waits open")
	f("reads from before", "0 bad closed 0 bad closed 0 bad closed 0 bad open 1 good open 10 goes half-open 11 old-bad half-open 11 old-good half-open 11 waits half-open")
}

// A group whose budget is too short for its store has its rows too late. It does not keep others from theirs, and does not keep
// a store open that fails for all.
func TestShortBudgetIsItsGroupsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stalls := atomic.Bool{}
		st := &fake{before: func(ctx context.Context, keys []store.Key) error {
			if stalls.Load() {
				<-ctx.Done()
				return ctx.Err()
			}
			return takes(2*time.Millisecond)(ctx, keys)
		}}
		e := newEngine(t, Options{}, st, StoreOptions{})
		hasty := newGroupOf(t, e, GroupOptions{Budget: time.Millisecond}, "a")
		other := newGroupOf(t, e, GroupOptions{Budget: 50 * time.Millisecond}, "b")
		for range enoughReads {
			if s, _ := statusOf(e, other, 1); s != Present {
				t.Fatal(s)
			}
		}
		for range 100 {
			for range 20 {
				if s, _ := statusOf(e, hasty, 1); s != TimedOut {
					t.Fatalf("the store takes longer than the budget, and the row is %s", s)
				}
			}
			if s, _ := statusOf(e, other, 1); s != Present {
				t.Fatalf("another group's row is %s", s)
			}
		}
		stalls.Store(true)
		for range 10 {
			statusOf(e, hasty, 1)
			statusOf(e, other, 1)
		}
		if s := e.Stats().Stores[0].Breaker; s != Open {
			t.Fatalf("the breaker of a store that stalls is %s", s)
		}
		stalls.Store(false)
		time.Sleep(time.Second)
		for range 2 * closeAfter { // each second probe is of the group that tells nothing
			statusOf(e, hasty, 1)
			statusOf(e, other, 1)
		}
		if s := e.Stats().Stores[0].Breaker; s != Closed {
			t.Fatalf("the breaker of a store that is well again is %s", s)
		}
	})
}

// One pause fails all reads that go on at that moment, and is no reason to leave a store alone.
func TestOnePauseOpensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var paused atomic.Bool
		st := &fake{before: func(ctx context.Context, _ []store.Key) error {
			if paused.Load() {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		e := newEngine(t, Options{}, st, StoreOptions{FlushKeys: 1, Reads: 16})
		g := newGroupOf(t, e, GroupOptions{Budget: 5 * time.Millisecond})
		id := int64(0)
		pause := func() {
			var all []bell
			for range 16 {
				id++
				f, b, _ := begin(e, g, 0, id)
				defer f.Release()
				all = append(all, b)
			}
			for _, b := range all {
				<-b
			}
			synctest.Wait()
		}
		paused.Store(true)
		pause()
		if s := e.Stats().Stores[0]; s.Breaker != Closed || s.Timeouts != 16 {
			t.Errorf("after one pause, with %d reads that it cut, the breaker is %s", s.Timeouts, s.Breaker)
		}
		pause()
		pause()
		if s := e.Stats().Stores[0].Breaker; s != Open {
			t.Errorf("the store stands still, and its breaker is %s", s)
		}
	})
}
