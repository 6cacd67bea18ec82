package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

	"sluice/internal/fault"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// joined notes what OnPlacement was told.
type joined struct {
	mu     sync.Mutex
	places []string
	refuse error
	inside func()
}

func (j *joined) on(v *Version, p *gates.Placement) error {
	if j.inside != nil {
		j.inside()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.places = append(j.places, fmt.Sprintf("%s/%s on %s, %d sizes", v.Name, v.Version, p.Device, len(p.Curve)))
	return j.refuse
}

// order lists where a version is placed.
func order(v *Version) string {
	var all []string
	for _, p := range v.Placements() {
		all = append(all, p.Device)
	}
	return strings.Join(all, ", ")
}

// TestAttach has a GPU that is down when the version loads and comes back afterwards.
func TestAttach(t *testing.T) {
	f := func(name string, spoil func(w *world, gpu *fakeDevice, j *joined), placed, told, state, reason string, more ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				gpu := &fakeDevice{name: "cuda:0", lanes: 1}
				gpu.down.Store(true)
				w.put(t, "m/1", fakeFile{Factor: 2, Labels: true}, more...)
				var j joined
				opts := w.options(gpu)
				opts.OnPlacement = j.on
				r := w.start(t, opts)
				v, err := r.Acquire("m", "")
				if err != nil {
					t.Fatal(err)
				}
				defer v.Release()
				if got := order(v); got != "cpu" || answer(t, v) != 2 {
					t.Errorf("while the GPU is down: placed on %s", got)
				}
				gpu.down.Store(false)
				spoil(w, gpu, &j)
				r.Attach("cuda:0")
				r.Attach("cuda:0") // joins it once all the same
				if err := r.Wait(context.Background()); err != nil {
					t.Fatal(err)
				}
				if got := order(v); got != placed {
					t.Errorf("placed on %s, want %s", got, placed)
				}
				if got := strings.Join(j.places, "; "); got != told {
					t.Errorf("told %q, want %q", got, told)
				}
				report := r.Index()[0].Report
				at := slices.IndexFunc(report.Devices, func(d gates.DeviceReport) bool { return d.Device == "cuda:0" })
				if d := report.Devices[at]; string(d.State) != state || !strings.Contains(d.Reason, reason) {
					t.Errorf("the index says %s %q, want %s %q", d.State, d.Reason, state, reason)
				}
				if gate := report.Gate("devices"); (gate == nil) != (state == "placed") {
					t.Errorf("verdict on devices: %+v", gate)
				}
				first := slices.IndexFunc(report.Devices, func(d gates.DeviceReport) bool { return d.Device == v.Preferred().Device })
				if !slices.Equal(report.Curve, report.Devices[first].Curve) {
					t.Errorf("the report's figures are not those of %s", v.Preferred().Device)
				}
				if v.Report.Devices[at].State != gates.Down {
					t.Error("the version's own report was changed")
				}
			})
		})
	}
	f("joins", func(*world, *fakeDevice, *joined) {}, "cuda:0, cpu", "m/1 on cuda:0, 12 sizes", "placed", "")
	f("joins in the model's order", func(*world, *fakeDevice, *joined) {}, "cpu, cuda:0", "m/1 on cuda:0, 12 sizes", "placed", "", bundle.ConfigFile, "devices: [cpu, cuda:0]")
	f("is still down", func(_ *world, gpu *fakeDevice, _ *joined) { gpu.down.Store(true) }, "cpu", "", "down", "its worker is restarting")
	f("is lost again", func(_ *world, gpu *fakeDevice, _ *joined) { gpu.lose.Store(true) }, "cpu", "", "down", "open: the model cannot be loaded")
	f("takes no batch", func(_ *world, gpu *fakeDevice, _ *joined) { gpu.failAbove = 4 }, "cpu", "", "left_out", "invariance: a batch of 64 rows fails where each row alone runs: the run failed; the version is served in batches, as shown on cpu")
	f("differs as a fallback", func(_ *world, gpu *fakeDevice, _ *joined) { gpu.label = 1 }, "cpu", "", "left_out", "parity: cuda:0 differs from cpu, worst in output label", bundle.ConfigFile, "devices: [cpu, cuda:0]")
	f("is refused by the scheduler", func(_ *world, _ *fakeDevice, j *joined) { j.refuse = errors.New("it is full") }, "cpu", "m/1 on cuda:0, 12 sizes", "left_out", "it cannot be joined to the scheduler: it is full")
	f("files have changed", func(w *world, _ *fakeDevice, _ *joined) {
		if err := os.WriteFile(filepath.Join(w.dir, "m/1/notes.txt"), []byte("new"), 0o600); err != nil {
			panic(err)
		}
	}, "cuda:0, cpu", "m/1 on cuda:0, 12 sizes", "placed", "")
}

