package features

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sluice/features/store"
	"sluice/internal/clock"
)

// straggling is a store that does not look at the contexts of reads: each has a time of its own, at most.
type straggling struct {
	*fake
	most time.Duration
}

var _ store.Lingerer = (*straggling)(nil)

func (s *straggling) Reader(*store.Group) (store.Reader, error) { return s, nil }

func (s *straggling) ReadOn(_ context.Context, generation uint64, keys []store.Key, into *store.Rows) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.most)
	defer cancel()
	return s.Read(ctx, generation, keys, into)
}

// TestReadsAreLeftBehind has a store go on beyond each limit: requests leave at theirs, other reads begin, and the
// breaker opens, all as if the reads had ended then.
func TestReadsAreLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const budget, takes50 = 2 * time.Millisecond, 50 * time.Millisecond
		st := &straggling{&fake{before: takes(takes50)}, time.Second}
		e := newEngine(t, Options{}, st, StoreOptions{Reads: 2})
		g := newGroupOf(t, e, GroupOptions{Budget: budget, TTL: time.Hour})
		ask := func(id int64, want Status, took time.Duration) {
			t.Helper()
			begun := time.Now()
			if s, _ := statusOf(e, g, id); s != want || time.Since(begun) != took {
				t.Errorf("%v after %v, want %v after %v", s, time.Since(begun), want, took)
			}
		}
		for id := range int64(10) {
			ask(id, TimedOut, budget)
			if s := e.Stats().Stores[0]; s.InFlight != 0 || s.Timeouts != uint64(id+1) {
				t.Errorf("%+v", s)
			}
		}
		ask(1, Failed, 0)
		time.Sleep(time.Second) // all have returned
		synctest.Wait()
		if s := e.Stats().Stores[0]; s.Opened != 1 || s.Reads != 10 || s.Timeouts != 10 || s.InFlight != 0 {
			t.Errorf("%+v", s)
		}
		if g.lookUp(0, e.hash(key(1)), key(1), clock.Now()) != nil {
			t.Error("a row that came after its read's limit is in the cache")
		}
		st.before = nil
		ask(1, Present, 0)
	})
}

// TestEachReadEndsAtItsLimit has reads begin one after the other, one because another has ended, and requests of more keys than one
// read takes: each request leaves at its own limit, and so does each read, of which only the oldest has a timer.
func TestEachReadEndsAtItsLimit(t *testing.T) {
	f := func(reads int, first []int64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			const budget = 5 * time.Millisecond
			st := &straggling{&fake{before: takes(time.Minute)}, time.Second}
			e := newEngine(t, Options{}, st, StoreOptions{Reads: reads, Breaker: BreakerOptions{InARow: 1000, Share: 2}})
			g := newGroupOf(t, e, GroupOptions{Budget: budget})
			ask := func(after time.Duration, ids ...int64) {
				time.Sleep(after)
				f := wait(e, g, ids...)
				if s := f.Row(0).Status; s != TimedOut {
					t.Errorf("a row that does not come is %v", s)
				}
				f.Release()
			}
			begun := time.Now()
			go ask(0, first...)
			go ask(time.Millisecond, 1001)
			ask(2*time.Millisecond, 1002)
			if took := time.Since(begun); took != 2*time.Millisecond+budget {
				t.Errorf("the last request leaves after %v", took)
			}
			time.Sleep(3 * budget)
			if s := e.Stats().Stores[0]; s.InFlight != 0 || s.Timeouts == 0 || s.Timeouts != s.Reads {
				t.Errorf("%d reads at a time, the first of %d keys: %+v", reads, len(first), s)
			}
			time.Sleep(2 * time.Second) // the store has returned
		})
	}
	f(4, upTo(1))
	f(1, upTo(1))
	f(4, upTo(maxKeys+2))
	f(1, upTo(maxKeys+2))
}

// half completes one row, and the next only when everybody has left.
type half struct{ *straggling }

func (h *half) Reader(*store.Group) (store.Reader, error) { return h, nil }

func (h *half) ReadOn(_ context.Context, _ uint64, keys []store.Key, into *store.Rows) error {
	for i := range keys {
		fillRow(into, i, number(keys[i]))
		into.Done(i)
		time.Sleep(h.most)
	}
	return nil
}

// TestPartOfAReadThatIsLeftIsKept holds what such a read has completed by its limit to what TestPartOfAReadIsKept says.
func TestPartOfAReadThatIsLeftIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, Options{}, &half{&straggling{&fake{}, 50 * time.Millisecond}}, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{Budget: 4 * time.Millisecond, TTL: time.Minute})
		begun := time.Now()
		hasty, bb, _ := begin(e, g, 2*time.Millisecond, 1, 2)
		go func() {
			<-bb
			if d := time.Since(begun); hasty.Row(1).Status != TimedOut || d != 2*time.Millisecond {
				t.Errorf("a request of 2 ms has %v after %v", hasty.Row(1).Status, d)
			}
			wantRow(t, hasty.Row(0), 1)
			hasty.Release()
		}()
		f := get(e, g, 1, 2)
		wantRow(t, f.Row(0), 1)
		if s := f.Row(1).Status; s != TimedOut || time.Since(begun) != 4*time.Millisecond {
			t.Errorf("a row that has not come is %v after %v", s, time.Since(begun))
		}
		time.Sleep(time.Second)
		wantRow(t, f.Row(0), 1)
		f.Release()
		for id, want := range map[int64]bool{1: true, 2: false} {
			if got := g.lookUp(0, e.hash(key(id)), key(id), clock.Now()) != nil; got != want {
				t.Errorf("row %d is in the cache: %t", id, got)
			}
		}
	})
}

// TestCloseDoesNotWaitForStragglers closes an engine while a read goes on beyond its limit: the store's Close knows of it.
func TestCloseDoesNotWaitForStragglers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.AddStore("s", &straggling{&fake{before: takes(50 * time.Millisecond)}, time.Second}, StoreOptions{}); err != nil {
			t.Fatal(err)
		}
		g := newGroupOf(t, e, GroupOptions{Budget: 3 * time.Millisecond})
		f, b, _ := begin(e, g, 0, 1)
		begun := time.Now()
		if err := e.Close(); err != nil || time.Since(begun) != 3*time.Millisecond {
			t.Errorf("closed after %v: %v", time.Since(begun), err)
		}
		<-b
		if s := f.Row(0).Status; s != TimedOut {
			t.Errorf("a row that has not come is %v", s)
		}
		time.Sleep(time.Second) // it has returned
	})
}
