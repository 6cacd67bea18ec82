package features

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sluice/features/store"
	"sluice/internal/clock"
)

// TestEachLeavesAtItsOwnLimit has requests of different deadlines wait for one read, which comes late.
func TestEachLeavesAtItsOwnLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &fake{before: takes(6 * time.Millisecond)}
		e := newEngine(t, Options{}, st, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{Budget: 8 * time.Millisecond, TTL: time.Minute})
		begun := time.Now()
		f := func(wait, took time.Duration, cancel bool, want Status) {
			t.Helper()
			f, b, ready := begin(e, g, wait, 1)
			if ready {
				t.Error("it is ready at once")
			}
			go func() {
				if cancel {
					if !f.Cancel() || f.Cancel() {
						t.Error("it does not end once")
					}
					synctest.Wait()
					if b.ended() {
						t.Error("the waiter of a fetch that was cancelled is told")
					}
				} else {
					<-b
				}
				if d := time.Since(begun); f.Row(0).Status != want || d != took {
					t.Errorf("deadline after %v: %v after %v, want %v after %v", wait, f.Row(0).Status, d, want, took)
				}
				f.Release()
			}()
		}
		f(2*time.Millisecond, 2*time.Millisecond, false, TimedOut) // the leader
		f(time.Hour, 6*time.Millisecond, false, Present)
		f(time.Hour, 0, true, TimedOut)
		f(5*time.Millisecond, 5*time.Millisecond, false, TimedOut)
		time.Sleep(7 * time.Millisecond)
		if s, cached := statusOf(e, g, 1); s != Present || !cached || st.reads.Load() != 1 {
			t.Errorf("what came late is %v, cached %v, after %d reads", s, cached, st.reads.Load())
		}
		if f, _, ready := begin(e, g, -1, 2); !ready || f.Row(0).Status != TimedOut || st.reads.Load() != 1 {
			t.Error("a request whose deadline has passed has something read")
		}
	})
}

// TestGroupsHaveTheirOwnBudgets has a fetch of two groups, of which one does not come.
func TestGroupsHaveTheirOwnBudgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &fake{before: takes(3 * time.Millisecond)}
		e := newEngine(t, Options{}, st, StoreOptions{})
		short := newGroupOf(t, e, GroupOptions{Budget: time.Millisecond})
		long := newGroupOf(t, e, GroupOptions{Budget: 5 * time.Millisecond})
		f, b := e.Fetch(), newBell()
		f.Add(short, key(1))
		f.Add(long, key(2))
		f.Add(short, key(3))
		begun := time.Now()
		if f.Start(clock.Never, b) {
			t.Error("it is ready at once")
		}
		<-b
		if d := time.Since(begun); d != 3*time.Millisecond || f.Row(0).Status != TimedOut || f.Row(2).Status != TimedOut {
			t.Errorf("after %v: %v, %v", d, f.Row(0), f.Row(2))
		}
		wantRow(t, f.Row(1), 2)
		f.Release()
	})
}

// TestDeafStore never returns in time, whatever its context says: nobody waits for it longer than he would, and not
// more waits for it than may.
func TestDeafStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		st := &fake{before: func(context.Context, []store.Key) error { <-open; return nil }}
		e := newEngine(t, Options{}, st, StoreOptions{Reads: 2, Waiting: 20, Window: time.Nanosecond})
		g := newGroupOf(t, e, GroupOptions{Budget: 2 * time.Millisecond})
		ask := func(want Status, took time.Duration, ids ...int64) {
			t.Helper()
			begun := time.Now()
			f := get(e, g, ids...)
			if r := f.Row(len(ids) - 1); r.Status != want || time.Since(begun) != took {
				t.Errorf("%v after %v, want %v after %v", r.Status, time.Since(begun), want, took)
			}
			f.Release()
		}
		const budget = 2 * time.Millisecond
		ask(TimedOut, budget, 1)
		ask(TimedOut, budget, 2)
		for id := range int64(10) { // they wait, and nobody waits for them when their turn comes
			ask(TimedOut, budget, 100+id, 200+id, 300+id)
		}
		many, b, _ := begin(e, g, 0, upTo(25)...)
		if s := e.Stats().Stores[0]; s.InFlight != 2 || s.Full != 8 || s.Expired != 30 || s.Wanted != 49 {
			t.Errorf("%+v", s)
		}
		<-b
		for id := range 25 { // three of those that nobody waits for still had their places
			want := TimedOut
			if id >= 17 {
				want = Failed
			}
			if s := many.Row(id).Status; s != want {
				t.Errorf("row %d is %v", id, s)
			}
		}
		close(open)
		synctest.Wait()
		ask(Present, 0, 9)
		if s := e.Stats().Stores[0]; s.InFlight != 0 {
			t.Errorf("%+v", s)
		}
	})
}
