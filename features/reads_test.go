package features

import (
	"context"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/features/store"
	"sluice/internal/clock"
)

func upTo(n int64) (ids []int64) {
	for id := range n {
		ids = append(ids, id)
	}
	return ids
}

// TestKeysAreCollected says which reads come of requests that begin at given times, with a store that takes a
// millisecond.
func TestKeysAreCollected(t *testing.T) {
	type ask struct {
		at  time.Duration // from the start
		ids []int64
	}
	const us = time.Microsecond
	f := func(name string, opt StoreOptions, asks []ask, want ...[]int64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			st := &fake{watched: true, before: takes(time.Millisecond)}
			e := newEngine(t, Options{}, st, opt)
			g := newGroupOf(t, e, GroupOptions{})
			begun := time.Now()
			for _, a := range asks {
				time.Sleep(a.at - time.Since(begun))
				go func() {
					f := wait(e, g, a.ids...)
					for i, id := range a.ids {
						wantRow(t, f.Row(i), id)
					}
					f.Release()
				}()
				synctest.Wait()
			}
			time.Sleep(time.Second)
			if took := st.took(); !reflect.DeepEqual(took, want) {
				t.Errorf("%s: reads %v, want %v", name, took, want)
			}
		})
	}
	f("at once when idle", StoreOptions{}, []ask{{0, []int64{1, 2}}}, []int64{1, 2})
	f("together when busy", StoreOptions{}, []ask{{0, []int64{1}}, {10 * us, []int64{2}}, {100 * us, []int64{3}}, {120 * us, []int64{4}}},
		[]int64{1}, []int64{2, 3}, []int64{4})
	f("when the last one ends", StoreOptions{Window: time.Second}, []ask{{0, []int64{1}}, {10 * us, []int64{2}}, {20 * us, []int64{3}}},
		[]int64{1}, []int64{2, 3})
	f("when there are many", StoreOptions{Window: time.Second, FlushKeys: 3}, []ask{{0, []int64{1}}, {10 * us, []int64{2}}, {20 * us, []int64{3, 4, 5}}, {30 * us, []int64{6}}},
		[]int64{1}, []int64{2, 3, 4, 5}, []int64{6})
	f("not more than allowed", StoreOptions{Reads: 2}, []ask{{0, []int64{1}}, {10 * us, []int64{2}}, {500 * us, []int64{3}}, {600 * us, []int64{4}}},
		[]int64{1}, []int64{2}, []int64{3, 4})
	f("one read of a key", StoreOptions{Window: 50 * us}, []ask{{0, []int64{1, 2}}, {10 * us, []int64{2, 3}}, {20 * us, []int64{3, 1}}, {200 * us, []int64{2, 3}}},
		[]int64{1, 2}, []int64{3})
	long := upTo(maxKeys + 2)
	f("no read is too long", StoreOptions{}, []ask{{0, long}}, long[:maxKeys], long[maxKeys:])
}

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

// TestPartOfAReadIsKept has a read time out after some rows: those reach each request, also one that leaves before, and the
// cache. The rest reach neither.
func TestPartOfAReadIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &fake{}
		e := newEngine(t, Options{}, &halting{fake: st}, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{Budget: 4 * time.Millisecond, TTL: time.Minute})
		f, b, _ := begin(e, g, 0, 1, 2, 3)
		other, bb, _ := begin(e, g, 2*time.Millisecond, 1, 3)
		<-bb
		wantRow(t, other.Row(0), 1)
		if s := other.Row(1).Status; s != TimedOut {
			t.Errorf("a row that has not come is %v", s)
		}
		<-b
		synctest.Wait()
		wantRow(t, f.Row(0), 1)
		if s := f.Row(1).Status; s != TimedOut || f.Row(2).Status != TimedOut {
			t.Errorf("rows that have not come are %v", s)
		}
		if g.lookUp(0, e.hash(key(1)), key(1), clock.Now()) == nil {
			t.Error("a row that has come is not in the cache")
		}
		for _, id := range []int64{2, 3} {
			if g.lookUp(0, e.hash(key(id)), key(id), clock.Now()) != nil {
				t.Errorf("row %d is in the cache", id)
			}
		}
	})
}

// halting completes one row a read, sets values of the next, and then waits for the end of its context.
type halting struct{ *fake }

func (h *halting) Reader(*store.Group) (store.Reader, error) { return h, nil }

func (h *halting) Read(ctx context.Context, _ uint64, keys []store.Key, into *store.Rows) error {
	fillRow(into, 0, number(keys[0]))
	into.Done(0)
	fillRow(into, 1, number(keys[1]))
	<-ctx.Done()
	return ctx.Err()
}

// TestSlowReadsAreNotJoined has a read that takes longer than all before it: it is not joined any more, and its rows
// still come.
func TestSlowReadsAreNotJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const usual = time.Millisecond
		var took atomic.Int64
		took.Store(int64(usual))
		st := &fake{watched: true}
		st.before = func(ctx context.Context, keys []store.Key) error { return takes(time.Duration(took.Load()))(ctx, keys) }
		e := newEngine(t, Options{}, st, StoreOptions{Window: time.Nanosecond})
		g := newGroupOf(t, e, GroupOptions{Budget: 100 * time.Millisecond})
		for range 2 * enoughReads {
			get(e, g, 0).Release()
			synctest.Wait()
		}
		slow := e.Stats().Stores[0].Slow
		if slow < usual || slow > usual*5/4 {
			t.Fatalf("99 of 100 reads take %v", slow)
		}
		st.took()
		took.Store(int64(50 * time.Millisecond))
		begun := time.Now()
		first, a, _ := begin(e, g, 0, 1)
		time.Sleep(slow)
		synctest.Wait()
		took.Store(int64(usual))
		joins, b, _ := begin(e, g, 0, 1)
		time.Sleep(time.Nanosecond)
		anew, c, _ := begin(e, g, 0, 1, 2)
		<-c
		if d := time.Since(begun); d > slow+2*usual {
			t.Errorf("a new read comes after %v", d)
		}
		wantRow(t, anew.Row(0), 1)
		<-a
		<-b
		if d := time.Since(begun); d != 50*time.Millisecond {
			t.Errorf("the slow read comes after %v", d)
		}
		wantRow(t, first.Row(0), 1)
		wantRow(t, joins.Row(0), 1)
		if want := [][]int64{{1}, {1, 2}}; !reflect.DeepEqual(st.took(), want) {
			t.Errorf("the reads are not %v", want)
		}
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

// TestFetchesAreUsedAgain has a read deliver to a fetch that is another request's by then.
func TestFetchesAreUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &fake{before: takes(5 * time.Millisecond)}
		e := newEngine(t, Options{}, st, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{Budget: time.Second})
		f, b, _ := begin(e, g, time.Millisecond, 1)
		<-b
		f.Release()
		f.Add(g, key(2)) // it is the one that the pool would give
		bb := newBell()
		if f.Start(clock.Never, bb) {
			t.Error("it is ready at once")
		}
		time.Sleep(4500 * time.Microsecond) // the first read has delivered
		if bb.ended() {
			t.Error("another's row has ended it")
		}
		<-bb
		wantRow(t, f.Row(0), 2)
	})
}
