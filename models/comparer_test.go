package models

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// serveBoth loads one model on a GPU and the CPU and compares every row live.
func serveBoth(t *testing.T, w *world, gpu *fakeDevice, file fakeFile, change func(*Options), more ...string) (*Registry, *Version) {
	t.Helper()
	w.put(t, "m/1", file, more...)
	opts := w.options(gpu)
	opts.CompareEvery = 1
	if change != nil {
		change(&opts)
	}
	r := w.start(t, opts)
	v, err := r.Acquire("m", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Release) // before the registry's: cleanups run last in, first out
	return r, v
}

// answered is a request of that many rows that the version's device has answered.
func answered(t *testing.T, v *Version, place *gates.Placement, rows int) *task.Task {
	t.Helper()
	if !v.Schema.Batchable() {
		rows = 1
	}
	var values []float32
	for k := range rows {
		values = append(values, float32(k+1), float32(3*k+2))
	}
	tk := request(rows, values...)
	ask(t, place.Session, tk)
	t.Cleanup(tk.Release)
	tk.Trace.Device = place.Device
	return tk
}

func TestLiveParity(t *testing.T) {
	type outcome struct {
		stats  ParityStats
		off    bool
		reason string
	}
	f := func(name string, spoil func(gpu, cpu *fakeDevice), file fakeFile, want outcome, more ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				gpu := &fakeDevice{name: "cuda:0", lanes: 1}
				var told []gates.Verdict
				_, v := serveBoth(t, w, gpu, file, func(o *Options) {
					o.OnParity = func(_ *Version, verdict gates.Verdict) { told = append(told, verdict) }
				}, more...)
				before := w.cpu.spareRuns.Load()
				tk := answered(t, v, v.Preferred(), 3)
				spoil(gpu, w.cpu)
				for range 2 {
					v.Comparer.Offer(tk)
					synctest.Wait()
				}
				got := outcome{stats: v.Comparer.Devices(), off: v.Fallback() == bundle.FallbackNever}
				if len(told) > 0 {
					got.reason = told[0].Text
				}
				if !strings.Contains(got.reason, want.reason) || want.reason == "" && got.reason != "" {
					t.Errorf("told %q, want %q", got.reason, want.reason)
				}
				got.reason, want.reason = "", ""
				if math.Abs(got.stats.Worst-want.stats.Worst) < 0.01 {
					want.stats.Worst = got.stats.Worst
				}
				if got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if got.off != (len(told) == 1) {
					t.Errorf("told %d times, fallback off: %v", len(told), got.off)
				}
				if n := w.cpu.spareRuns.Load() - before; n != int64(want.stats.Compared) {
					t.Errorf("%d runs on the reserved lane, want %d", n, want.stats.Compared)
				}
			})
		})
	}
	labels := fakeFile{Factor: 2, Labels: true}
	inf := math.Inf(1)
	f("equal", func(_, _ *fakeDevice) {}, labels, outcome{stats: ParityStats{Compared: 2}})
	f("within the tolerance", func(_, cpu *fakeDevice) { cpu.delta = 0.005 }, labels, outcome{stats: ParityStats{Compared: 2, Worst: 0.5}}, bundle.ConfigFile, "tolerance: {abs: 0.01, rel: 0}")
	f("beyond the tolerance", func(_, cpu *fakeDevice) { cpu.delta = 0.02 }, labels,
		outcome{ParityStats{Compared: 1, Differed: 1, Worst: 2}, true, "fallback is switched off: cpu differs from cuda:0 on a live row, worst in output y, row 0: "}, bundle.ConfigFile, "tolerance: {abs: 0.01, rel: 0}")
	f("whole numbers", func(_, cpu *fakeDevice) { cpu.label = 2 }, labels,
		outcome{ParityStats{Compared: 1, Differed: 1, Worst: inf}, true, "worst in output label, row 0: 9 instead of 7"})
	f("strings", func(_, cpu *fakeDevice) { cpu.suffix = "y" }, labels,
		outcome{ParityStats{Compared: 1, Differed: 1, Worst: inf}, true, `"classy" instead of "class"`})
	f("unbatched", func(_, cpu *fakeDevice) { cpu.delta = 1 }, fakeFile{Factor: 2, Reason: "axis 0 is no batch"},
		outcome{ParityStats{Compared: 1, Differed: 1, Worst: 10}, true, "worst in output y"}, bundle.ConfigFile, "tolerance: {abs: 0.1, rel: 0}")
	f("fallback that fails", func(_, cpu *fakeDevice) { cpu.lose.Store(true) }, labels, outcome{stats: ParityStats{Failed: 2}})
}

func TestLiveParityLeavesOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		gpu := &fakeDevice{name: "cuda:0", lanes: 1}
		_, v := serveBoth(t, w, gpu, fakeFile{Factor: 2, Labels: true}, nil)
		f := func(what string, tk *task.Task, want ParityStats) {
			t.Helper()
			v.Comparer.Offer(tk)
			synctest.Wait()
			if got := v.Comparer.Devices(); got != want {
				t.Errorf("%s: %+v, want %+v", what, got, want)
			}
		}
		f("an answer of the fallback", answered(t, v, v.Placements()[1], 1), ParityStats{})
		failed := answered(t, v, v.Preferred(), 1)
		failed.Err = errors.New("it failed")
		f("a failed request", failed, ParityStats{})
		optional := answered(t, v, v.Preferred(), 1)
		optional.Optional = []tensor.Tensor{{Name: "weight"}}
		f("a request with an optional input", optional, ParityStats{})
		odd := answered(t, v, v.Preferred(), 2)
		odd.Outputs[0].Shape = []int64{3, 2}
		f("an output of other rows than the request", odd, ParityStats{Failed: 1})
		some := answered(t, v, v.Preferred(), 2)
		some.Wanted = 1
		some.Outputs[1], some.Outputs[2] = tensor.Tensor{}, tensor.Tensor{}
		f("a request that wants one output", some, ParityStats{Failed: 1, Compared: 1})
	})
}

// TestLiveParityNeverWaits keeps the fallback's lane taken: rows that are due meanwhile
// wait, those for which there is no room are made up for by later requests, and the version
// can still be unloaded.
func TestLiveParityNeverWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		gpu := &fakeDevice{name: "cuda:0", lanes: 1}
		_, v := serveBoth(t, w, gpu, fakeFile{Factor: 2}, nil)
		taken := v.Placements()[1].Taken
		taken <- struct{}{}
		tk := answered(t, v, v.Preferred(), 1)
		offer := func(times int) {
			for range times {
				v.Comparer.Offer(tk)
				synctest.Wait()
			}
		}
		offer(maxHeldRows + 5)
		if got, want := v.Comparer.Devices(), (ParityStats{Deferred: 5}); got != want {
			t.Errorf("while the lane is taken: %+v, want %+v", got, want)
		}
		<-taken
		synctest.Wait()
		if got, want := v.Comparer.Devices(), (ParityStats{Deferred: 5, Compared: maxHeldRows}); got != want {
			t.Errorf("when it is free: %+v, want %+v", got, want)
		}
		v.Comparer.devices.schedule.later.every = 0 // nothing is due any more but what is owed
		offer(10)
		if got, want := v.Comparer.Devices(), (ParityStats{Deferred: 5, Compared: maxHeldRows + 5}); got != want {
			t.Errorf("after later requests: %+v, want %+v", got, want)
		}
		taken <- struct{}{} // and the version is unloaded by the test's end with a row waiting
		v.Comparer.devices.schedule.postpone()
		offer(1)
	})
}

