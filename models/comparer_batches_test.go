package models

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// watched is a version on the CPU that is batched and not proven, and what it was told.
type comparedVersion struct {
	*world
	registry *Registry
	version  *Version
	logs     *observer.ObservedLogs
	batching []gates.Verdict // by OnBatching
	parity   []gates.Verdict // by OnParity
	release  func()          // of the version; once
}

// watch serves such a version until the test ends. before are devices in front of the CPU.
func serveBatched(t *testing.T, file fakeFile, change func(*Options), before []*fakeDevice, more ...string) *comparedVersion {
	t.Helper()
	w := &comparedVersion{world: newWorld(t)}
	w.put(t, "m/1", file, more...)
	w.serve(t, change, before...)
	return w
}

func (w *comparedVersion) serve(t *testing.T, change func(*Options), before ...*fakeDevice) {
	t.Helper()
	opts := w.options(before...)
	core, logs := observer.New(zapcore.WarnLevel)
	w.logs, opts.Log = logs, zap.New(core)
	opts.OnBatching = func(_ *Version, v gates.Verdict) { w.batching = append(w.batching, v) }
	opts.OnParity = func(_ *Version, v gates.Verdict) { w.parity = append(w.parity, v) }
	opts.Publish = func(v *Version) (Served, error) {
		if v.Report.Batching.Mode != bundle.Single {
			v.Report.Batching = bundle.Batching{Mode: bundle.Batched, Basis: bundle.Tested, Watched: true}
		}
		return unjoined{}, nil
	}
	if change != nil {
		change(&opts)
	}
	w.registry = w.start(t, opts)
	v, err := w.registry.Acquire("m", "")
	if err != nil {
		t.Fatal(err)
	}
	w.version, w.release = v, sync.OnceFunc(v.Release)
	t.Cleanup(w.release)
}

// together answers requests of one row each in one run of the preferred device.
func (w *comparedVersion) together(t *testing.T, rows ...[]float32) []*task.Task {
	t.Helper()
	v := w.version
	tasks := make([]*task.Task, len(rows))
	for i, row := range rows {
		tasks[i] = request(1, row...)
	}
	ask(t, v.Preferred().Session, tasks...)
	t.Cleanup(func() {
		for _, tk := range tasks {
			tk.Release()
		}
	})
	for _, tk := range tasks {
		tk.Trace.Device, tk.Trace.Batch = v.Preferred().Device, len(rows)
	}
	return tasks
}

// offer shows a task and waits until it has been looked at.
func (w *comparedVersion) offer(tasks ...*task.Task) {
	for _, tk := range tasks {
		w.version.Comparer.Offer(tk)
		synctest.Wait()
	}
}

// shares changes the first float of every row that shares a run.
func shares(run *fakeRun) {
	for i := range run.out {
		if len(run.rows) > 1 {
			run.out[i][0]++
		}
	}
}

// TestWatchSchedule counts the comparisons that requests which shared a batch lead to.
func TestWatchSchedule(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := serveBatched(t, fakeFile{Factor: 2}, func(o *Options) { o.CompareEvery = 100 }, nil)
		tk := w.together(t, []float32{1, 2}, []float32{3, 4})[0]
		offered := 0
		f := func(upTo int, compared uint64) {
			t.Helper()
			for ; offered < upTo; offered++ {
				w.offer(tk)
			}
			if got, want := w.version.Comparer.Batches(), (ParityStats{Compared: compared}); got != want {
				t.Errorf("after %d requests: %+v, want %+v", upTo, got, want)
			}
		}
		f(1, 1)
		f(200, 200)
		f(210, 201)
		f(1000, 280)
		f(2000, 380)
		f(2100, 381)
		f(3000, 390)
		single := w.together(t, []float32{1, 2})[0]
		for range 200 {
			w.offer(single)
		}
		f(3000, 390)
		if n := w.cpu.spareRuns.Load(); n != 390 {
			t.Errorf("%d runs on the reserved lane, want 390", n)
		}
	})
}

// TestWatchLosesNoComparison keeps the lane taken while requests come: what is due then is
// made good by later requests, and none runs too often.
func TestWatchLosesNoComparison(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := serveBatched(t, fakeFile{Factor: 2}, nil, nil)
		tk := w.together(t, []float32{1, 2}, []float32{3, 4})[0]
		f := func(what string, requests int, want ParityStats) {
			t.Helper()
			for range requests {
				w.offer(tk)
			}
			if got := w.version.Comparer.Batches(); got != want {
				t.Errorf("%s: %+v, want %+v", what, got, want)
			}
		}
		w.version.Preferred().Taken <- struct{}{}
		f("while the lane is taken", 500, ParityStats{Deferred: 200 + 30 - maxHeldRows})
		<-w.version.Preferred().Taken
		synctest.Wait()
		f("when it is free", 150, ParityStats{Compared: maxHeldRows + 150, Deferred: 200 + 30 - maxHeldRows})
		f("in the end", 2000-650, ParityStats{Compared: 380, Deferred: 200 + 30 - maxHeldRows})
	})
}

