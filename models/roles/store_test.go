package roles

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestInMemory(t *testing.T) {
	s := open(t, Options{})
	s.Run(context.Background()) // returns
	before, changed := s.State(), s.Changed()
	if !s.Holds() || s.Behind() || before.Generation != 0 {
		t.Fatalf("holds %t, behind %t, %+v", s.Holds(), s.Behind(), before)
	}
	must(t, s, "m", 1)
	select {
	case <-changed:
	default:
		t.Error("nothing tells of the change")
	}
	if live(before, "m") != 0 || s.State().Generation != 1 {
		t.Errorf("the state before is %+v, the one after %+v", before, s.State())
	}
	wholeHistory(t, s, 1)
	for n := range maxRemembered {
		must(t, s, "m", n)
	}
	if lines, err := s.History("m", 0); err != nil || len(lines) > maxRemembered || lines[0].Generation != maxRemembered+1 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := promote(s, "m", 1, ""); !errors.Is(err, ErrClosed) {
		t.Errorf("a change after the end: %v", err)
	}
}

// What a change does to its copy afterwards, or before it fails, touches no state.
func TestChangeHasACopy(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	wanted := errors.New("no")
	var stray *State
	if st, _, err := s.Change(Entry{Action: "x"}, func(st *State, _ *Entry) error { st.Models["m"] = Model{Hold: true}; return wanted }); !errors.Is(err, wanted) || len(st.Models) != 0 {
		t.Errorf("got %+v, %v", st, err)
	}
	_, _, err := s.Change(Entry{Action: "x"}, func(st *State, _ *Entry) error {
		stray = st
		st.Generation, st.Holder = 99, Holder{}
		st.Models["m"] = Model{Shadow: []Ref{ref(1)}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stray.Models["m"].Shadow[0] = ref(2)
	if st := s.State(); st.Generation != 2 || !s.Holds() || st.Models["m"].Shadow[0] != ref(1) {
		t.Errorf("the state is %+v", st)
	}
	_, _, err = s.Change(Entry{Action: "x"}, func(st *State, _ *Entry) error { st.Models["../x"] = Model{}; return nil })
	contains(t, err, `cannot change the roles in the state folder `+s.opts.Dir+`: the model name "../x" `)
	_, _, err = s.Change(Entry{}, func(*State, *Entry) error { return nil })
	contains(t, err, "the entry has no action")
	if s.State().Generation != 2 {
		t.Errorf("a refused change made generation %d", s.State().Generation)
	}
}

// A request that is sent again changes nothing, in the same process and in the next.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	f := func(n int, key string, want int, repeats bool) {
		t.Helper()
		st, repeated, err := promote(s, "m", n, key)
		if err != nil || repeated != repeats || live(st, "m") != want {
			t.Errorf("version %d with key %q: live %d, repeated %t, %v", n, key, live(st, "m"), repeated, err)
		}
	}
	f(1, "a", 1, false)
	f(2, "a", 1, true)
	f(2, "b", 2, false)
	f(3, "", 3, false)
	f(4, "", 4, false)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Dir: dir})
	f(5, "b", 4, true)
	f(5, "c", 5, false)
	_, _, err := promote(s, "m", 6, "with a blank")
	contains(t, err, "the key \"with a blank\" has a byte at 4")
}

// A gateway follows another, is told who holds the lease, and takes it when it is given up, or when the other is silent.
func TestTwoStores(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		run := func(admin string) (s *Store, stop func()) {
			s = open(t, Options{Dir: dir, Admin: admin})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); s.Run(ctx) }()
			return s, func() { cancel(); <-done }
		}
		a, stopA := run("a:1")
		b, stopB := run("b:2")
		must(t, a, "m", 1)
		time.Sleep(time.Minute)
		if !a.Holds() || b.Holds() || live(b.State(), "m") != 1 {
			t.Fatalf("a holds %t, b %t and sees %+v", a.Holds(), b.Holds(), b.State())
		}
		var other *NotHolderError
		if _, _, err := promote(b, "m", 2, ""); !errors.As(err, &other) || other.Holder.Admin != "a:1" {
			t.Errorf("a change of who follows: %v", err)
		}
		stopA()
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1001 * time.Millisecond)
		if !b.Holds() {
			t.Fatal("the lease was given up, and not taken")
		}
		must(t, b, "m", 3)
		c, stopC := run("c:3")
		time.Sleep(10 * time.Second)
		stopB() // and never gives the lease up
		time.Sleep(1900 * time.Millisecond)
		if c.Holds() {
			t.Error("the lease was taken before it expired")
		}
		time.Sleep(2200 * time.Millisecond)
		if !c.Holds() {
			t.Error("the lease has expired, and was not taken")
		}
		must(t, c, "m", 4)
		if _, _, err := promote(b, "m", 5, ""); !errors.As(err, &other) || other.Holder.Admin != "c:3" || live(b.State(), "m") != 4 {
			t.Errorf("a change of the old holder: %v", err)
		}
		wholeHistory(t, c, 1)
		stopC()
	})
}

// Stamps of an old holder, which has not noticed yet, keep no lease.
func TestStampsOfAnOldHolder(t *testing.T) {
	dir := t.TempDir()
	old := open(t, Options{Dir: dir})
	f := func(stamps func(holder *Store) *Store, want bool) {
		t.Helper()
		holder, follower := open(t, Options{Dir: dir}), open(t, Options{Dir: dir})
		if err := holder.take(); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for second := range 6 {
			stamps(holder).stamp()
			follower.tick(now.Add(time.Duration(second) * time.Second))
		}
		if follower.Holds() != want {
			t.Errorf("the follower holds %t, want %t", follower.Holds(), want)
		}
	}
	f(func(*Store) *Store { return old }, true)
	f(func(holder *Store) *Store { return holder }, false)
}
