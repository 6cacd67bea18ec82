package models

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/models/bundle"
	"sluice/models/gates"
)

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
				if v.Preferred().Session.(*fakeSession).done.Load() {
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
	newVersion(&gates.Loaded{Bundle: &bundle.Bundle{}}, nil, nil).Release()
}
