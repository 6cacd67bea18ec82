package models

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"

	"sluice/internal/fault"
	"sluice/internal/tensor"
	"sluice/models/bundle"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv("SLUICE_TEST_TRIAL"); mode != "" {
		tryReally(mode)
	}
	goleak.VerifyTestMain(m)
}

// bubble runs a test on a fake clock. Pooled tasks hold channels, which may not leave
// their bubble, so the pool is emptied around it: a pool keeps nothing past two
// collections.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	empty := func() { runtime.GC(); runtime.GC() }
	empty()
	defer empty()
	synctest.Test(t, f)
}

// start runs a registry over the world until the test ends. Without real notifications
// it works under synctest.
func (w *world) start(t *testing.T, opts Options) *Registry {
	t.Helper()
	r, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	r.notify = noNotify
	w.begin(t, r)
	return r
}

// noNotify is a system that reports no changes.
func noNotify() (*fsnotify.Watcher, error) { return nil, errors.New("none in this test") }

func (w *world) begin(t *testing.T, r *Registry) {
	t.Helper()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if opened, closed := w.opened.Load(), w.closed.Load(); opened != closed {
			t.Errorf("%d sessions opened and %d closed", opened, closed)
		}
	})
	if err := r.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// table prints the index, as "m/1 READY live, m/2 FAILED".
func table(r *Registry) string {
	var lines []string
	for _, s := range r.Index() {
		line := s.Name + "/" + s.Version + " " + s.State.String()
		if s.Live {
			line += " live"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

// answer asks the version for factor * 1.
func answer(t *testing.T, v *Version) float64 {
	t.Helper()
	tk := request(1, 1, 1)
	defer tk.Release()
	ask(t, v.Preferred().Session, tk)
	return tensor.FloatAt(tk.Outputs[0].Type, tk.Outputs[0].Data, 0)
}

func TestNewestVersionIsLive(t *testing.T) {
	f := func(name string, keep int, versions []string, broken, want string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				for i, v := range versions {
					w.put(t, "m/"+v, fakeFile{Factor: float32(i + 1), FailOpen: strings.Contains(broken, v)})
				}
				opts := w.options()
				opts.KeepVersions = keep
				if got := table(w.start(t, opts)); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		})
	}
	f("one", 1, []string{"1"}, "", "m/1 READY live")
	f("newest of three", 1, []string{"2", "10", "9"}, "", "m/2 DISCOVERED, m/9 DISCOVERED, m/10 READY live")
	f("two kept", 2, []string{"1", "2", "3"}, "", "m/1 DISCOVERED, m/2 READY, m/3 READY live")
	f("newest broken", 1, []string{"1", "2"}, "2", "m/1 READY live, m/2 FAILED")
	f("names", 1, []string{"beta", "alpha", "3"}, "", "m/alpha DISCOVERED, m/beta DISCOVERED, m/3 READY live")
	f("all broken", 1, []string{"1", "2"}, "12", "m/1 FAILED, m/2 FAILED")
}

func TestAcquireFaults(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 1})
		w.put(t, "m/2", fakeFile{Factor: 1, FailOpen: true})
		w.put(t, "bad/1", fakeFile{FailOpen: true})
		w.put(t, "gone/1", fakeFile{Factor: 1})
		r := w.start(t, w.options())
		if err := r.Unload(context.Background(), "gone"); err != nil {
			t.Fatal(err)
		}
		f := func(name, version string, kind fault.Kind, text string) {
			t.Helper()
			v, err := r.Acquire(name, version)
			if err == nil {
				v.Release()
			}
			if !fault.Is(err, kind) || err.Error() != text {
				t.Errorf("%s/%s: %v; want %s %q", name, version, err, kind.Code(), text)
			}
		}
		f("x", "", fault.ModelNotFound, "Request for unknown model: 'x' is not found")
		f("m", "99", fault.VersionNotFound, "Request for unknown model: 'm' version 99 is not found; its versions: '1'")
		f("mm", "", fault.ModelNotFound, "Request for unknown model: 'mm' is not found; did you mean 'm'?")
		f("gnoe", "", fault.ModelNotFound, "Request for unknown model: 'gnoe' is not found")
		f("bad", "11", fault.VersionNotFound, "Request for unknown model: 'bad' version 11 is not found; its versions: '1'")
		f("m", "2", fault.ModelNotReady, "Request for unknown model: 'm' version 2 is not at ready state")
		f("bad", "", fault.ModelNotReady, "Request for unknown model: 'bad' version 1 is not at ready state")
		f("gone", "", fault.ModelNotFound, "Request for unknown model: 'gone' has no available versions")
		f("gone", "1", fault.ModelNotReady, "Request for unknown model: 'gone' version 1 is not at ready state")
		if err := r.Ready(); err != nil { // neither a refused model nor a refused version blocks another
			t.Errorf("not ready: %v", err)
		}
	})
}

func TestSwapDrainsTheOldVersion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 1})
		r := w.start(t, w.options())
		old, err := r.Acquire("m", "")
		if err != nil {
			t.Fatal(err)
		}
		w.put(t, "m/2", fakeFile{Factor: 2})
		done := make(chan error)
		go func() { done <- r.Load(context.Background(), "m") }()
		synctest.Wait()
		if got, want := table(r), "m/1 DRAINING, m/2 READY live"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := answer(t, old); got != 1 {
			t.Errorf("the pinned version answers with factor %v", got)
		}
		v, err := r.Acquire("m", "")
		if err != nil || v.Version != "2" || answer(t, v) != 2 {
			t.Errorf("live is %+v, %v", v, err)
		}
		v.Release()
		old.Release()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got, want := table(r), "m/1 UNLOADED, m/2 READY live"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestDrainDeadlineClosesAnyway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 1})
		r := w.start(t, w.options())
		v, err := r.Acquire("m", "")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := r.Unload(context.Background(), "m"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 5*time.Second || w.closed.Load() != 1 {
			t.Errorf("unloaded after %v with %d sessions closed", took, w.closed.Load())
		}
		v.Release()
	})
}

func TestFailedLoadKeepsTheOldVersion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 1})
		r := w.start(t, w.options())
		w.put(t, "m/2", fakeFile{Factor: 2}, bundle.GoldenFile, strings.ReplaceAll(goldenTimes2, "[2,4,6,8]", "[2,4,6,9]"))
		err := r.Load(context.Background(), "m")
		if !fault.Is(err, fault.ModelLoadFailed) || !strings.Contains(err.Error(), "load failed for model 'm': version 2: golden: golden.jsonl line 1") {
			t.Errorf("load says %v", err)
		}
		if got, want := table(r), "m/1 READY live, m/2 FAILED"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if err := os.WriteFile(filepath.Join(w.dir, "m/2", bundle.GoldenFile), []byte(goldenTimes2), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.Load(context.Background(), "m"); err != nil {
			t.Error(err)
		}
		if got, want := table(r), "m/1 UNLOADED, m/2 READY live"; got != want {
			t.Errorf("after the repair got %s, want %s", got, want)
		}
	})
}
