package models

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/onnxfile"
)

// TestCopiesSweep takes away what dead processes left behind, and nothing else.
func TestCopiesSweep(t *testing.T) {
	dir := t.TempDir()
	first, err := OpenCopies(dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(first.Dir(), "1", "own", ModelFile), "x")
	write(t, filepath.Join(dir, copiesPrefix+"dead", "1", "own", ModelFile), "x")
	write(t, filepath.Join(dir, "other", "x"), "x")
	write(t, filepath.Join(dir, copiesPrefix+"file"), "x")
	link(t, t.TempDir(), filepath.Join(dir, copiesPrefix+"link"))
	second, err := OpenCopies("", filepath.Join(dir, "other", "x"), dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		first.Dir(): true, second.Dir(): true, filepath.Join(dir, copiesPrefix+"dead"): false, filepath.Join(dir, "other"): true,
		filepath.Join(dir, copiesPrefix+"file"): true, filepath.Join(dir, copiesPrefix+"link"): true,
	} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if about, err := os.Stat(first.Dir()); err != nil || about.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", about, err)
	}
	for _, c := range []*Copies{first, second, nil} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(first.Dir()); err == nil {
		t.Error("a closed folder is still there")
	}
	if _, err := OpenCopies(filepath.Join(dir, "other", "x")); err == nil || !strings.Contains(err.Error(), "cannot make a private folder") {
		t.Errorf("a file for a folder: %v", err)
	}
}

// TestWhatWasHashedIsLoaded writes into the files through a hard link once they are hashed, and
// takes the copies away with the version.
func TestWhatWasHashedIsLoaded(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 2}, "notes", "x")
	behind := filepath.Join(t.TempDir(), "link")
	if err := os.Link(b.ModelPath(), behind); err != nil {
		t.Skip(err)
	}
	inside := 0
	w.gate = func(b *Bundle) error {
		inside++
		entries, err := os.ReadDir(filepath.Dir(b.OpenPath()))
		if err != nil || len(entries) != 1 || !strings.HasPrefix(b.OpenPath(), w.copies.Dir()) {
			t.Errorf("opened beside %v, %v", entries, err)
		}
		return os.WriteFile(behind, []byte(`{"Factor": 3}`), 0o600)
	}
	r := w.start(t, w.options())
	v, err := r.Acquire("m", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := answer(t, v); got != 2 || inside == 0 {
		t.Errorf("after %d openings it multiplies by %v", inside, got)
	}
	v.Release()
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(w.copies.Dir()); err != nil || len(left) > 0 {
		t.Errorf("of the copies are left %v, %v", left, err)
	}
}

// writerFunc is an io.Writer.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestFileThatChangesWhileItIsRead holds what is said of one that grows or shrinks meanwhile.
func TestFileThatChangesWhileItIsRead(t *testing.T) {
	f := func(size int64, want string) {
		t.Helper()
		dir := t.TempDir()
		write(t, filepath.Join(dir, "f"), strings.Repeat("x", 100_000))
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		read := 0
		_, err = readFile(root, "f", 1<<20, writerFunc(func(p []byte) (int, error) {
			read += len(p)
			return len(p), os.Truncate(filepath.Join(dir, "f"), size)
		}))
		if got := fmt.Sprint(err); got != want || read > 100_000 {
			t.Errorf("to %d bytes: %s after %d bytes, want %s", size, got, read, want)
		}
	}
	f(100_000, "<nil>")
	f(1<<40, "it had 100000 bytes and has another size now: it changes while it is read")
	f(10, "it had 100000 bytes and ended after 32768: it changes while it is read")
}

// TestExternalData holds the model's word on its data against the files.
func TestExternalData(t *testing.T) {
	f := func(e onnxfile.External, size int64, want string) {
		t.Helper()
		w := newWorld(t)
		b := w.put(t, "m/1", fakeFile{Factor: 1}, "data", "")
		if err := os.Truncate(filepath.Join(b.Dir, "data"), size); err != nil {
			t.Fatal(err)
		}
		opts := w.options()
		opts.Inspect = func(b *Bundle) (*Graph, error) {
			g, err := inspectFake(b)
			g.External = []onnxfile.External{e}
			return g, err
		}
		copied := ""
		w.gate = func(b *Bundle) error {
			about, err := os.Stat(filepath.Join(filepath.Dir(b.OpenPath()), "data"))
			copied = fmt.Sprint(about.Size())
			return err
		}
		report, err := Check(context.Background(), opts, b)
		if err != nil {
			t.Fatal(err)
		}
		text := "copied " + copied
		if v := report.Refusal(); v != nil {
			text = v.Text
		}
		if !strings.HasPrefix(text, want) {
			t.Errorf("%+v in %d bytes: %s, want %s", e, size, text, want)
		}
	}
	f(onnxfile.External{Location: "data", Offset: 50, Length: 50}, 100, "copied 100")
	f(onnxfile.External{Location: "data", Offset: 50, Length: 51}, 100, `external data "data" has 100 bytes, the model needs 101`)
	f(onnxfile.External{Location: "data", Length: 100}, maxSpareBytes+201, "cannot read data: it has 67109065 bytes; the limit is 67109064")
	f(onnxfile.External{Location: "data", Length: -1, Open: true}, 4096, "copied 4096")
	f(onnxfile.External{Location: "data", Length: 1 << 41}, 1<<42, `the model's data in other files has 4398046511104 bytes, and the machine has `)
}

// A private folder that can be written no more refuses what is loaded, in a sentence that shows no path.
func TestCopiesThatCannotBeMade(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 2})
	blocked := filepath.Join(t.TempDir(), "file")
	write(t, blocked, "")
	w.copies = &Copies{dir: blocked}
	w.refuses(t, b, "cannot copy its files to the folder for private copies: not a directory: correct the path, a part of which is a file")
	report, err := Check(t.Context(), w.options(), b)
	if err != nil || strings.Contains(report.Refusal().Text, blocked) {
		t.Errorf("the refusal is %q, %v", report.Refusal().Text, err)
	}
}
