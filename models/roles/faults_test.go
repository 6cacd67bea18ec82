package roles

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/longtest"
)

// base makes a folder that has more generations than are kept, so that every change removes one too.
func base(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, sys: newFaulty(fails, -1)})
	for n := range kept + 3 {
		if _, _, err := advance(s, n+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// advance makes a version live and takes a step of its plan, in one change.
func advance(s *Store, n int) (*State, bool, error) {
	v := ref(n)
	return s.Change(Entry{Who: "plan", Action: "canary", Model: "m", Version: v.Version, Digest: v.Digest}, func(st *State, _ *Entry) error {
		m := st.Models["m"]
		m.Previous, m.Live = m.Live, &v
		m.Plan = &Plan{Ref: v, Phase: "canary", Step: n, Since: time.Unix(int64(n), 0)}
		st.Models["m"] = m
		return nil
	})
}

// reached is how far changes have come.
func reached(t *testing.T, st *State) int {
	t.Helper()
	n := live(st, "m")
	if p := st.Models["m"].Plan; p == nil || p.Step != n || p.Ref != ref(n) || !p.Since.Equal(time.Unix(int64(n), 0)) {
		t.Fatalf("version %d is live, and the plan is %+v", n, p)
	}
	return n
}

// again makes dir what from is. Generations are linked, since nobody may write into one.
func again(t *testing.T, from, dir string) {
	t.Helper()
	err := errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, "state.d"), 0o755))
	numbered, _ := filepath.Glob(filepath.Join(from, "state.d", "*"))
	for _, path := range numbered {
		err = errors.Join(err, os.Link(path, filepath.Join(dir, "state.d", filepath.Base(path))))
	}
	for _, name := range []string{"state.yaml", "history.jsonl", "lease"} {
		text, fault := os.ReadFile(filepath.Join(from, name))
		err = errors.Join(err, fault, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// story opens a folder and changes it until it cannot. It returns the version that it was told was live last, and the last
// that it has asked for.
func story(t *testing.T, dir string, sys *faulty) (told, asked int) {
	t.Helper()
	told = kept + 3
	asked = told
	about, err := os.Stat(filepath.Join(dir, "history.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Options{Dir: dir, HistoryBytes: 2 * (about.Size() + 300), Admin: "a:1", sys: sys}) // the history rotates at the second change
	if err != nil {
		return told, asked
	}
	for range 2 {
		asked++
		st, _, err := advance(s, asked)
		var unsynced *unsyncedError
		switch {
		case err == nil:
			told = asked
		case sys.ended:
			return told, asked
		case errors.As(err, &unsynced):
			told = asked
		}
		if !sys.ended && (reached(t, st) != told || reached(t, s.State()) != told) {
			t.Fatalf("after %v: the state has %d, and %d is what was told", err, live(s.State(), "m"), told)
		}
	}
	_ = s.Close()
	return told, asked
}

// Whatever call fails, tears, or is the last of the process or of the machine: the state is the one before or the one after, what
// was told to be done is done, and the history has a line for each generation.
func TestEveryFault(t *testing.T) {
	longtest.Skip(t)
	from := base(t)
	for m := range modes {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "state")
			for n := 0; ; n++ {
				again(t, from, dir)
				sys := newFaulty(m, n)
				told, asked := story(t, dir, sys)
				if !sys.hit {
					if n < 60 || told != asked {
						t.Fatalf("only %d calls were made to fail, and %d of %d was told", n, told, asked)
					}
					if _, err := os.Stat(filepath.Join(dir, "history.1.jsonl")); err != nil {
						t.Fatal("the story has not rotated the history")
					}
					return
				}
				recovered(t, dir, n, told, asked)
			}
		})
	}
}

// recovered opens a folder after a fault and holds it against what was told and asked.
func recovered(t *testing.T, dir string, n, told, asked int) {
	t.Helper()
	s := open(t, Options{Dir: dir, sys: newFaulty(fails, -1)})
	if got := reached(t, s.State()); got < told || got > asked {
		t.Fatalf("call %d: version %d is live; %d was told, %d asked", n, got, told, asked)
	}
	if !s.Holds() { // the one before has not given the lease up
		if err := s.take(); err != nil {
			t.Fatal(err)
		}
	}
	if s.Behind() {
		t.Fatalf("call %d: the folder cannot be followed", n)
	}
	wholeHistory(t, s, kept)
	before := s.State().Generation
	if st := must(t, s, "m", 1000); st.Generation != before+1 {
		t.Fatalf("call %d: generation %d follows %d", n, st.Generation, before)
	}
	wholeHistory(t, s, kept)
	copied, err := os.ReadFile(filepath.Join(dir, "state.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if g, err := decode(copied); err != nil || live(g.state, "m") != 1000 {
		t.Fatalf("call %d: the copy for people is %q, %v", n, copied, err)
	}
	for _, folder := range []string{dir, s.folder.generations()} {
		if left, _ := filepath.Glob(filepath.Join(folder, ".*")); len(left) > 0 {
			t.Fatalf("call %d: %q are left", n, left)
		}
	}
	if numbers, err := s.folder.numbers(); err != nil || len(numbers) > kept {
		t.Fatalf("call %d: %d generations are kept, %v", n, len(numbers), err)
	}
}

// A full disk is said once, with what to do, whichever call it fails.
func TestFullDiskIsSaidOnce(t *testing.T) {
	failed := 0
	for after := range 20 {
		sys := newFaulty(full, -1)
		s := open(t, Options{Dir: t.TempDir(), sys: sys})
		sys.after = sys.calls + after
		if _, _, err := promote(s, "m", 1, ""); err != nil {
			failed++
			if strings.Count(err.Error(), "no space left on device: free some, or name another disk") != 1 || strings.Count(err.Error(), "free some") != 1 {
				t.Errorf("call %d: %v", after, err)
			}
		}
	}
	if failed == 0 {
		t.Error("no change has failed")
	}
}
