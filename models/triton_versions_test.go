package models

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/fault"
	"sluice/models/bundle"
)

// TestTritonVersions loads the versions that config.pbtxt asks for, also after it was edited.
func TestTritonVersions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		for _, v := range []string{"1", "2", "3", "10"} {
			w.put(t, "m/"+v, fakeFile{Factor: 1})
		}
		r := w.start(t, w.options())
		f := func(text, want string) {
			t.Helper()
			path := filepath.Join(w.dir, "m", bundle.TritonFile)
			if text == "" {
				_ = os.Remove(path)
			} else {
				write(t, path, text)
			}
			for range 2 { // once for the edit, once for files that are settled
				time.Sleep(time.Second)
				r.scan(func(*bundle.Bundle) bool { return true })
			}
			if err := r.Wait(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := table(r); got != want {
				t.Errorf("%q: got %s, want %s", text, got, want)
			}
		}
		f("", "m/1 DISCOVERED, m/2 DISCOVERED, m/3 DISCOVERED, m/10 READY live")
		f("version_policy { latest { num_versions: 2 } }", "m/1 DISCOVERED, m/2 DISCOVERED, m/3 READY, m/10 READY live")
		f("version_policy { all { } }", "m/1 READY, m/2 READY, m/3 READY, m/10 READY live")
		f("version_policy { specific { versions: [ 1, 3 ] } }", "m/1 READY, m/3 READY live")
		f("version_policy { latest { } }", "m/1 UNLOADED, m/2 DISCOVERED, m/3 UNLOADED, m/10 READY live")
		for _, s := range r.Index() {
			if (s.Reason == "") != (s.State == Ready) {
				t.Errorf("%s/%s is %s for the reason %q", s.Name, s.Version, s.State, s.Reason)
			}
		}
	})
}

// TestTritonFilesBelongToTheBundle changes what lies beside a version: its digest is another then,
// and an edit under a loaded version is noticed.
func TestTritonFilesBelongToTheBundle(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 1})
	digest := func() string {
		t.Helper()
		bundles, _, err := Find(w.options())
		if err != nil || len(bundles) != 1 {
			t.Fatal(bundles, err)
		}
		opts := w.options().withDefaults()
		if _, err := bundles[0].Read(opts.Copies, func() (*bundle.Graph, error) { return bundles[0].Describe(opts.Defaults, nil, inspectFake) }); err != nil {
			t.Fatal(err)
		}
		return bundles[0].Digest + " " + bundles[0].Fingerprint
	}
	home := filepath.Dir(b.Dir)
	seen := []string{digest()}
	f := func(name, text string) {
		t.Helper()
		write(t, filepath.Join(home, name), text)
		now := digest()
		if slices.Contains(seen, now) {
			t.Errorf("%s %q changes nothing", name, text)
		}
		seen = append(seen, now)
	}
	f(bundle.TritonFile, "max_batch_size: 4")
	f(bundle.TritonFile, "max_batch_size: 8")
	write(t, filepath.Join(home, "a.txt"), "1\n")
	f(bundle.TritonFile, `output { name: "y" label_filename: "a.txt" }`)
	f("a.txt", "1\n2\n")
	if err := os.Remove(filepath.Join(home, bundle.TritonFile)); err != nil {
		t.Fatal(err)
	}
	if now := digest(); strings.Fields(now)[0] != strings.Fields(seen[0])[0] {
		t.Error("without the file the digest is not what it was")
	}
}

// TestReasons wants a reason for each state but READY, whatever was noted.
func TestReasons(t *testing.T) {
	for state := Discovered; state <= Failed; state++ {
		for _, settled := range []bool{true, false} {
			e := &entry{bundle: &bundle.Bundle{}, state: state, settled: settled}
			if got := e.status().Reason; (got == "") != (state == Ready) {
				t.Errorf("%s, settled %v: %q", state, settled, got)
			}
		}
	}
	for _, err := range []error{errors.New(""), fault.New(fault.ModelLoadFailed, "")} {
		if text, _ := fault.Explain(err); text == "" {
			t.Errorf("%#v has no text", err)
		}
	}
}
