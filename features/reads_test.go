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

// idler is a waiter that takes its time.
type idler struct{ told, may chan struct{} }

func (i idler) Fetched() {
	close(i.told)
	<-i.may
}

// TestNobodyWaitsForAnothersWaiter has one request stay in Fetched: the others of its read go on, and its rows are in the
// cache.
func TestNobodyWaitsForAnothersWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, Options{}, &fake{before: takes(time.Millisecond)}, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{TTL: time.Hour})
		i := idler{make(chan struct{}), make(chan struct{})}
		f := e.Fetch()
		f.Add(g, key(1))
		f.Start(clock.Never, i)
		wantRow(t, wait(e, g, 1).Row(0), 1)
		<-i.told
		synctest.Wait() // the row is in the cache
		if s, cached := statusOf(e, g, 1); s != Present || !cached {
			t.Errorf("%v, cached %v", s, cached)
		}
		close(i.may)
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