// TestWatchRepeatsWhatTheDeviceLost has the device fail under comparisons: they are made
// with other rows.
func TestWatchRepeatsWhatTheDeviceLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := serveBatched(t, fakeFile{Factor: 2}, nil, nil)
		tk := w.together(t, []float32{1, 2}, []float32{3, 4})[0]
		w.cpu.lose.Store(true)
		for range 50 {
			w.offer(tk)
		}
		w.cpu.lose.Store(false)
		for range 2000 - 50 {
			w.offer(tk)
		}
		if got := w.version.Comparer.Batches(); got.Compared != 380 || got.Failed < 50 {
			t.Errorf("%+v, want 380 rows compared and 50 or more failed", got)
		}
	})
}

// TestWatchHoldsLargeRows keeps a request whose rows are too large to be copied.
func TestWatchHoldsLargeRows(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := serveBatched(t, fakeFile{Factor: 2, Sequence: true}, nil, nil)
		row := make([]float32, maxCopyBytes/4+1)
		row[3] = 1
		tasks := w.together(t, row, row)
		w.version.Preferred().Taken <- struct{}{}
		w.offer(tasks...)
		if got, want := w.version.Comparer.Batches(), (ParityStats{Deferred: 1}); got != want {
			t.Errorf("while the lane is taken: %+v, want %+v", got, want)
		}
		<-w.version.Preferred().Taken
		synctest.Wait()
		w.offer(tasks...)
		if got, want := w.version.Comparer.Batches(), (ParityStats{Deferred: 1, Compared: 3}); got != want {
			t.Errorf("afterwards: %+v, want %+v", got, want)
		}
		if s := w.version.Comparer.shelf; s.count.Load() != 0 || s.bytes.Load() != 0 || s.large.Load() {
			t.Errorf("the shelf has %d rows of %d bytes, large %v", s.count.Load(), s.bytes.Load(), s.large.Load())
		}
	})
}

// TestWatchUnderTraffic offers from many goroutines with real time, for the race detector,
// and lets the batch go wrong meanwhile.
func TestWatchUnderTraffic(t *testing.T) {
	w := serveBatched(t, fakeFile{Factor: 2, Labels: true}, func(o *Options) { o.CompareEvery = 3 }, nil)
	tasks := w.together(t, []float32{1, 2}, []float32{3, 4})
	w.cpu.distort = shares
	wrong := w.together(t, []float32{1, 2}, []float32{3, 4})
	var callers sync.WaitGroup
	for k := range 4 {
		callers.Go(func() {
			for i := range 3000 {
				if i > 1500 {
					w.version.Comparer.Offer(wrong[k%2])
				} else {
					w.version.Comparer.Offer(tasks[k%2])
				}
			}
		})
	}
	callers.Wait()
	for !w.version.Alone() {
		w.version.Comparer.Offer(wrong[0])
	}
	if err := w.registry.Unload(context.Background(), "other"); err != nil {
		t.Error(err)
	}
}

func TestSharingNames(t *testing.T) {
	f := func(s sharing, text, remedy string) {
		t.Helper()
		if got := fmt.Sprint(s); got != text || s.remedy() != remedy {
			t.Errorf("%q and %q, want %q and %q", got, s.remedy(), text, remedy)
		}
	}
	f(batchingOff, "batching is switched off", "write max_batch: 0")
	f(paddingOff, "padding is switched off", "remove padding")
	f(batchingOff|paddingOff, "batching and padding are switched off", "write max_batch: 0 and remove padding")
}

// TestMisfit wants a batch whose output cannot be handed out to end batching, once.
func TestMisfit(t *testing.T) {
	w := newWorld(t)
	w.put(t, "m/1", fakeFile{Factor: 2})
	opts := w.options()
	told := make(chan gates.Verdict, 4)
	opts.OnBatching = func(_ *Version, verdict gates.Verdict) { told <- verdict }
	r := w.start(t, opts)
	v, err := r.Acquire("m", "")
	if err != nil {
		t.Fatal(err)
	}
	defer v.Release()
	for range 3 {
		v.Comparer.Misfit("cpu", 3, fault.New(fault.InferenceFailed, "the model gave output 'y' in the shape [2] for a batch of 3 rows"))
	}
	verdict := <-told
	if !strings.Contains(verdict.Text, "a batch of 3 rows failed on cpu, since the model gave output 'y' in the shape [2]") || !v.Alone() {
		t.Errorf("alone: %v, told %q", v.Alone(), verdict.Text)
	}
	v.Comparer.Misfit("cpu", 3, fault.New(fault.InferenceFailed, "again"))
	if len(told) > 0 {
		t.Errorf("told again: %+v", <-told)
	}
}
