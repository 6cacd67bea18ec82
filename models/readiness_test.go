package models

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fsnotify/fsnotify"

	"sluice/models/bundle"
)

// TestReadiness has models that were there at the start: good ones, and ones that are refused.
func TestReadiness(t *testing.T) {
	const refused = "open: the model cannot be loaded"
	f := func(name string, require []string, prepare func(t *testing.T, w *world), want string, degraded ...string) {
		t.Helper()
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			prepare(t, w)
			opts := w.options()
			opts.Require = require
			r := w.start(t, opts)
			got := ""
			if err := r.Ready(); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s: not ready since %q, want %q", name, got, want)
			}
			if got := r.Degraded(); strings.Join(got, "\n") != strings.Join(degraded, "\n") {
				t.Errorf("%s: degraded %q, want %q", name, got, degraded)
			}
		})
	}
	good := func(labels ...string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			for _, l := range labels {
				w.put(t, l, fakeFile{Factor: 1, FailOpen: strings.HasPrefix(l, "bad") || strings.HasSuffix(l, "/2")})
			}
		}
	}
	badSays := "model bad version 1 is refused: " + refused
	f("a good model", nil, good("m/1"), "")
	f("a refused one beside it", nil, good("bad/1", "m/1"), "", badSays)
	f("a refused new version", nil, good("m/1", "m/2"), "", "model m version 2 is refused: "+refused+"; version 1 serves")
	f("nothing else", nil, good("bad/1"), "no model can be served: 'bad' version 1 is refused, "+refused, badSays)
	f("an empty folder", nil, good(), "there is no model: the models folder holds none, neither <name>/<version>/model.onnx nor <name>.onnx")
	put := func(paths ...string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			for _, path := range paths {
				write(t, filepath.Join(w.dir, path), "x")
			}
		}
	}
	const wrongName = "net holds net.onnx and no model.onnx: rename it, or name it as default_model_filename in net/config.pbtxt"
	f("a folder of one model", nil, put("1/model.onnx"), "there is no model: 1/model.onnx lies in a folder that is named like a version: if the models folder is that of one model, name the folder above it")
	f("a file of another name", nil, put("net/net.onnx"), "there is no model: "+wrongName)
	f("which is required", []string{"net", "ne"}, put("net/net.onnx"), "required models are missing: 'ne' is not in the models folder: add it, or take it out of require; 'net' has no version, since "+wrongName)
	f("a version without a file", []string{"net"}, put("net/1/README.md"), "required models are missing: 'net' has no version, since net/1 has no model.onnx: put it there, or take the folder away")
	f("a required one", []string{"m"}, good("bad/1", "m/1"), "", badSays)
	f("with a refused new version", []string{"m"}, good("m/1", "m/2"), "", "model m version 2 is refused: "+refused+"; version 1 serves")
	f("a required one that is refused", []string{"m", "bad"}, good("bad/1", "m/1"), "required models are missing: 'bad' version 1 is refused, "+refused, badSays)
	f("one that is not there, named twice", []string{"n", "m", "n"}, good("m/1"), "required models are missing: 'n' is not in the models folder: add it, or take it out of require")
	f("both", []string{"n", "bad"}, good("bad/1", "m/1"), "required models are missing: 'bad' version 1 is refused, "+refused+"; 'n' is not in the models folder: add it, or take it out of require", badSays)
	f("all", []string{RequireAll}, good("m/1", "n/1"), "")
	f("all, of which one is refused", []string{RequireAll}, good("bad/1", "m/1"), "required models are missing: 'bad' version 1 is refused, "+refused, badSays)
	f("all of none", []string{RequireAll}, good(), "there is no model: the models folder holds none, neither <name>/<version>/model.onnx nor <name>.onnx")
}

// What answers about readiness say is bounded, however many models are refused.
func TestReadinessIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 20 {
			w.put(t, fmt.Sprintf("bad%02d/1", i), fakeFile{FailOpen: true})
		}
		r := w.start(t, w.options())
		text := r.Ready().Error()
		if !strings.Contains(text, "'bad07' version 1 is refused") || strings.Contains(text, "bad08") || !strings.HasSuffix(text, "; and 12 more") {
			t.Error(text)
		}
		d := r.Degraded()
		if len(d) != maxNamed+1 || d[maxNamed] != "and 12 more models are refused" {
			t.Errorf("%q", d)
		}
	})
	if long := shortened(strings.Repeat("é", 200)); len(long) > maxReason+len("…") || !strings.HasSuffix(long, "é…") {
		t.Errorf("%d bytes: %s", len(long), long)
	}
}

// While the first models load nothing is ready; later ones keep nobody waiting.
func TestReadinessWaitsForTheFirstModels(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		release := make(chan struct{})
		w.gate = func(b *bundle.Bundle) error {
			if b.Name == "slow" {
				<-release
			}
			return nil
		}
		w.put(t, "m/1", fakeFile{Factor: 1})
		w.put(t, "slow/1", fakeFile{Factor: 1, FailOpen: true})
		opts := w.options()
		r, err := New(opts)
		if err != nil {
			t.Fatal(err)
		}
		r.notify = func() (*fsnotify.Watcher, error) { return nil, errors.New("none in this test") }
		if err := r.Ready(); err == nil || err.Error() != "models are loading: the models folder has not been read yet" {
			t.Errorf("before the start: %v", err)
		}
		done := make(chan struct{})
		go func() { defer close(done); w.begin(t, r) }()
		synctest.Wait()
		if err := r.Ready(); err == nil || err.Error() != "models are loading: 'slow'" {
			t.Errorf("while one loads: %v", err)
		}
		close(release)
		<-done
		if err := r.Ready(); err != nil {
			t.Errorf("after it was refused: %v", err)
		}
		release = make(chan struct{})
		w.put(t, "slow/2", fakeFile{Factor: 1})
		loaded := make(chan error)
		go func() { loaded <- r.Load(context.Background(), "slow") }()
		synctest.Wait()
		if got := table(r); got != "m/1 READY live, slow/1 DISCOVERED, slow/2 LOADING" {
			t.Error(got)
		}
		if err := r.Ready(); err != nil {
			t.Errorf("while a later version loads: %v", err)
		}
		close(release)
		if err := <-loaded; err != nil {
			t.Error(err)
		}
	})
}

// A model that is unloaded on request is not missed by `all`, and is by its name.
func TestReadinessAfterUnload(t *testing.T) {
	f := func(require, want string) {
		t.Helper()
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.put(t, "m/1", fakeFile{Factor: 1})
			w.put(t, "n/1", fakeFile{Factor: 1})
			opts := w.options()
			opts.Require = []string{require}
			r := w.start(t, opts)
			if err := r.Unload(context.Background(), "n"); err != nil {
				t.Fatal(err)
			}
			if err := r.Ready(); fmt.Sprint(err) != want {
				t.Errorf("require %s: %v, want %s", require, err, want)
			}
		})
	}
	f("all", "<nil>")
	f("m", "<nil>")
	f("n", "required models are missing: 'n' was unloaded on request")
}
