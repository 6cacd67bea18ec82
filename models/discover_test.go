package models

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/models/bundle"
)

func TestDiscover(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{
		"b/2/model.onnx", "b/10/model.onnx", "a/v1/model.onnx", "a/v1/notes/x", "README.md", ".git/1/model.onnx",
		"b/README.md", "loose/model.onnx", "empty/1/other", "bad name/1/model.onnx", "c/v 1/model.onnx", "stats/1/model.onnx",
	} {
		write(t, filepath.Join(w.dir, path), "x")
	}
	link(t, filepath.Join(w.dir, "b"), filepath.Join(w.dir, "linked"))
	link(t, "10", filepath.Join(w.dir, "b/latest"))
	bundles, faults, err := Find(w.options())
	if err != nil {
		t.Fatal(err)
	}
	var labels, texts []string
	for _, b := range bundles {
		labels = append(labels, b.Label())
	}
	for _, fault := range faults {
		texts = append(texts, fault.Error())
		if strings.Contains(fault.Error(), w.dir) {
			t.Errorf("a path is shown: %v", fault)
		}
	}
	if got, want := strings.Join(labels, " "), "a/v1 b/2 b/10 loose/1"; got != want {
		t.Errorf("found %s, want %s", got, want)
	}
	want := []string{
		"b: latest is a symbolic link and is not followed: put what it points to there",
		`the model name "bad name" has " " at byte 3; letters, digits, '_', '.' and '-' are allowed; rename the folder`,
		`c: the version name "v 1" has " " at byte 1; letters, digits, '_', '.' and '-' are allowed; rename the folder`,
		"empty/1 has no model.onnx: put it there, or take the folder away",
		"linked is a symbolic link and is not followed: put what it points to there",
		`the model name "stats" is taken by the protocol (/v2/models/stats); rename the folder`,
	}
	if !slices.Equal(texts, want) {
		t.Errorf("faults:\n%s\nwant:\n%s", strings.Join(texts, "\n"), strings.Join(want, "\n"))
	}
}

func TestDiscoverWithoutFolder(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	opts.Dir = filepath.Join(w.dir, "nowhere")
	r, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(); err == nil || !strings.Contains(err.Error(), "cannot read the models folder") || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestLocate(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"digits/3/model.onnx", "digits/beta/model.onnx", "net/model.onnx", "net/resnet-50.onnx", "odd dir/model.onnx", "odd dir/my net.onnx", "empty/x"} {
		write(t, filepath.Join(w.dir, path), "x")
	}
	link(t, "net/resnet-50.onnx", filepath.Join(w.dir, "link.onnx"))
	f := func(path, label, file string) {
		t.Helper()
		b, err := bundle.Locate(filepath.Join(w.dir, path))
		if err != nil {
			if label != "" || !strings.Contains(err.Error(), file) {
				t.Errorf("%s: %v, want %q", path, err, file)
			}
			return
		}
		if got := strings.TrimPrefix(b.ModelPath(), w.dir+"/"); b.Label() != label || got != file {
			t.Errorf("%s is %s at %s, want %s at %s", path, b.Label(), got, label, file)
		}
	}
	f("digits/3/model.onnx", "digits/3", "digits/3/model.onnx")
	f("digits/3", "digits/3", "digits/3/model.onnx")
	f("digits/beta", "beta/1", "digits/beta/model.onnx")
	f("net/model.onnx", "net/1", "net/model.onnx")
	f("net/../net", "net/1", "net/model.onnx")
	f("net/resnet-50.onnx", "resnet-50/1", "net/resnet-50.onnx")
	f("link.onnx", "resnet-50/1", "net/resnet-50.onnx")
	f("odd dir/model.onnx", "model/1", "odd dir/model.onnx")
	f("odd dir/my net.onnx", "", "rename the file")
	f("empty", "", "is a folder without model.onnx")
	f("nowhere.onnx", "", "no such file or directory")
}

// TestBareFileTakesOnlyItsOwn serves one file among others that are not its.
func TestBareFileTakesOnlyItsOwn(t *testing.T) {
	w := newWorld(t)
	from := w.put(t, "m/1", fakeFile{Factor: 2})
	for _, name := range []string{"net.onnx.data", "other.onnx", "film.mkv", bundle.ConfigFile} {
		write(t, filepath.Join(from.Dir, name), "max_batch: 2")
	}
	if err := os.Rename(from.ModelPath(), filepath.Join(from.Dir, "net.onnx")); err != nil {
		t.Fatal(err)
	}
	opts := w.options()
	opts.Dir, opts.Paths = "", []string{filepath.Join(from.Dir, "net.onnx")}
	r := w.start(t, opts)
	v, err := r.Acquire("net", "1")
	if err != nil {
		t.Fatal(err)
	}
	defer v.Release()
	if v.Schema.MaxBatch != 64 {
		t.Error("took the settings of a model.onnx")
	}
	b, err := bundle.Locate(opts.Paths[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(nil, func() (*bundle.Graph, error) { return b.Describe(bundle.Defaults{}.WithDefaults(), nil, inspectFake) }); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range b.Files {
		names = append(names, f.Name)
	}
	if want := []string{"net.onnx", "net.onnx.data"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
}

func TestTwoBundlesOfOneName(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 2})
	opts := w.options()
	opts.Paths = []string{b.Dir}
	if _, _, err := Find(opts); err == nil || !strings.Contains(err.Error(), "two bundles are m/1") {
		t.Errorf("got %v", err)
	}
}
