package models

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"sluice/models/bundle"
	"sluice/models/gates"
)

// TestClosedVersionTakesNoPlacement holds the rule by which each session has one who closes
// it: the version those that joined before it was closed, the joiner those that did not.
func TestClosedVersionTakesNoPlacement(t *testing.T) {
	var closed atomic.Int64
	place := func(name string) *gates.Placement {
		return &gates.Placement{Device: name, Session: &fakeSession{device: &fakeDevice{}, closed: &closed}}
	}
	rank := func(device string) int { return len(device) }
	v := newVersion(&gates.Loaded{Bundle: &bundle.Bundle{}}, []*gates.Placement{place("b")}, nil)
	defer v.end()
	first, second := place("a"), place("cc")
	if !v.join(first, rank) || !v.join(second, rank) || order(v) != "b, a, cc" {
		t.Errorf("placed on %s", order(v))
	}
	if !v.remove(first) || order(v) != "b, cc" {
		t.Errorf("after parting, placed on %s", order(v))
	}
	if faults := v.closeSessions(); len(faults) > 0 || closed.Load() != 2 {
		t.Errorf("%d sessions closed, %v", closed.Load(), faults)
	}
	if v.join(first, rank) || v.remove(second) {
		t.Error("a closed version lets placements come or go")
	}
}

// TestUnloadClosesEverySession unloads a version of three devices.
func TestUnloadClosesEverySession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		devices := []*fakeDevice{{name: "cuda:0", lanes: 1}, {name: "cuda:1", lanes: 1}}
		w.put(t, "m/1", fakeFile{Factor: 2})
		w.put(t, "unpublished/1", fakeFile{Factor: 2})
		opts := w.options(devices...)
		opts.Publish = func(v *Version) (Served, error) {
			if v.Name == "unpublished" {
				return nil, errors.New("no room")
			}
			return unjoined{}, nil
		}
		r := w.start(t, opts)
		if err := r.Unload(context.Background(), "m"); err != nil {
			t.Fatal(err)
		}
		for _, d := range append(devices, w.cpu) {
			if opened, closed := d.opened.Load(), d.closed.Load(); opened != 2 || closed != 2 {
				t.Errorf("%s: %d sessions opened and %d closed, want 2", d.name, opened, closed)
			}
		}
	})
}
