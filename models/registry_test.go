package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"

	"sluice/internal/fault"
	"sluice/internal/task"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv("SLUICE_TEST_TRIAL"); mode != "" {
		actAsTrial(mode)
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
	r.notify = func() (*fsnotify.Watcher, error) { return nil, errors.New("none in this test") }
	w.begin(t, r)
	return r
}

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
	p := newProver(&Options{RunLimit: time.Second}, &Bundle{Schema: v.Schema})
	p.session = v.Session
	task, err := p.alone(context.Background(), &sample{rows: 1, inputs: newSynthesis(v.Schema, 2).sample(0).inputs})
	if err != nil {
		t.Fatal(err)
	}
	defer task.Release()
	return floatAt(task.Outputs[0].Type, task.Outputs[0].Data, 0) / floatAt(task.Inputs[0].Type, task.Inputs[0].Data, 0)
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
		f("m", "99", fault.VersionNotFound, "Request for unknown model: 'm' version 99 is not found")
		f("m", "2", fault.ModelNotReady, "Request for unknown model: 'm' version 2 is not at ready state")
		f("bad", "", fault.ModelNotReady, "Request for unknown model: 'bad' version 1 is not at ready state")
		f("gone", "", fault.ModelNotFound, "Request for unknown model: 'gone' has no available versions")
		f("gone", "1", fault.ModelNotReady, "Request for unknown model: 'gone' version 1 is not at ready state")
		if ready, missing := r.Ready(); ready || fmt.Sprint(missing) != "[bad]" {
			t.Errorf("ready %v, missing %v", ready, missing)
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
		w.put(t, "m/2", fakeFile{Factor: 2}, GoldenFile, strings.ReplaceAll(goldenTimes2, "[2,4,6,8]", "[2,4,6,9]"))
		err := r.Load(context.Background(), "m")
		if !fault.Is(err, fault.ModelLoadFailed) || !strings.Contains(err.Error(), "load failed for model 'm': version 2: golden: golden.jsonl line 1") {
			t.Errorf("load says %v", err)
		}
		if got, want := table(r), "m/1 READY live, m/2 FAILED"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if err := os.WriteFile(filepath.Join(w.dir, "m/2", GoldenFile), []byte(goldenTimes2), 0o600); err != nil {
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

func TestUnloadAndLoad(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 1})
		r := w.start(t, w.options())
		f := func(err error, kind fault.Kind, want string) {
			t.Helper()
			if kind == fault.None && err != nil || kind != fault.None && !fault.Is(err, kind) {
				t.Errorf("got %v, want %s", err, kind.Code())
			}
			if got := table(r); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		ctx := context.Background()
		f(r.Unload(ctx, "m"), fault.None, "m/1 UNLOADED")
		f(r.Unload(ctx, "m"), fault.None, "m/1 UNLOADED")
		f(r.Unload(ctx, "other"), fault.None, "m/1 UNLOADED")
		w.put(t, "m/2", fakeFile{Factor: 2})
		r.scan(func(*Bundle) bool { return true })
		f(r.Wait(ctx), fault.None, "m/1 UNLOADED, m/2 DISCOVERED") // stays unloaded
		if ready, missing := r.Ready(); !ready {
			t.Errorf("not ready for want of %v, which was unloaded on request", missing)
		}
		f(r.Load(ctx, "m"), fault.None, "m/1 UNLOADED, m/2 READY live")
		f(r.Load(ctx, "m"), fault.None, "m/1 UNLOADED, m/2 READY live")
		f(r.Load(ctx, "other"), fault.ModelNotFound, "m/1 UNLOADED, m/2 READY live")
		f(r.Load(ctx, "../m"), fault.BadModelName, "m/1 UNLOADED, m/2 READY live")
	})
}

func TestRollBackByRemovingTheFolder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 1})
		w.put(t, "m/2", fakeFile{Factor: 2})
		r := w.start(t, w.options())
		remove := func(label, want string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(w.dir, label)); err != nil {
				t.Fatal(err)
			}
			r.scan(func(*Bundle) bool { return false })
			if err := r.Wait(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := table(r); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		remove("m/2", "m/1 READY live")
		remove("m", "")
	})
}

