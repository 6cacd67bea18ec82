package roles

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
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
	if st, _, err := s.Change(Entry{Action: "x"}, func(st *State) error { st.Models["m"] = Model{Hold: true}; return wanted }); !errors.Is(err, wanted) || len(st.Models) != 0 {
		t.Errorf("got %+v, %v", st, err)
	}
	_, _, err := s.Change(Entry{Action: "x"}, func(st *State) error {
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
	_, _, err = s.Change(Entry{Action: "x"}, func(st *State) error { st.Models["../x"] = Model{}; return nil })
	contains(t, err, `cannot change the roles in the state folder `+s.opts.Dir+`: the model name "../x" `)
	_, _, err = s.Change(Entry{}, func(*State) error { return nil })
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

// What cannot be followed is told, and what was known stays.
func TestBehind(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	logs, told := observer.New(zapcore.WarnLevel)
	s := open(t, Options{Dir: dir, Log: zap.New(logs)})
	f := func(what string, behind bool) {
		t.Helper()
		s.tick(time.Now())
		if s.Behind() != behind || live(s.State(), "m") != 7 {
			t.Errorf("%s: behind %t, state %+v", what, s.Behind(), s.State())
		}
	}
	must(t, s, "m", 7)
	f("at first", false)
	next := s.folder.path(s.State().Generation + 1)
	if err := os.WriteFile(next, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	f("a torn generation", true)
	f("still", true)
	if told.FilterMessageSnippet("passed over").Len() != 1 {
		t.Errorf("told %+v", told.All())
	}
	must(t, s, "m", 7) // with the number after it
	f("a sound one above it", false)
	moved := dir + "-moved"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	f("the folder is gone", true)
	_, _, err := promote(s, "m", 8, "")
	contains(t, err, "cannot change the roles in the state folder "+dir+": no such file")
	if err := os.Rename(moved, dir); err != nil {
		t.Fatal(err)
	}
	f("the folder is back", false)
	must(t, s, "m", 7)
	lines, err := s.History("m", 0)
	if err != nil || len(lines) != 3 || lines[0].Generation != 5 || lines[1].Generation != 4 || lines[2].Generation != 2 {
		t.Errorf("the history is %+v, %v", lines, err)
	}
}

func TestFolderThatCannotBeUsed(t *testing.T) {
	f := func(err error, after int, want string) {
		t.Helper()
		dir := t.TempDir()
		_, got := Open(Options{Dir: dir, sys: &refusing{err: err, after: after}})
		contains(t, got, "cannot use the state folder "+dir+": ")
		contains(t, got, want)
	}
	readOnly := &os.PathError{Op: "open", Path: "/secret", Err: syscall.EROFS}
	f(readOnly, 0, "read-only file system: name a place that can be written")
	f(readOnly, 1, "read-only file system: name a place that can be written")
	f(syscall.EPERM, 2, "cannot link files there: operation not permitted")
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Options{Dir: plain})
	contains(t, err, "cannot use the state folder "+plain+": not a directory")
}

// refusing is a disk that cannot be written, after so many kinds of calls: making folders, opening, linking.
type refusing struct {
	disk
	err   error
	after int
}

func (r *refusing) mkdir(path string) error {
	if r.after < 1 {
		return r.err
	}
	return r.disk.mkdir(path)
}

func (r *refusing) open(path string, flags int) (file, error) {
	if r.after < 2 {
		return nil, r.err
	}
	return r.disk.open(path, flags)
}

func (r *refusing) link(string, string) error { return r.err }

// What a newer program wrote is not written over.
func TestNewerSchema(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	must(t, s, "m", 1)
	text := sealed("schema: 2\ngeneration: 3\nnew: {}\n")
	if err := os.WriteFile(s.folder.path(3), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.tick(time.Now())
	_, _, err := promote(s, "m", 2, "")
	contains(t, err, "generation 3: it has schema 2, and this program knows 1: a newer one wrote it")
	if !s.Behind() || live(s.State(), "m") != 1 {
		t.Errorf("behind %t, state %+v", s.Behind(), s.State())
	}
	_, err = Open(Options{Dir: dir})
	contains(t, err, "generation 3: it has schema 2")
}
