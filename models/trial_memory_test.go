package models

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/fault"
	"sluice/models/bundle"
	"sluice/models/trial"
)

// TestLoadsShareTheMemory holds that loads at the same time get a part each of the memory left, and
// that one for which its part does not do gets all, once no other goes on.
func TestLoadsShareTheMemory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 5 {
			w.put(t, fmt.Sprintf("m%d/1", i), fakeFile{Factor: 1})
		}
		opts := w.options()
		var going, shared, alone atomic.Int64
		opts.Trial = func(_ context.Context, b *bundle.Bundle, o *trial.Options) (*trial.Trial, error) {
			going.Add(1)
			defer going.Add(-1)
			time.Sleep(time.Second)
			switch {
			case o.AtOnce > 1 && b.Name != "m3":
				shared.Add(1)
				return nil, fault.Wrap(fault.ModelLoadFailed, trial.ErrShort, "its part does not do")
			case o.AtOnce > 1:
				return nil, errors.New("for another reason")
			case going.Load() != 1:
				t.Errorf("%d loads go on, and one has the memory of all", going.Load())
			}
			alone.Add(1)
			return nil, fault.Wrap(fault.ModelLoadFailed, trial.ErrShort, "all does not do")
		}
		r := w.start(t, opts)
		synctest.Wait()
		if shared.Load() != 4 || alone.Load() != 4 {
			t.Errorf("%d trials had a part and %d all, want 4 and 4", shared.Load(), alone.Load())
		}
		for _, s := range r.Index() {
			want := "files: all does not do"
			if s.Name == "m3" {
				want = "files: for another reason"
			}
			if s.Reason != want {
				t.Errorf("%s is refused for %q, want %q", s.Name, s.Reason, want)
			}
		}
		if len(r.loads)+len(r.alone) != 0 {
			t.Errorf("%d and %d tokens are left", len(r.loads), len(r.alone))
		}
	})
}

// A load that waits for the others can be stopped.
func TestStoppedWhileItWaitsToBeAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "long/1", fakeFile{Factor: 1})
		w.put(t, "short/1", fakeFile{Factor: 1})
		opts := w.options()
		opts.Trial = func(ctx context.Context, b *bundle.Bundle, _ *trial.Options) (*trial.Trial, error) {
			if b.Name == "short" {
				return nil, fault.Wrap(fault.ModelLoadFailed, trial.ErrShort, "its part does not do")
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		r, err := New(opts)
		if err != nil {
			t.Fatal(err)
		}
		r.notify = noNotify
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := r.Unload(context.Background(), "short"); err != nil {
			t.Error(err)
		}
		if err := r.Close(context.Background()); err != nil || len(r.loads)+len(r.alone) != 0 {
			t.Errorf("%v; %d and %d tokens are left", err, len(r.loads), len(r.alone))
		}
	})
}
