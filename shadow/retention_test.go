package shadow

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A comparison that is stored for the first time ends the states that were written longest ago, and nothing else does.
func TestOldStatesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "m")
	if err := os.MkdirAll(model, 0o700); err != nil {
		t.Fatal(err)
	}
	put := func(name string, age int) {
		t.Helper()
		path, then := filepath.Join(model, name), time.Now().Add(-time.Duration(age)*time.Hour)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	for age := 1; age <= keptStates; age++ {
		for _, suffix := range []string{".json", ".units", ".json.new"} {
			put(fmt.Sprint("v", age, suffix), age)
		}
	}
	put("half.units.new", 100)
	put("n:1.json", 101)
	put("notes.txt", 102)
	s := newStage(t, "refused", func(o *Options) { o.Dir = dir })
	s.until("stopped", func(r *Report) bool { return r.State == Halted })
	s.mu.Lock()
	c := s.mu.all[0]
	s.mu.Unlock()
	f := func(what string, want ...string) {
		t.Helper()
		c.store()
		var got []string
		for _, name := range []string{"2.json", "2.units", "v31.json", "v31.units", "v31.json.new", "v32.json", "v32.units", "v32.json.new", "half.units.new", "n:1.json", "notes.txt", "late.json"} {
			if _, err := os.Stat(filepath.Join(model, name)); err == nil {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: there is %v; want %v", what, got, want)
		}
	}
	f("the first time", "2.json", "2.units", "v31.json", "v31.units", "v31.json.new", "notes.txt")
	put("late.json", 200)
	f("the second time", "2.json", "2.units", "v31.json", "v31.units", "v31.json.new", "notes.txt", "late.json")
	if err := os.Remove(filepath.Join(model, "2.json")); err != nil {
		t.Fatal(err)
	}
	f("anew", "2.json", "2.units", "v31.json", "v31.units", "v31.json.new", "notes.txt")
}
