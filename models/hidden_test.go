package models

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"sluice/models/bundle"
)

// Whoever edits the config.pbtxt of a model that serves does not take it down with a file that is
// empty, half written or wrong for a moment.
func TestConfigIsEditedWhileItsModelServes(t *testing.T) {
	const (
		whole = "max_batch_size: 8\ndefault_model_filename: \"net.onnx\"\nversion_policy { all { } }\n"
		both  = "net/1 READY, net/2 READY live"
	)
	f := func(name, text, before, after, warning string) {
		t.Helper()
		bubble(t, func(t *testing.T) {
			core, logs := observer.New(zap.WarnLevel)
			w := newWorld(t)
			for _, label := range []string{"net/1", "net/2"} {
				b := w.put(t, label, fakeFile{Factor: 2})
				if err := os.Rename(b.ModelPath(), filepath.Join(b.Dir, "net.onnx")); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(w.dir, "net", bundle.TritonFile)
			write(t, file, whole)
			opts := w.options()
			opts.Log, opts.Settle, opts.RescanEvery = zap.New(core), time.Second, 300*time.Millisecond
			r := w.start(t, opts)
			look := func(when, want string) {
				t.Helper()
				if err := r.Wait(context.Background()); err != nil {
					t.Fatal(err)
				}
				if got := table(r); got != want {
					t.Errorf("%s, %s: %s, want %s", name, when, got, want)
				}
			}
			look("at the start", both)
			write(t, file, text)
			time.Sleep(900 * time.Millisecond)
			look("soon", before)
			time.Sleep(20 * time.Second)
			look("later", after)
			said := 0
			for _, l := range logs.FilterMessage("not a bundle").All() {
				if reason, _ := l.ContextMap()["reason"].(string); strings.Contains(reason, warning) {
					said++
				}
			}
			if warning != "" && said != 1 {
				t.Errorf("%s: %q is said %d times: %v", name, warning, said, logs.All())
			}
			write(t, file, whole+"# again\n")
			time.Sleep(20 * time.Second)
			look("when it is whole again", both)
		})
	}
	f("half of it", "max_batch_size: 8\ndefault_model_f", both, both, "net: config.pbtxt: line 2")
	f("a wrong field", strings.Replace(whole, "max_batch_size", "max_batchsize", 1), both, both, `there is no field "max_batchsize"`)
	f("a policy that is wrong", strings.Replace(whole, "all { }", "latest { num_versions: 0 }", 1), both, both, "num_versions is 0; it must be from 1 on; the versions that serve stay as they are")
	f("nothing", "", both, "", "net/1 has no model.onnx")
	f("another file", "default_model_filename: \"other.onnx\"\n", both, "", "net/1 has no other.onnx")
	f("one version", strings.Replace(whole, "all { }", "specific { versions: 1 }", 1), both, "net/1 READY live", "")
	f("the newest", strings.Replace(whole, "all { }", "latest { }", 1), both, "net/1 UNLOADED, net/2 READY live", "")
}

// Versions that are removed go at once, whatever their config.pbtxt says.
func TestRemovedVersionsAreNotHidden(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		one, two := w.put(t, "m/1", fakeFile{Factor: 2}), w.put(t, "m/2", fakeFile{Factor: 2})
		file := filepath.Join(w.dir, "m", bundle.TritonFile)
		write(t, file, "version_policy { all { } }\n")
		r := w.start(t, w.options())
		write(t, file, "version_policy {")
		remove := func(b *bundle.Bundle, want string) {
			t.Helper()
			if err := os.RemoveAll(b.Dir); err != nil {
				t.Fatal(err)
			}
			r.scan(func(*bundle.Bundle) bool { return false })
			if err := r.Wait(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := table(r); got != want {
				t.Errorf("%s is removed: %s, want %s", b.Label(), got, want)
			}
		}
		remove(one, "m/2 READY live")
		remove(two, "")
	})
}
