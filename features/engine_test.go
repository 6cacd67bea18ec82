package features

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/features/store"
	"sluice/internal/clock"
)

func TestEqualGroupsAreOne(t *testing.T) {
	e := newEngine(t, Options{}, &fake{}, StoreOptions{})
	opt := GroupOptions{TTL: time.Second}
	a := newGroupOf(t, e, opt, "a", "b")
	f := func(name string, want bool, opt GroupOptions, columns ...string) {
		t.Helper()
		if g := newGroupOf(t, e, opt, columns...); (g == a) != want {
			t.Errorf("%s: it is the same group: %v", name, g == a)
		}
	}
	f("equal", true, opt, "a", "b")
	f("the default is given", true, GroupOptions{TTL: time.Second, Budget: a.Options().Budget}, "a", "b")
	f("another order", false, opt, "b", "a")
	f("fewer columns", false, opt, "a")
	f("another TTL", false, GroupOptions{TTL: time.Minute}, "a", "b")
	g, err := e.Group("s", layoutOf(t, "z"), opt)
	if err != nil {
		t.Fatal(err)
	}
	g.Release()
	again, err := e.Group("s", layoutOf(t, "z"), opt)
	if err != nil || again == g {
		t.Errorf("a group that was released is still there: %v", err)
	}
	again.Release()
}

// refuser is a store that cannot read a group.
type refuser struct{ fake }

func (*refuser) Reader(*store.Group) (store.Reader, error) { return nil, errBroken }
func (*refuser) Close() error                              { return errBroken }

func TestRefusals(t *testing.T) {
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	group := func(name string, opt GroupOptions) error {
		_, err := e.Group(name, layoutOf(t, "a"), opt)
		return err
	}
	f(group("s", GroupOptions{}), `feature group "g" reads the store "s", which is not among the gateway's feature stores (there is none)`)
	if err := e.AddStore("s", &refuser{}, StoreOptions{}); err != nil {
		t.Fatal(err)
	}
	f(e.AddStore("s", &fake{}, StoreOptions{}), `two feature stores of the name "s"`)
	f(group("t", GroupOptions{}), "(s)")
	f(group("s", GroupOptions{}), `feature group "g": broken`)
	f(group("s", GroupOptions{MaxAge: -1}), "max_age is -1ns")
	f(e.Close(), `cannot close the feature store "s": broken`)
	if _, err := New(Options{CacheBytes: -1}); err == nil {
		t.Error("a cache of less than nothing")
	}
}

func TestCloseWaitsForReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &fake{before: takes(3 * time.Millisecond)}
		e, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.AddStore("s", st, StoreOptions{}); err != nil {
			t.Fatal(err)
		}
		g, err := e.Group("s", layoutOf(t, "a"), GroupOptions{TTL: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		f, b, ready := begin(e, g, 0, 1)
		waits, bb, _ := begin(e, g, 0, 2)
		begun := time.Now()
		if err := e.Close(); err != nil || ready || time.Since(begun) != 3*time.Millisecond {
			t.Errorf("closed after %v: %v", time.Since(begun), err)
		}
		<-b
		<-bb
		wantRow(t, f.Row(0), 1)
		if s := waits.Row(0).Status; s != Failed || st.reads.Load() != 1 {
			t.Errorf("what had not begun is %v, %d reads", s, st.reads.Load())
		}
		after := get(e, g, 1, 3)
		wantRow(t, after.Row(0), 1)
		if s := after.Row(1).Status; s != Failed {
			t.Errorf("a row that a closed engine does not have is %v", s)
		}
	})
}

func TestVersionsWithOtherColumnsDoNotShareRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &fake{}
		e := newEngine(t, Options{}, st, StoreOptions{})
		opt := GroupOptions{TTL: time.Minute}
		two, one := newGroupOf(t, e, opt, "a", "b"), newGroupOf(t, e, opt, "b")
		for range 2 {
			f, b := e.Fetch(), newBell()
			f.Add(two, key(5))
			f.Add(one, key(5))
			if f.Add(two, key(5)) != 0 || f.Add(one, key(5)) != 1 {
				t.Error("equal keys of a group have several slots")
			}
			if !f.Start(clock.Never, b) {
				<-b
			}
			synctest.Wait()
			wantRow(t, f.Row(0), 5)
			wantRow(t, f.Row(1), 5)
			if len(f.Row(0).States) != 2 || len(f.Row(1).States) != 1 {
				t.Errorf("%+v, %+v", f.Row(0), f.Row(1))
			}
			f.Release()
		}
		if n := st.reads.Load(); n != 2 {
			t.Errorf("%d reads", n)
		}
	})
}

func TestSlowStoreOpensAndClosesItsBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, slow := &fake{}, true
		st.before = func(ctx context.Context, _ []store.Key) error {
			if slow {
				<-ctx.Done()
			}
			return ctx.Err()
		}
		e := newEngine(t, Options{}, st, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{Budget: 4 * time.Millisecond})
		ask := func(want Status, took time.Duration) {
			t.Helper()
			begun := time.Now()
			if s, _ := statusOf(e, g, 1); s != want || time.Since(begun) != took {
				t.Errorf("%v after %v, want %v after %v", s, time.Since(begun), want, took)
			}
			synctest.Wait()
		}
		for range 10 {
			ask(TimedOut, 4*time.Millisecond)
		}
		ask(Failed, 0)
		time.Sleep(time.Second)
		ask(TimedOut, 4*time.Millisecond)
		ask(Failed, 0)
		slow = false
		time.Sleep(time.Second - time.Millisecond)
		ask(Failed, 0)
		time.Sleep(time.Millisecond)
		for range 20 {
			ask(Present, 0)
		}
		s := e.Stats().Stores[0]
		if s.Breaker != Closed || s.Opened != 1 || s.Timeouts != 11 || s.Reads != 31 || s.Refused != 3 || s.Failures != 0 || s.InFlight != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestStoreThatFailsInPart has some keys lost: the others are worth asking for, and those are not.
func TestStoreThatFailsInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lost = 4
		st := &fake{lost: func(key int64) bool { return key < lost }}
		e := newEngine(t, Options{}, st, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{TTL: time.Minute})
		for range 50 {
			f := get(e, g, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
			for id := range int64(10) {
				switch r := f.Row(int(id)); {
				case id >= lost:
					wantRow(t, r, id)
				case r.Status != Failed || r.Values != nil || r.States != nil:
					t.Errorf("row %d: %+v", id, r)
				}
			}
			f.Release()
		}
		// After the first read the others are in the cache, and the store has nothing of what it is asked for.
		if s := e.Stats().Stores[0]; s.Breaker != Open || s.Failures != 11 {
			t.Errorf("%+v", s)
		}
	})
}
