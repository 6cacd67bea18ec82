package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sluice/internal/onnxfile"
	"sluice/models/bundle"
)

// refuses wants the files gate to refuse the bundle with a text that shows no path.
func (w *world) refuses(t *testing.T, b *bundle.Bundle, want string) {
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

// A folder in a file's place is no file that is not there.
func TestFilesThatAreFolders(t *testing.T) {
	for _, name := range []string{bundle.ConfigFile, bundle.GoldenFile} {
		w := newWorld(t)
		b := w.put(t, "m/1", fakeFile{Factor: 2})
		write(t, filepath.Join(b.Dir, name, "x"), "")
		want := name + " is a folder: put the file in its place, or take the folder away"
		w.refuses(t, b, want)
		if _, err := b.Pin(false); err == nil || err.Error() != want {
			t.Errorf("to pin it gave %v", err)
		}
	}
}

// TestTampering changes a bundle in every way that must not go unseen.
func TestTampering(t *testing.T) {
	f := func(name string, tamper func(t *testing.T, w *world, b *bundle.Bundle), want string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.put(t, "m/1", fakeFile{Factor: 2}, "weights", "0123", bundle.ConfigFile, fmt.Sprintf("sha256: {model.onnx: '%s', weights: '%s'}",
				fakeSum(t, fakeFile{Factor: 2}), "1be2e452b46d7a0d9656bbb1f768e8248eba1b75baed65f5d99eafa948899a6a"))
			report, err := Check(context.Background(), w.options(), b)
			if err != nil || report.Refusal() != nil {
				t.Fatalf("refused before tampering: %+v, %v", report.Gates, err)
			}
			tamper(t, w, b)
			w.refuses(t, b, want)
		})
	}
	f("a byte of the model", func(t *testing.T, _ *world, b *bundle.Bundle) {
		text, err := os.ReadFile(b.ModelPath())
		if err != nil {
			t.Fatal(err)
		}
		write(t, b.ModelPath(), strings.Replace(string(text), "2", "3", 1))
	}, "model.onnx has SHA-256")
	f("a byte of the weights", func(t *testing.T, _ *world, b *bundle.Bundle) {
		write(t, filepath.Join(b.Dir, "weights"), "0124")
	}, "weights has SHA-256")
	f("a new file", func(t *testing.T, _ *world, b *bundle.Bundle) {
		write(t, filepath.Join(b.Dir, "more"), "")
	}, "does not name more")
	f("a file less", func(t *testing.T, _ *world, b *bundle.Bundle) {
		if err := os.Remove(filepath.Join(b.Dir, "weights")); err != nil {
			t.Fatal(err)
		}
	}, "pins weights by sha256 and the bundle has no such file")
	f("no model", func(t *testing.T, _ *world, b *bundle.Bundle) {
		if err := os.Remove(b.ModelPath()); err != nil {
			t.Fatal(err)
		}
	}, "the bundle has no model.onnx")
	f("a link", func(t *testing.T, w *world, b *bundle.Bundle) {
		write(t, filepath.Join(w.dir, "outside"), "0123")
		if err := os.Remove(filepath.Join(b.Dir, "weights")); err != nil {
			t.Fatal(err)
		}
		link(t, filepath.Join(w.dir, "outside"), filepath.Join(b.Dir, "weights"))
	}, "weights is a symbolic link")
	f("a pipe", func(t *testing.T, _ *world, b *bundle.Bundle) {
		if err := syscall.Mkfifo(filepath.Join(b.Dir, "pipe"), 0o600); err != nil {
			t.Fatal(err)
		}
	}, "pipe is not a regular file")
	f("too many files", func(t *testing.T, _ *world, b *bundle.Bundle) {
		for i := range 256 {
			write(t, filepath.Join(b.Dir, fmt.Sprint("f", i)), "")
		}
	}, "more than 256 files")
	f("large settings", func(t *testing.T, _ *world, b *bundle.Bundle) {
		write(t, filepath.Join(b.Dir, bundle.ConfigFile), strings.Repeat("#", 1<<20+1))
	}, "cannot read model.yaml: it has 1048577 bytes; the limit is 1048576")
	f("no folder", func(t *testing.T, _ *world, b *bundle.Bundle) {
		if err := os.RemoveAll(b.Dir); err != nil {
			t.Fatal(err)
		}
	}, "cannot list the bundle's folder: no such file or directory")
}

func TestFilesThatChangeWhileLoading(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 2})
	opts := w.options()
	opts.Inspect = func(b *bundle.Bundle) (*bundle.Graph, error) {
		g, err := inspectFake(b)
		return g, errors.Join(err, os.WriteFile(filepath.Join(b.Dir, "late"), nil, 0o600))
	}
	report, err := Check(context.Background(), opts, b)
	if err != nil {
		t.Fatal(err)
	}
	if v := report.Refusal(); v == nil || !strings.HasPrefix(v.Text, "its files changed while it was loading") || w.opened.Load() != 0 {
		t.Errorf("refusal %+v with %d sessions opened", v, w.opened.Load())
	}
}

func TestExternalDataOutsideTheBundle(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 2}, ".hidden", "x")
	opts := w.options()
	for name, want := range map[string]string{".hidden": "is not among the bundle's files", "../../secret": "is not among the bundle's files", "gone": "there is no such file"} {
		opts.Inspect = func(b *bundle.Bundle) (*bundle.Graph, error) {
			g, err := inspectFake(b)
			g.External = []onnxfile.External{{Location: name}}
			return g, err
		}
		report, err := Check(context.Background(), opts, b)
		if err != nil {
			t.Fatal(err)
		}
		if v := report.Refusal(); v == nil || !strings.Contains(v.Text, want) {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// TestDigestIsWhatSha256sumSays holds the documented recipe for the digest.
func TestDigestIsWhatSha256sumSays(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 2}, ".hidden", "x", "weights", "0123", "Zeta", "", bundle.ConfigFile, "max_batch: 2")
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
