package roles

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// tempDir is a folder for one try of a property.
func tempDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "roles")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestHistory(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	must(t, s, "a", 1)
	must(t, s, "b", 2)
	must(t, s, "a", 3)
	f := func(model string, most int, want ...string) {
		t.Helper()
		lines, err := s.History(model, most)
		var got []string
		for _, e := range lines {
			got = append(got, fmt.Sprintf("%d %s %s%s", e.Generation, e.Action, e.Model, e.Version))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q, %d: got %q, %v, want %q", model, most, got, err, want)
		}
	}
	f("", 0, "4 promote a3", "3 promote b2", "2 promote a1", "1 take lease ")
	f("", 2, "4 promote a3", "3 promote b2")
	f("a", 0, "4 promote a3", "2 promote a1")
	f("a", 1, "4 promote a3")
	f("c", 0)
}

// Texts of strangers become one line each, and cannot begin another.
func TestTextsOfStrangers(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	evil := "a\n{\"generation\":9}\r\x00\x1b[31m\u2028\xff" + strings.Repeat("é", maxTextBytes)
	if _, _, err := s.Change(Entry{Who: evil, Action: evil, From: evil, Reason: evil}, func(*State, *Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	lines, err := s.History("", 0)
	if err != nil || len(lines) != 2 {
		t.Fatalf("%+v, %v", lines, err)
	}
	if want := `a {"generation":9}   [31m ?` + "é"; !strings.HasPrefix(lines[0].Reason, want) || len(lines[0].Reason) > maxTextBytes || len(lines[0].Who) > maxWordBytes {
		t.Errorf("the reason is %q", lines[0].Reason)
	}
	wholeHistory(t, s, 1)
}

// A line that was torn is passed over, and the next holder writes it anew.
func TestTornLine(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	must(t, s, "m", 1)
	must(t, s, "m", 2)
	path := filepath.Join(dir, "history.jsonl")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for _, left := range []int{last, last + 1, (last + len(whole)) / 2, len(whole) - 2, len(whole) - 1} {
		if err := os.WriteFile(path, whole[:left], 0o600); err != nil {
			t.Fatal(err)
		}
		next := open(t, Options{Dir: dir})
		if err := next.take(); err != nil {
			t.Fatal(err)
		}
		wholeHistory(t, next, 1)
		must(t, next, "m", left)
		wholeHistory(t, next, 1)
		// The folder as it was, for the next try.
		for n := uint64(4); n <= next.State().Generation; n++ {
			if err := os.Remove(next.folder.path(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A history that cannot be written waits, and holds changes up only once more wait than the folder can tell of.
func TestHistoryThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	path := filepath.Join(dir, "history.jsonl")
	if err := os.Rename(path, path+"-moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	made := 0
	for ; made < 2*kept; made++ {
		if _, _, err := promote(s, "m", made+1, ""); err != nil {
			contains(t, err, "it is not a regular file")
			break
		}
	}
	if made != maxPending || live(s.State(), "m") != made {
		t.Errorf("%d changes were made, %d is live", made, live(s.State(), "m"))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"-moved", path); err != nil {
		t.Fatal(err)
	}
	must(t, s, "m", 1000)
	wholeHistory(t, s, 1)
	next := open(t, Options{Dir: dir})
	wholeHistory(t, next, 1)
}

// size is what the files of a history have together.
func size(t *testing.T, h *history) (bytes int64) {
	t.Helper()
	for _, path := range []string{h.path(), h.older()} {
		if about, err := os.Stat(path); err == nil {
			bytes += about.Size()
		}
	}
	return bytes
}

// However many lines are added, they stay within the cap, and the newest are there.
func TestHistoryStaysCapped(t *testing.T) {
	const lines, most = 30_000, 64 << 10
	rotations := 0
	h := &history{dir: t.TempDir(), sys: newFaulty(fails, -1), most: most, rotated: func() { rotations++ }}
	for n := range lines {
		if err := h.add(Entry{Time: noon, Generation: uint64(n + 1), Action: "x"}); err != nil {
			t.Fatal(err)
		}
		if n%97 == 0 && size(t, h) > most {
			t.Fatalf("%d lines have %d bytes", n, size(t, h))
		}
	}
	all, err := h.read()
	if err != nil || all[len(all)-1].Generation != lines || lines-all[0].Generation+1 != uint64(len(all)) || len(all) < 300 || rotations < 10 {
		t.Errorf("%d lines from %d, %d rotations, %v", len(all), all[0].Generation, rotations, err)
	}
}

// A million lines, of whatever file, are brought within the cap by whoever takes the lease.
func TestMillionLines(t *testing.T) {
	const lines, most = 1_000_000, 1 << 20
	var text bytes.Buffer
	for n := range lines {
		fmt.Fprintf(&text, "{\"time\":\"2026-01-02T12:00:00Z\",\"generation\":%d,\"who\":\"\",\"action\":\"promote\",\"model\":\"m\",\"key\":\"k%d\"}\n", n+1, n+1)
	}
	for _, name := range []string{"history.jsonl", "history.1.jsonl"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		last, err := encode(generation{&State{Schema: Schema, Generation: lines}, Entry{Time: noon.Truncate(time.Second), Generation: lines, Action: "promote", Model: "m", Key: fmt.Sprint("k", lines)}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, "state.d"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "state.d", fmt.Sprintf("%020d.yaml", lines)), last, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, Options{Dir: dir, HistoryBytes: most})
		if got := size(t, s.history); got > most {
			t.Errorf("%s: %d bytes are left", name, got)
		}
		must(t, s, "m", 1)
		wholeHistory(t, s, lines-4000)
		if _, repeated, err := promote(s, "m", 2, fmt.Sprint("k", lines)); err != nil || !repeated {
			t.Errorf("%s: the newest key is made again: %v", name, err)
		}
		if _, repeated, err := promote(s, "m", 2, "k1"); err != nil || repeated {
			t.Errorf("%s: a key that is gone counts: %v", name, err)
		}
	}
}

// Of a file that is beyond the cap the end is read.
func TestReadsTheEndOfALargeFile(t *testing.T) {
	var text bytes.Buffer
	for n := range 10_000 {
		line, err := encodeLine(Entry{Time: noon, Generation: uint64(n + 1), Action: "x"})
		if err != nil {
			t.Fatal(err)
		}
		text.Write(line)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "history.jsonl"), text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &history{dir: dir, sys: disk{}, most: 1000}
	all, err := h.read()
	if err != nil || len(all) < 5 || len(all) > 20 || all[len(all)-1].Generation != 10_000 {
		t.Errorf("%d lines, %v", len(all), err)
	}
}

func FuzzHistory(f *testing.F) {
	line, err := encodeLine(Entry{Time: noon, Generation: 7, Who: "anna", Action: "promote", Model: "m", Version: "1", Digest: digest(1), Share: 0.5, Key: "k"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add(append(line[:len(line)/2:len(line)/2], line...))
	f.Add([]byte("{\"generation\":1,\"action\":\"x\",\"time\":\"9999-12-31T23:59:59-23:00\"}\n[[[[[[\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, e := range decodeLines(text) {
			line, err := encodeLine(e)
			if err != nil || len(line) > maxLineBytes || bytes.Count(line, []byte("\n")) != 1 {
				t.Fatalf("%+v makes the line %q, %v", e, line, err)
			}
			if back, ok := decodeLine(line); !ok || back != e {
				t.Fatalf("got %+v, %t, want %+v", back, ok, e)
			}
		}
	})
}
