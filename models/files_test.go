package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// refuses wants the files gate to refuse the bundle with a text that shows no path.
func (w *world) refuses(t *testing.T, b *Bundle, want string) {
	t.Helper()
	report, err := Check(context.Background(), w.options(), b)
	if err != nil {
		t.Fatal(err)
	}
	v := report.Refusal()
	if v == nil || !strings.Contains(v.Text, want) || strings.Contains(v.Text, w.dir) {
		t.Errorf("refusal %+v, want %q", v, want)
	}
}

// TestTampering changes a bundle in every way that must not go unseen.
func TestTampering(t *testing.T) {
	f := func(name string, tamper func(t *testing.T, w *world, b *Bundle), want string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.put(t, "m/1", fakeFile{Factor: 2}, "weights", "0123", ConfigFile, fmt.Sprintf("sha256: {model.onnx: '%s', weights: '%s'}",
				"ce3f26c367d3489ef8f082a28c0bf25acf1381713bfe57779be26312ccaa328d", "1be2e452b46d7a0d9656bbb1f768e8248eba1b75baed65f5d99eafa948899a6a"))
			report, err := Check(context.Background(), w.options(), b)
			if err != nil || report.Refusal() != nil {
				t.Fatalf("refused before tampering: %+v, %v", report.Gates, err)
			}
			tamper(t, w, b)
			w.refuses(t, b, want)
		})
	}
	f("a byte of the model", func(t *testing.T, _ *world, b *Bundle) {
		text, err := os.ReadFile(b.ModelPath())
		if err != nil {
			t.Fatal(err)
		}
		write(t, b.ModelPath(), strings.Replace(string(text), "2", "3", 1))
	}, "model.onnx has SHA-256")
	f("a byte of the weights", func(t *testing.T, _ *world, b *Bundle) {
		write(t, filepath.Join(b.Dir, "weights"), "0124")
	}, "weights has SHA-256")
	f("a new file", func(t *testing.T, _ *world, b *Bundle) {
		write(t, filepath.Join(b.Dir, "more"), "")
	}, "does not name more")
	f("a file less", func(t *testing.T, _ *world, b *Bundle) {
		if err := os.Remove(filepath.Join(b.Dir, "weights")); err != nil {
			t.Fatal(err)
		}
	}, "pins weights by sha256 and the bundle has no such file")
	f("no model", func(t *testing.T, _ *world, b *Bundle) {
		if err := os.Remove(b.ModelPath()); err != nil {
			t.Fatal(err)
		}
	}, "the bundle has no model.onnx")
	f("a link", func(t *testing.T, w *world, b *Bundle) {
		write(t, filepath.Join(w.dir, "outside"), "0123")
		if err := os.Remove(filepath.Join(b.Dir, "weights")); err != nil {
			t.Fatal(err)
		}
		link(t, filepath.Join(w.dir, "outside"), filepath.Join(b.Dir, "weights"))
	}, "weights is a symbolic link")
	f("a pipe", func(t *testing.T, _ *world, b *Bundle) {
		if err := syscall.Mkfifo(filepath.Join(b.Dir, "pipe"), 0o600); err != nil {
			t.Fatal(err)
		}
	}, "pipe is not a regular file")
	f("too many files", func(t *testing.T, _ *world, b *Bundle) {
		for i := range maxBundleFiles {
			write(t, filepath.Join(b.Dir, fmt.Sprint("f", i)), "")
		}
	}, "more than 256 files")
	f("large settings", func(t *testing.T, _ *world, b *Bundle) {
		write(t, filepath.Join(b.Dir, ConfigFile), strings.Repeat("#", maxConfigBytes+1))
	}, "cannot read model.yaml: it has 1048577 bytes; the limit is 1048576")
	f("no folder", func(t *testing.T, _ *world, b *Bundle) {
		if err := os.RemoveAll(b.Dir); err != nil {
			t.Fatal(err)
		}
	}, "cannot list the bundle's folder: no such file or directory")
}

func TestFilesThatChangeWhileLoading(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 2})
	w.gate = func(b *Bundle) error {
		return os.WriteFile(filepath.Join(b.Dir, "late"), nil, 0o600)
	}
	w.refuses(t, b, "its files changed while it was loading")
	if opened, closed := w.opened.Load(), w.closed.Load(); opened != 1 || closed != 1 {
		t.Errorf("%d sessions opened and %d closed", opened, closed)
	}
}