func TestNewVersionLoadsOnceItHasSettled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 1})
		opts := w.options()
		opts.RescanEvery, opts.Settle = time.Second, 1500*time.Millisecond
		r := w.start(t, opts)
		time.Sleep(100 * time.Millisecond) // the fake clock's: past the first look
		b := w.put(t, "m/2", fakeFile{Factor: 2})
		start := time.Now()
		at := func(after time.Duration, want string) {
			t.Helper()
			time.Sleep(after - time.Since(start))
			synctest.Wait()
			if got := table(r); got != want {
				t.Errorf("after %v got %s, want %s", after, got, want)
			}
		}
		at(500*time.Millisecond, "m/1 READY live")
		at(1500*time.Millisecond, "m/1 READY live, m/2 DISCOVERED") // seen at 0.9 s
		if err := os.WriteFile(filepath.Join(b.Dir, ConfigFile), []byte("max_batch: 4"), 0o600); err != nil {
			t.Fatal(err)
		}
		at(3*time.Second, "m/1 READY live, m/2 DISCOVERED") // the change was seen at 1.9 s
		at(4*time.Second, "m/1 UNLOADED, m/2 READY live")
		v, err := r.Acquire("m", "")
		if err != nil || v.Schema.MaxBatch != 4 {
			t.Fatal("not loaded with the late file", err)
		}
		v.Release()
	})
}

func TestPublishJoinsAndCloses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 1})
		opts := w.options()
		served := &recorder{closed: &w.closed}
		opts.Publish = func(v *Version) (Served, error) {
			if v.Name == "refused" {
				return nil, errors.New("library text")
			}
			if v.Schema == nil || v.Session == nil || len(v.Report.Curve) == 0 || len(v.Digest) != 64 {
				t.Errorf("published half: %+v", v)
			}
			return served, nil
		}
		w.put(t, "refused/1", fakeFile{Factor: 1})
		r := w.start(t, opts)
		if got, want := table(r), "m/1 READY live, refused/1 FAILED"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got, want := r.Index()[1].Reason, "it cannot be joined to the scheduler"; got != want {
			t.Errorf("the reason is %q, want %q", got, want)
		}
		if err := r.Unload(context.Background(), "m"); err != nil {
			t.Fatal(err)
		}
		if served.calls != 1 || served.sessionsClosed != w.closed.Load()-1 {
			t.Errorf("closed %d times, with %d of %d sessions closed before", served.calls, served.sessionsClosed, w.closed.Load())
		}
	})
}

// recorder is a Served that notes how many sessions were closed before it.
type recorder struct {
	calls          int
	closed         *atomic.Int64
	sessionsClosed int64
}

func (s *recorder) Close(context.Context) error {
	s.calls++
	s.sessionsClosed = s.closed.Load()
	return nil
}

func TestCloseStopsLoading(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		inside := make(chan struct{}, 8)
		for i := range 4 {
			w.put(t, fmt.Sprintf("m%d/1", i), fakeFile{Factor: 1})
		}
		opts := w.options()
		opts.Open = func(ctx context.Context, _ *Bundle) (Session, error) {
			inside <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		r, err := New(opts)
		if err != nil {
			t.Fatal(err)
		}
		r.notify = func() (*fsnotify.Watcher, error) { return nil, errors.New("none in this test") }
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := len(inside); n != 2 {
			t.Errorf("%d versions load at once, want 2", n)
		}
		if ready, _ := r.Ready(); ready {
			t.Error("ready while everything loads")
		}
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestSwapUnderTraffic replaces versions while requests come and go: every request
// finds a version whose session answers.
func TestSwapUnderTraffic(t *testing.T) {
	w := newWorld(t)
	w.put(t, "m/1", fakeFile{Factor: 1})
	r := w.start(t, w.options())
	ctx, cancel := context.WithCancel(context.Background())
	var callers sync.WaitGroup
	var requests atomic.Int64
	for range 8 {
		callers.Go(func() {
			for ctx.Err() == nil {
				v, err := r.Acquire("m", "")
				if err != nil {
					t.Error(err)
					return
				}
				if v.Session.(*fakeSession).done.Load() {
					t.Error("pinned a version whose session is closed")
				}
				v.Release()
				requests.Add(1)
			}
		})
	}
	for n := 2; n <= 12; n++ {
		w.put(t, fmt.Sprintf("m/%d", n), fakeFile{Factor: float32(n)})
		if err := r.Load(context.Background(), "m"); err != nil {
			t.Error(err)
		}
	}
	cancel()
	callers.Wait()
	if n := w.closed.Load(); n != 11 {
		t.Errorf("%d versions were closed, want 11", n)
	}
	t.Logf("%d requests over 11 swaps", requests.Load())
}

func TestReleaseTooOftenPanics(t *testing.T) {
	defer func() {
		if text := fmt.Sprint(recover()); !strings.HasPrefix(text, "BUG:") {
			t.Errorf("recovered %s", text)
		}
	}()
	newVersion(&Bundle{}, nil, nil).Release()
}

var _ task.Runner = (*fakeSession)(nil)