// TestAttachPreferredThatDiffers joins a preferred device whose answers are not those of
// the device that has served so far: it serves, without fallback.
func TestAttachPreferredThatDiffers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		gpu := &fakeDevice{name: "cuda:0", lanes: 1, label: 3}
		gpu.down.Store(true)
		w.put(t, "m/1", fakeFile{Factor: 2, Labels: true})
		var told []string
		opts := w.options(gpu)
		opts.OnPlacement = func(_ *Version, p *gates.Placement) error {
			told = append(told, "placed on "+p.Device)
			return nil
		}
		opts.OnParity = func(_ *Version, verdict gates.Verdict) { told = append(told, verdict.Text) }
		r := w.start(t, opts)
		gpu.down.Store(false)
		r.Attach("cuda:0")
		if err := r.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		want := []string{"fallback is switched off: cpu differs from cuda:0, worst in output label, row 0: 7 instead of 10", "placed on cuda:0"}
		if fmt.Sprint(told) != fmt.Sprint(want) {
			t.Errorf("told %q, want %q", told, want)
		}
		v, err := r.Acquire("m", "")
		if err != nil {
			t.Fatal(err)
		}
		defer v.Release()
		if order(v) != "cuda:0, cpu" || v.Fallback() != bundle.FallbackNever || r.Index()[0].Report.FallbackOff != want[0] {
			t.Errorf("placed on %s, fallback %s, report %q", order(v), v.Fallback(), r.Index()[0].Report.FallbackOff)
		}
	})
}

// TestAttachLoadsWhatWasRefused has a model that may run on a device alone which is down.
func TestAttachLoadsWhatWasRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		gpu := &fakeDevice{name: "cuda:0", lanes: 1}
		gpu.down.Store(true)
		w.put(t, "m/1", fakeFile{Factor: 2}, bundle.ConfigFile, "devices: [cuda:0]")
		w.put(t, "broken/1", fakeFile{FailOpen: true})
		r := w.start(t, w.options(gpu))
		if got, want := table(r), "broken/1 FAILED, m/1 FAILED"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if _, err := r.Acquire("m", ""); !fault.Is(err, fault.ModelNotReady) {
			t.Errorf("acquire says %v", err)
		}
		gpu.down.Store(false)
		r.Attach("cuda:7") // of no meaning here
		r.Attach("cuda:0")
		if err := r.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got, want := table(r), "broken/1 FAILED, m/1 READY live"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// TestDeviceThatReturnsDuringTheLoad must not be missed: Attach is called after the load
// has passed the device over and before the version is there.
func TestDeviceThatReturnsDuringTheLoad(t *testing.T) {
	f := func(what string, settings, want string, joins int) {
		t.Helper()
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			gpu, other := &fakeDevice{name: "cuda:0", lanes: 1}, &fakeDevice{name: "cuda:1", lanes: 1, failRun: true}
			gpu.down.Store(true)
			w.put(t, "m/1", fakeFile{Factor: 2}, bundle.ConfigFile, settings, bundle.GoldenFile, goldenTimes2)
			var j joined
			opts := w.options(gpu, other)
			opts.OnPlacement = j.on
			r, err := New(opts)
			if err != nil {
				t.Fatal(err)
			}
			r.notify = func() (*fsnotify.Watcher, error) { return nil, errors.New("none in this test") }
			w.gate = func(*bundle.Bundle) error {
				if gpu.down.Swap(false) {
					r.Attach("cuda:0")
				}
				return nil
			}
			w.begin(t, r)
			if got := table(r); got != want || len(j.places) != joins {
				t.Errorf("%s: %s, joined %v", what, got, j.places)
			}
		})
	}
	f("it joins", "devices: [cuda:0, cpu]", "m/1 READY live", 1)
	f("it alone can serve", "devices: [cuda:0, cuda:1]", "m/1 READY live", 0)
}

// TestUnloadWhileJoining stops at each step of a late join: every session is closed once,
// which the world counts and the sessions check.
func TestUnloadWhileJoining(t *testing.T) {
	f := func(name string, late time.Duration, hold func(w *world, j *joined, wait func())) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				gpu := &fakeDevice{name: "cuda:0", lanes: 1}
				gpu.down.Store(true)
				w.put(t, "m/1", fakeFile{Factor: 2})
				var j joined
				opts := w.options(gpu)
				opts.OnPlacement = j.on
				r := w.start(t, opts)
				gpu.down.Store(false)
				reached, resume := make(chan struct{}), make(chan struct{})
				hold(w, &j, func() { close(reached); <-resume })
				r.Attach("cuda:0")
				<-reached
				done := make(chan error)
				go func() { done <- r.Unload(context.Background(), "m") }()
				synctest.Wait()
				time.Sleep(late)
				close(resume)
				if err := <-done; err != nil {
					t.Error(err)
				}
				if opened, closed := w.opened.Load(), w.closed.Load(); opened != 2 || closed != 2 {
					t.Errorf("%d sessions opened and %d closed, want 2", opened, closed)
				}
				if got, want := table(r), "m/1 UNLOADED"; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		})
	}
	const past = 6 * time.Second // the drain deadline is 5 s
	f("while it opens", 0, func(w *world, _ *joined, wait func()) { w.gate = func(*bundle.Bundle) error { wait(); return nil } })
	f("while it opens, past the drain deadline", past, func(w *world, _ *joined, wait func()) { w.gate = func(*bundle.Bundle) error { wait(); return nil } })
	f("while the scheduler takes it", 0, func(_ *world, j *joined, wait func()) { j.inside = wait })
	f("while the scheduler takes it, past the drain deadline", past, func(_ *world, j *joined, wait func()) { j.inside = wait })
	f("while the scheduler refuses it", 0, func(_ *world, j *joined, wait func()) { j.inside, j.refuse = wait, errors.New("closed") })
	f("while the scheduler refuses it, past the drain deadline", past, func(_ *world, j *joined, wait func()) { j.inside, j.refuse = wait, errors.New("closed") })
}
