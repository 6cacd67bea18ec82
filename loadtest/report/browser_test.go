package report

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sluice/internal/browsertest"
)

// pages are all kinds of pages, by name.
func pages() map[string]func(io.Writer) error {
	all := map[string]func(io.Writer) error{}
	for name, r := range examples() {
		all[name] = func(w io.Writer) error { return HTML(w, r) }
	}
	all["compare"] = func(w io.Writer) error { return CompareHTML(w, exampleRun(), exampleFaster(), exampleThird()) }
	return all
}

// write puts the pages into a folder.
func write(t *testing.T) (dir string, names []string) {
	t.Helper()
	dir = os.Getenv("SLUICE_REPORT_DIR") // for those who want to look themselves
	if dir == "" {
		dir = t.TempDir()
	}
	for name, render := range pages() {
		var out bytes.Buffer
		if err := render(&out); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".html"), out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return dir, names
}

// A page fits its width, and no text of a chart lies on another one.
func TestPagesFitTheirWidth(t *testing.T) {
	browsertest.Need(t)
	dir, names := write(t)
	browsertest.Fit(t, dir, names...)
}

// A browser draws each kind of page: it is not blank, and dark where that is asked for.
func TestPagesAreDrawn(t *testing.T) {
	browsertest.Need(t)
	dir, _ := write(t)
	var drawn []browsertest.Page
	for _, name := range []string{"run", "capacity", "ab", "invalid"} {
		drawn = append(drawn, browsertest.Page{Name: name, Scheme: "light"}, browsertest.Page{Name: name, Scheme: "dark"})
	}
	for i, got := range browsertest.Draw(t, dir, 2600, drawn...) {
		if got.Colours < 30 {
			t.Errorf("%+v: %d colours: the page is blank", drawn[i], got.Colours)
		}
		if dark := got.Brightness < 0.4; dark != (drawn[i].Scheme == "dark") {
			t.Errorf("%+v: a brightness of %.2f", drawn[i], got.Brightness)
		}
	}
}