func TestExternalDataOutsideTheBundle(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 2}, ".hidden", "x")
	opts := w.options()
	for _, name := range []string{".hidden", "../../secret", "gone"} {
		opts.Inspect = func(b *Bundle) (*Graph, error) {
			g, err := inspectFake(b)
			g.External = []string{name}
			return g, err
		}
		report, err := Check(context.Background(), opts, b)
		if err != nil {
			t.Fatal(err)
		}
		if v := report.Refusal(); v == nil || !strings.Contains(v.Text, "is not among the bundle's files") {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// TestDigestIsWhatSha256sumSays holds the documented recipe for the digest.
func TestDigestIsWhatSha256sumSays(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 2}, ".hidden", "x", "weights", "0123", "Zeta", "", ConfigFile, "max_batch: 2")
	report, err := Check(context.Background(), w.options(), b)
	if err != nil {
		t.Fatal(err)
	}
	recipe := exec.Command("sh", "-c", "LC_ALL=C; export LC_ALL; sha256sum * | sha256sum")
	recipe.Dir = b.Dir
	out, err := recipe.Output()
	if err != nil {
		t.Fatal(err)
	}
	if want, _, _ := strings.Cut(string(out), " "); report.Digest != want || len(want) != 64 {
		t.Errorf("the digest is %s, the recipe gives %s", report.Digest, want)
	}
}

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
	if got, want := strings.Join(labels, " "), "a/v1 b/2 b/10"; got != want {
		t.Errorf("found %s, want %s", got, want)
	}
	want := []string{
		"b: latest is a symbolic link and is not followed: put the folder itself there",
		`the model name "bad name" has " " at byte 3; letters, digits, '_', '.' and '-' are allowed`,
		`c: the version name "v 1" has " " at byte 1; letters, digits, '_', '.' and '-' are allowed`,
		"empty/1 has no model.onnx",
		"linked is a symbolic link and is not followed: put the folder itself there",
		"loose/model.onnx lies outside a version folder: move it to loose/1/model.onnx",
		`the model name "stats" is taken by the protocol (/v2/models/stats)`,
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
		b, err := Locate(filepath.Join(w.dir, path))
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
	for _, name := range []string{"net.onnx.data", "other.onnx", "film.mkv", ConfigFile} {
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
	b, err := Locate(opts.Paths[0])
	if err != nil {
		t.Fatal(err)
	}
	names, _, err := b.list()
	if want := []string{"net.onnx", "net.onnx.data"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("files %v, %v; want %v", names, err, want)
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

// TestWatch uses the system's own notifications: a folder that is moved in is served
// without being asked for, one that is written in place too, one that is removed ends.
func TestWatch(t *testing.T) {
	w := newWorld(t)
	w.put(t, "m/1", fakeFile{Factor: 1})
	r, err := New(w.options())
	if err != nil {
		t.Fatal(err)
	}
	w.begin(t, r)
	until := func(want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		poll := time.NewTicker(5 * time.Millisecond)
		defer poll.Stop()
		for table(r) != want {
			select {
			case <-poll.C:
			case <-ctx.Done():
				t.Fatalf("still %s, want %s", table(r), want)
			}
		}
	}
	until("m/1 READY live")
	w.put(t, "m/2", fakeFile{Factor: 2})
	until("m/1 UNLOADED, m/2 READY live")
	write(t, filepath.Join(w.dir, "new/1", ConfigFile), "max_batch: 4")
	write(t, filepath.Join(w.dir, "new/1", ModelFile), `{"Factor": 3}`)
	until("m/1 UNLOADED, m/2 READY live, new/1 READY live")
	write(t, filepath.Join(w.dir, "new/2", ModelFile), `{"Factor`)
	until("m/1 UNLOADED, m/2 READY live, new/1 READY live, new/2 FAILED")
	write(t, filepath.Join(w.dir, "new/2", ModelFile), `{"Factor": 4}`)
	until("m/1 UNLOADED, m/2 READY live, new/1 UNLOADED, new/2 READY live")
	if err := os.RemoveAll(filepath.Join(w.dir, "m")); err != nil {
		t.Fatal(err)
	}
	until("new/1 UNLOADED, new/2 READY live")
}
