package models

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap/zaptest/observer"

	"sluice/internal/fault"
	"sluice/models/bundle"
	"sluice/models/trial"
)

// crowded lets so many sessions fit into the memory, and refuses the next one.
func crowded(room *int64, refusal error) func(w *world, opts *Options) {
	return func(w *world, opts *Options) {
		opts.LoadsAtOnce = 1
		opts.Inspect = func(b *bundle.Bundle) (*bundle.Graph, error) {
			if w.opened.Load()-w.closed.Load() >= *room {
				return nil, refusal
			}
			return inspectFake(b)
		}
	}
}

// errShort is how a trial ends for want of memory.
var errShort = fault.Wrap(fault.ModelLoadFailed, trial.ErrShort, "the memory did not do")

// reasonTable prints the versions of a model with their roles and reasons.
func reasonTable(r *Registry, model string) string {
	var lines []string
	for _, s := range r.Index() {
		if s.Name == model {
			lines = append(lines, strings.TrimSuffix(s.Version+" "+s.State.String()+" "+string(s.Role)+": "+s.Reason, ": "))
		}
	}
	return strings.Join(lines, ", ")
}

// TestPreviousGivesItsMemory loads versions that do not fit beside a previous one.
func TestPreviousGivesItsMemory(t *testing.T) {
	room := int64(2)
	logged(t, crowded(&room, errShort), func(r *rolled, log *observer.ObservedLogs) {
		ctx, me := context.Background(), By{Who: "alice"}
		want := func(after, model, table string) {
			t.Helper()
			if err := r.Wait(ctx); err != nil {
				t.Fatal(err)
			}
			if got := reasonTable(r.Registry, model); got != table {
				t.Errorf("after %s:\ngot  %s\nwant %s", after, got, table)
			}
		}
		r.comes("2", 2)
		want("a version that fits", "m", "1 READY previous, 2 READY live")
		r.comes("3", 3)
		want("one that does not", "m", "1 UNLOADED : it was unloaded, since newer versions serve, 2 READY previous, 3 READY live")
		gave := log.FilterMessage("the previous version gives its memory to another").TakeAll()
		if len(gave) != 1 || gave[0].ContextMap()["version"] != "1" || gave[0].ContextMap()["to"] != "m 3" {
			t.Errorf("the log has %+v", gave)
		}

		r.put(t, "n/1", fakeFile{Factor: 1})
		r.looks()
		want("another model", "n", "1 READY live")
		want("another model", "m", "1 UNLOADED : it was unloaded, since newer versions serve, 2 UNLOADED previous: it gave its memory to n 1; a rollback loads it again, 3 READY live")
		r.looks()
		if opened, closed := r.opened.Load(), r.closed.Load(); opened != 4 || closed != 2 {
			t.Errorf("%d loads and %d unloads, want 4 and 2: what gave its memory stays away", opened, closed)
		}

		if err := r.Rollback(ctx, "m", me); !fault.Is(err, fault.ModelLoadFailed) || !strings.Contains(err.Error(), "the memory did not do") {
			t.Errorf("a rollback without memory: %v", err)
		}
		room = 3
		r.must(r.Load(ctx, "m"))
		r.must(r.Rollback(ctx, "m", me))
		want("a rollback with memory", "m", "1 UNLOADED : it was unloaded, since newer versions serve, 2 READY live, 3 UNLOADED rejected: its files were rejected")
	})
}

// TestPreviousStays keeps the previous version where to unload it would not help, or is not what is asked for.
func TestPreviousStays(t *testing.T) {
	f := func(name string, refusal error, keep int, fits bool, want string, loads int64) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			room := int64(2)
			logged(t, func(w *world, opts *Options) {
				crowded(&room, refusal)(w, opts)
				opts.KeepVersions = keep
				inspect := opts.Inspect
				opts.Inspect = func(b *bundle.Bundle) (*bundle.Graph, error) {
					if b.Name == "n" && !fits {
						return nil, refusal
					}
					return inspect(b)
				}
			}, func(r *rolled, _ *observer.ObservedLogs) {
				r.comes("2", 2)
				r.put(t, "n/1", fakeFile{Factor: 1})
				r.looks()
				if got := table(r.Registry); got != want || r.opened.Load() != loads {
					t.Errorf("got %s with %d loads, want %s with %d", got, r.opened.Load(), want, loads)
				}
			})
		})
	}
	f("it gives way", errShort, 1, true, "m/1 UNLOADED, m/2 READY live, n/1 READY live", 3)
	f("the version needs more than that", errShort, 1, false, "m/1 READY, m/2 READY live, n/1 FAILED", 3)
	f("the version is refused for another reason", errors.New("it is broken"), 1, true, "m/1 READY, m/2 READY live, n/1 FAILED", 2)
	f("it is loaded for its age, too", errShort, 2, true, "m/1 READY, m/2 READY live, n/1 FAILED", 2)
}

// A version that is loaded only as a previous one takes nobody's place.
func TestPreviousTakesNoPlace(t *testing.T) {
	tight := false
	logged(t, func(w *world, opts *Options) {
		write(t, filepath.Join(w.dir, "n", bundle.ConfigFile), "keep_previous: false\n")
		w.put(t, "n/1", fakeFile{Factor: 1})
		opts.Inspect = func(b *bundle.Bundle) (*bundle.Graph, error) {
			if tight && b.Label() == "n/1" {
				return nil, errShort
			}
			return inspectFake(b)
		}
	}, func(r *rolled, _ *observer.ObservedLogs) {
		r.comes("2", 2)
		r.put(t, "n/2", fakeFile{Factor: 2})
		r.looks()
		if got, want := table(r.Registry), "m/1 READY, m/2 READY live, n/1 UNLOADED, n/2 READY live"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		tight = true
		write(t, filepath.Join(r.dir, "n", bundle.ConfigFile), "# keeps its previous version\n")
		r.looks()
		if got, want := table(r.Registry), "m/1 READY, m/2 READY live, n/1 FAILED, n/2 READY live"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
