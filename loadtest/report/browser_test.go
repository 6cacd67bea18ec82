package report

import (
	"bytes"
	"fmt"
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
	for _, name := range []string{"run", "capacity", "ab", "invalid"} {
		// Side by side: a frame takes over the scheme of the element around it.
		text := `<!doctype html><body style="margin:0;display:flex">`
		for _, scheme := range []string{"light", "dark"} {
			text += fmt.Sprintf(`<iframe src="%s.html" style="color-scheme:%s;border:0;width:1200px;height:100vh"></iframe>`, name, scheme)
		}
		wrapper, shot := filepath.Join(dir, name+"-wrapper.html"), filepath.Join(dir, name+".png")
		if err := os.WriteFile(wrapper, []byte(text+"</body>"), 0o600); err != nil {
			t.Fatal(err)
		}
		browsertest.Run(t, "--window-size=2400,2600", "--screenshot="+shot, "file://"+wrapper)
		for i, scheme := range []string{"light", "dark"} {
			colours, brightness := browsertest.Look(t, shot, 1200*i)
			if colours < 30 {
				t.Errorf("%s, %s: %d colours: the page is blank", name, scheme, colours)
			}
			if dark := brightness < 0.4; dark != (scheme == "dark") {
				t.Errorf("%s, %s: a brightness of %.2f", name, scheme, brightness)
			}
		}
	}
}
