package roles

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the other process of the tests that kill and stop one: see child.
func TestMain(m *testing.M) {
	if job := os.Getenv("ROLES_TEST_CHILD"); job != "" {
		child(job, os.Getenv("ROLES_TEST_DIR"))
		return
	}
	goleak.VerifyTestMain(m)
}

// digest is one of 64 digits.
func digest(n int) string { return fmt.Sprintf("%064x", n) }

func ref(n int) Ref { return Ref{fmt.Sprint(n), digest(n)} }

// promote makes version n of a model live, as a registry would.
func promote(s *Store, model string, n int, key string) (*State, bool, error) {
	v := ref(n)
	return s.Change(Entry{Who: "anna", Action: "promote", Model: model, Version: v.Version, Digest: v.Digest, Key: key}, func(st *State, _ *Entry) error {
		m := st.Models[model]
		m.Previous, m.Live = m.Live, &v
		st.Models[model] = m
		return nil
	})
}

// live is the version of a model that is live, and 0 if none.
func live(st *State, model string) int {
	m := st.Models[model]
	if m.Live == nil {
		return 0
	}
	n, err := strconv.Atoi(m.Live.Version)
	if err != nil {
		panic(err)
	}
	return n
}

func open(t *testing.T, opts Options) *Store {
	t.Helper()
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// must fails the test over a change that was not made.
func must(t *testing.T, s *Store, model string, n int) *State {
	t.Helper()
	st, repeated, err := promote(s, model, n, "")
	if err != nil || repeated || live(st, model) != n {
		t.Fatalf("promote %s %d: %v, repeated %t, live %d", model, n, err, repeated, live(st, model))
	}
	return st
}

// wholeHistory fails the test unless each generation up to the newest has one line, and the lines say what the
// generations hold.
func wholeHistory(t *testing.T, s *Store, from uint64) {
	t.Helper()
	lines, err := s.History("", 0)
	if err != nil {
		t.Fatal(err)
	}
	want := s.State().Generation
	for _, e := range lines {
		if e.Generation != want {
			t.Fatalf("the history has generation %d, want %d", e.Generation, want)
		}
		if s.folder != nil && want+8 > s.State().Generation {
			if g, err := s.folder.read(want); err == nil && g.entry != e {
				t.Fatalf("generation %d has\n%+v, its line\n%+v", want, g.entry, e)
			}
		}
		want--
	}
	if want >= from {
		t.Fatalf("the history ends at generation %d, want %d", want+1, from)
	}
}

func contains(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
}