// TestUnloadWaitsForTheComparison unloads a version while a row runs on its fallback.
func TestUnloadWaitsForTheComparison(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		gpu := &fakeDevice{name: "cuda:0", lanes: 1}
		w.put(t, "m/1", fakeFile{Factor: 2})
		opts := w.options(gpu)
		opts.CompareEvery = 1
		r := w.start(t, opts)
		v, err := r.Acquire("m", "")
		if err != nil {
			t.Fatal(err)
		}
		tk := answered(t, v, v.Preferred(), 1)
		resume := make(chan struct{})
		w.cpu.onSpare = func() { <-resume }
		v.Comparer.Offer(tk)
		synctest.Wait() // until the row runs
		v.Release()
		done := make(chan error)
		go func() { done <- r.Unload(context.Background(), "m") }()
		synctest.Wait()
		if n := w.closed.Load(); n != 0 {
			t.Errorf("%d sessions were closed while a row ran", n)
		}
		close(resume)
		if err := <-done; err != nil || w.closed.Load() != 2 {
			t.Errorf("%d sessions closed, %v", w.closed.Load(), err)
		}
	})
}

// TestLiveParityCopies changes the request's buffers as soon as Offer returns.
func TestLiveParityCopies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		gpu := &fakeDevice{name: "cuda:0", lanes: 1}
		_, v := serveBoth(t, w, gpu, fakeFile{Factor: 2}, nil)
		tk := answered(t, v, v.Preferred(), 2)
		v.Comparer.Offer(tk)
		clear(tk.Inputs[0].Data)
		clear(tk.Inputs[0].Shape)
		for i := range tk.Outputs[0].Data {
			tk.Outputs[0].Data[i] = 0x55
		}
		synctest.Wait()
		if got, want := v.Comparer.Devices(), (ParityStats{Compared: 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

// TestLiveParityUnderTraffic offers from many goroutines with real time, for the race
// detector, while the version is swapped for another.
func TestLiveParityUnderTraffic(t *testing.T) {
	w := newWorld(t)
	gpu := &fakeDevice{name: "cuda:0", lanes: 1}
	w.put(t, "m/1", fakeFile{Factor: 2, Labels: true})
	opts := w.options(gpu)
	opts.CompareEvery = 3
	r := w.start(t, opts)
	first, err := r.Acquire("m", "")
	if err != nil {
		t.Fatal(err)
	}
	tk := answered(t, first, first.Preferred(), 4)
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 3000 {
				v, err := r.Acquire("m", "")
				if err != nil {
					t.Error(err)
					return
				}
				v.Comparer.Offer(tk)
				v.Release()
			}
		})
	}
	w.put(t, "m/2", fakeFile{Factor: 2, Labels: true})
	first.Release()
	if err := r.Load(context.Background(), "m"); err != nil {
		t.Error(err)
	}
	callers.Wait()
	if s := first.Comparer.Devices(); s.Failed > 0 || s.Differed > 0 {
		t.Errorf("%+v", s)
	}
}

func TestParityOffWithoutFallback(t *testing.T) {
	f := func(what, settings string, every int) {
		t.Helper()
		w := newWorld(t)
		gpu := &fakeDevice{name: "cuda:0", lanes: 1}
		w.put(t, "m/1", fakeFile{Factor: 2}, bundle.ConfigFile, settings)
		opts := w.options(gpu)
		opts.CompareEvery = every
		r := w.start(t, opts)
		v, err := r.Acquire("m", "")
		if err != nil {
			t.Fatal(err)
		}
		defer v.Release()
		v.Comparer.Offer(answered(t, v, v.Preferred(), 1))
		if got := v.Comparer.Devices(); got != (ParityStats{}) || v.Comparer.plan.Load() != nil {
			t.Errorf("%s: %+v, plan %+v", what, got, v.Comparer.plan.Load())
		}
	}
	f("one device", "devices: [cpu]\nmax_batch: 1", 1)
	f("no fallback", "fallback: never\nmax_batch: 1", 1)
	f("switched off", "", -1)
}
