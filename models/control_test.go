package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"sluice/internal/fault"
	"sluice/models/bundle"
)

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
		r.scan(func(*bundle.Bundle) bool { return true })
		f(r.Wait(ctx), fault.None, "m/1 UNLOADED, m/2 DISCOVERED") // stays unloaded
		if err := r.Ready(); err == nil || err.Error() != "no model can be served: 'm' was unloaded on request" {
			t.Errorf("readiness without its only model: %v", err)
		}
		f(r.Load(ctx, "m"), fault.None, "m/1 UNLOADED, m/2 READY live")
		f(r.Load(ctx, "m"), fault.None, "m/1 UNLOADED, m/2 READY live")
		f(r.Load(ctx, "other"), fault.ModelNotFound, "m/1 UNLOADED, m/2 READY live")
		f(r.Load(ctx, "../m"), fault.BadModelName, "m/1 UNLOADED, m/2 READY live")
	})
}

func TestLoadOfChangedFiles(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		b := w.put(t, "m/1", fakeFile{Factor: 1})
		r := w.start(t, w.options())
		ctx := context.Background()
		if err := os.WriteFile(b.ModelPath(), []byte(`{"Factor": 4}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.Load(ctx, "m"); !fault.Is(err, fault.ModelLoadFailed) {
			t.Errorf("load says %v", err)
		}
		f := func(factor float64) {
			t.Helper()
			v, err := r.Acquire("m", "")
			if err != nil {
				t.Fatal(err)
			}
			defer v.Release()
			if got := answer(t, v); got != factor {
				t.Errorf("answers with factor %v, want %v", got, factor)
			}
		}
		f(1)
		if err := errors.Join(r.Unload(ctx, "m"), r.Load(ctx, "m")); err != nil {
			t.Error(err)
		}
		f(4)
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
			r.scan(func(*bundle.Bundle) bool { return false })
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
		if err := os.WriteFile(filepath.Join(b.Dir, bundle.ConfigFile), []byte("max_batch: 4"), 0o600); err != nil {
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
			if v.Schema == nil || v.Preferred().Session == nil || len(v.Report.Curve) == 0 || len(v.Digest) != 64 {
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
		for i := range 6 {
			w.put(t, fmt.Sprintf("m%d/1", i), fakeFile{Factor: 1})
		}
		opts := w.options()
		core, logs := observer.New(zap.InfoLevel)
		opts.Log = zap.New(core)
		opts.Devices[0].Open = func(ctx context.Context, _ *bundle.Bundle) (bundle.Session, error) {
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
		if r.Ready() == nil {
			t.Error("ready while everything loads")
		}
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
		// Those that wait end together: a step for each would look at all the others.
		var said []string
		for _, line := range logs.All() {
			said = append(said, fmt.Sprint(line.Message, " ", line.ContextMap()["versions"]))
		}
		slices.Sort(said)
		if want := []string{"cannot watch the models folder: it is read from time to time instead <nil>", "loads that had not begun were stopped 4", "version refused <nil>", "version refused <nil>"}; !slices.Equal(said, want) {
			t.Errorf("the log says %q, want %q", said, want)
		}
		if got, want := table(r), "m0/1 FAILED, m1/1 FAILED, m2/1 FAILED, m3/1 FAILED, m4/1 FAILED, m5/1 FAILED"; got != want {
			t.Errorf("the index is %s, want %s", got, want)
		}
	})
}
