package models

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/onnxfile"
	"sluice/models/bundle"
)

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
	w.gate = func(b *bundle.Bundle) error {
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
		opts.Inspect = func(b *bundle.Bundle) (*bundle.Graph, error) {
			g, err := inspectFake(b)
			g.External = []onnxfile.External{e}
			return g, err
		}
		copied := ""
		w.gate = func(b *bundle.Bundle) error {
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
	f(onnxfile.External{Location: "data", Length: 100}, 64<<20+201, "cannot read data: it has 67109065 bytes; the limit is 67109064")
	f(onnxfile.External{Location: "data", Length: -1, Open: true}, 4096, "copied 4096")
	f(onnxfile.External{Location: "data", Length: 1 << 41}, 1<<42, `the model's data in other files has 4398046511104 bytes, and the machine has `)
}

// A private folder that can be written no more refuses what is loaded, in a sentence that shows no path.
func TestCopiesThatCannotBeMade(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 2})
	blocked := w.copies.Dir()
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	write(t, blocked, "")
	w.refuses(t, b, "cannot copy its files to the folder for private copies: not a directory: correct the path, a part of which is a file")
	report, err := Check(t.Context(), w.options(), b)
	if err != nil || strings.Contains(report.Refusal().Text, blocked) {
		t.Errorf("the refusal is %q, %v", report.Refusal().Text, err)
	}
}
