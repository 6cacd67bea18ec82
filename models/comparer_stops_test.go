package models

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"sluice/internal/fault"
	"sluice/models/bundle"
)

// TestWatchStopsBatching has rows that change each other in some way.
func TestWatchStopsBatching(t *testing.T) {
	tie, clear := []float32{1, 1}, []float32{1, 5}
	flip := func(run *fakeRun) {
		for i := range run.labels {
			if len(run.rows) > 1 {
				run.labels[i]++
			}
		}
	}
	f := func(name string, distort func(*fakeRun), rows [][]float32, off []bool, text string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			bubble(t, func(t *testing.T) {
				w := serveBatched(t, fakeFile{Factor: 2, Labels: true}, nil, nil)
				w.cpu.distort = distort
				for i, row := range rows {
					w.offer(w.together(t, row, []float32{9, 9})[0])
					if got := w.version.Alone(); got != off[i] {
						t.Errorf("row %d: off %v, want %v", i, got, off[i])
					}
				}
				switch {
				case !w.version.Alone():
					if len(w.batching) > 0 {
						t.Errorf("told %+v", w.batching)
					}
				case len(w.batching) != 1 || !strings.Contains(w.batching[0].Text, text):
					t.Errorf("told %+v, want %q", w.batching, text)
				}
				if len(w.parity) > 0 || w.version.Unpadded() {
					t.Errorf("told %+v, unpadded %v", w.parity, w.version.Unpadded())
				}
			})
		})
	}
	f("equal", func(*fakeRun) {}, [][]float32{tie, clear}, []bool{false, false}, "")
	f("a float", shares, [][]float32{tie}, []bool{true},
		"batching is switched off: a live row was answered otherwise in a batch of 2 on cpu than alone, in output y (a difference of 1, 476 of the tolerance); 1 of 1 rows that were compared differ")
	f("a label with clear scores", flip, [][]float32{clear}, []bool{true}, "in output label (no tolerance allows it)")
	f("two labels with scores that tie", flip, [][]float32{tie, {3, 3}}, []bool{false, true}, "2 of 2 rows that were compared differ")
	f("a label of one row again and again", flip, [][]float32{tie, tie, tie}, []bool{false, false, false}, "")
	f("a label and a float of one row", func(run *fakeRun) { shares(run); flip(run) }, [][]float32{tie}, []bool{true}, "in output y")
}

// TestWatchStopsTraps has models of which one row in twenty is changed by its batch.
func TestWatchStopsTraps(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for seed := range uint64(20) {
			w := serveBatched(t, fakeFile{Factor: 2}, nil, nil)
			random := rand.New(rand.NewPCG(seed, 7))
			w.cpu.distort = func(run *fakeRun) {
				if len(run.rows) > 1 && random.IntN(20) == 0 {
					run.out[0][1] += 0.5
				}
			}
			requests := 0
			for ; requests < firstEach && !w.version.Alone(); requests++ {
				w.offer(w.together(t, []float32{float32(requests), 2}, []float32{3, 4})[0])
			}
			if !w.version.Alone() {
				t.Errorf("seed %d: not stopped within %d requests: %+v", seed, requests, w.version.Comparer.Batches())
			}
		}
	})
}

// TestWatchIsLoud looks at all that says what was switched off, and that it happens once.
func TestWatchIsLoud(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := serveBatched(t, fakeFile{Factor: 2, Labels: true}, nil, nil)
		w.cpu.distort = shares
		tasks := w.together(t, []float32{1, 2}, []float32{3, 4}, []float32{5, 6})
		for _, tk := range tasks { // all of them wait before the first is compared
			w.version.Comparer.Offer(tk)
		}
		synctest.Wait()
		if got := w.version.Comparer.Batches(); got.Compared != 1 || got.Differed != 1 || got.Worst < 100 {
			t.Errorf("%+v, want one row compared", got)
		}
		said := w.logs.FilterMessage("batching is switched off").All()
		if len(said) != 1 || len(w.batching) != 1 {
			t.Fatalf("%d lines, told %d times; want one of each", len(said), len(w.batching))
		}
		fields := said[0].ContextMap()
		want := map[string]string{
			"model": "m", "version": "1", "device": "cpu", "answer": `y [1,2]: 3 4; label [1]: 7; name [1,1]: "class"`, "should_be": `y [1,2]: 2 4; label [1]: 7; name [1,1]: "class"`,
			"reason": w.batching[0].Text, "remedy": "write max_batch: 0 in model.yaml of this version, or the next start finds it out anew: no state folder is set",
		}
		for key, value := range want {
			if fields[key] != value {
				t.Errorf("%s is %q, want %q", key, fields[key], value)
			}
		}
		report := w.registry.Index()[0].Report
		if b := report.Batching; b.Mode != bundle.Single || b.Basis != bundle.Refuted || b.Text != w.batching[0].Text || report.Gate("watch") == nil {
			t.Errorf("the index says %+v, %+v", b, report.Gate("watch"))
		}
		if got := w.registry.Degraded(); len(got) != 1 || got[0] != "model m version 1 runs each request alone: "+w.batching[0].Text {
			t.Errorf("degraded: %q", got)
		}
		if err := w.version.Takes(64, 0); err != nil {
			t.Errorf("64 rows: %v", err)
		}
		if err := w.version.Takes(9, 8); !fault.Is(err, fault.BatchTooLarge) || !strings.Contains(err.Error(), "a run holds 8 rows that are so long") {
			t.Errorf("nine long rows: %v", err)
		}
		if err := w.version.Takes(65, 0); !fault.Is(err, fault.BatchTooLarge) || !strings.Contains(err.Error(), "max_batch = 64") {
			t.Errorf("65 rows: %v", err)
		}
	})
}

// TestWatchSaysWhatContradictsTheProof has the graph prove what live answers refute: the
// devices are compared, and the batch is to blame.
func TestWatchSaysWhatContradictsTheProof(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gpu := &fakeDevice{name: "cuda:0", lanes: 1}
		w := serveBatched(t, fakeFile{Factor: 2}, func(o *Options) {
			o.CompareEvery = 1
			o.Publish = func(v *Version) (Served, error) {
				v.Report.Batching = bundle.Batching{Mode: bundle.Batched, Basis: bundle.Proven}
				return unjoined{}, nil
			}
		}, []*fakeDevice{gpu})
		gpu.distort = shares
		w.offer(w.together(t, []float32{1, 2}, []float32{3, 4})...)
		if len(w.batching) != 1 || !strings.Contains(w.batching[0].Text, "which is a fault of this program") || len(w.parity) > 0 {
			t.Errorf("told %+v and %+v", w.batching, w.parity)
		}
	})
}

// TestWatchTellsApart has rows due for both comparisons, of a version on two devices.
func TestWatchTellsApart(t *testing.T) {
	f := func(name string, spoil func(gpu, cpu *fakeDevice), batching, parity int, mode bundle.BatchMode) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			bubble(t, func(t *testing.T) {
				gpu := &fakeDevice{name: "cuda:0", lanes: 1}
				w := serveBatched(t, fakeFile{Factor: 2}, func(o *Options) {
					o.CompareEvery = 1
					o.Publish = func(v *Version) (Served, error) {
						v.Report.Batching = bundle.Batching{Mode: mode, Watched: mode == bundle.Batched}
						return unjoined{}, nil
					}
				}, []*fakeDevice{gpu})
				spoil(gpu, w.cpu)
				for i := range 4 {
					rows := [][]float32{{float32(i), 2}, {3, 4}}
					if w.version.Alone() {
						rows = rows[:1]
					}
					w.offer(w.together(t, rows...)[0])
				}
				if len(w.batching) != batching || len(w.parity) != parity {
					t.Errorf("batching %+v, parity %+v; want %d and %d", w.batching, w.parity, batching, parity)
				}
			})
		})
	}
	f("neither", func(_, _ *fakeDevice) {}, 0, 0, bundle.Batched)
	f("the batch", func(gpu, _ *fakeDevice) { gpu.distort = shares }, 1, 0, bundle.Batched)
	f("the batch on both", func(gpu, cpu *fakeDevice) { gpu.distort, cpu.distort = shares, shares }, 1, 0, bundle.Batched)
	f("the device", func(_, cpu *fakeDevice) { cpu.delta = 1 }, 0, 1, bundle.Batched)
	f("both", func(gpu, cpu *fakeDevice) { gpu.distort, cpu.delta = shares, 3 }, 1, 1, bundle.Batched)
	f("the batch, as the settings want it", func(gpu, _ *fakeDevice) { gpu.distort = shares }, 0, 0, bundle.Coupled)
	f("the device of coupled rows", func(gpu, cpu *fakeDevice) { gpu.distort, cpu.delta = shares, 3 }, 0, 1, bundle.Coupled)
}

// TestWatchStopsPadding has a model that adds up its rows, padded to 4 or 8.
func TestWatchStopsPadding(t *testing.T) {
	short, exact, long := []float32{1, 2}, []float32{1, 2, 3, 4}, []float32{1, 2, 3, 4, 5}
	leaks := func(run *fakeRun) {
		for i, row := range run.rows {
			for _, x := range row { // what pads is counted
				if x == 0 {
					run.out[i][0]++
				}
			}
		}
	}
	f := func(name string, distort func(*fakeRun), rows [][]float32, alone, unpadded bool, text string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			bubble(t, func(t *testing.T) {
				w := serveBatched(t, fakeFile{Factor: 2, Sequence: true}, nil, nil, bundle.ConfigFile, "padding: {axis: seq, buckets: [4, 8]}")
				w.cpu.distort = distort
				w.offer(w.together(t, rows...)[0])
				if got := w.version; got.Alone() != alone || got.Unpadded() != unpadded {
					t.Errorf("alone %v, unpadded %v; want %v and %v", got.Alone(), got.Unpadded(), alone, unpadded)
				}
				if len(w.batching) > 0 != alone || alone && !strings.HasPrefix(w.batching[0].Text, text) {
					t.Errorf("told %+v, want %q", w.batching, text)
				}
			})
		})
	}
	f("nothing", func(*fakeRun) {}, [][]float32{short, long}, false, false, "")
	f("batching", shares, [][]float32{exact, long}, true, false, "batching is switched off")
	f("padding alone", leaks, [][]float32{short}, true, true, "padding is switched off")
	f("padding in a batch", leaks, [][]float32{short, long}, true, true, "padding is switched off")
	f("no padding", leaks, [][]float32{exact}, false, false, "")
}

// TestWatchOfLengthsThatTheDeviceRefuses compares padded rows where the device takes no others.
func TestWatchOfLengthsThatTheDeviceRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := serveBatched(t, fakeFile{Factor: 2, Sequence: true}, nil, nil, bundle.ConfigFile, "padding: {axis: seq, buckets: [4, 8]}")
		w.cpu.minLength = 4
		w.offer(w.together(t, []float32{1, 2, 3}, []float32{1, 2, 3})[0])
		if got, want := w.version.Comparer.Batches(), (ParityStats{Compared: 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		w.cpu.distort = shares
		w.offer(w.together(t, []float32{1, 2, 3}, []float32{1, 2, 3})[0])
		if !w.version.Alone() || w.version.Unpadded() {
			t.Errorf("alone %v, unpadded %v; want batching alone to be off", w.version.Alone(), w.version.Unpadded())
		}
	})
}

// TestWatchGoesOnWithPadding stops batching first; padded rows are compared all the same.
func TestWatchGoesOnWithPadding(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := serveBatched(t, fakeFile{Factor: 2, Sequence: true}, nil, nil, bundle.ConfigFile, "padding: {axis: seq, buckets: [4, 8]}")
		w.cpu.distort = shares
		w.offer(w.together(t, []float32{1, 2, 3, 4}, []float32{1, 2, 3, 4})[0])
		w.cpu.distort = func(run *fakeRun) { run.out[0][0] += float32(len(run.rows[0])) }
		w.offer(w.together(t, []float32{1, 2, 3, 4})[0])
		if !w.version.Alone() || w.version.Unpadded() {
			t.Fatalf("alone %v, unpadded %v", w.version.Alone(), w.version.Unpadded())
		}
		w.offer(w.together(t, []float32{1, 2, 3})[0])
		if !w.version.Unpadded() || len(w.batching) != 2 || w.version.Comparer.plan.Load() != nil {
			t.Errorf("unpadded %v, told %+v, plan %+v", w.version.Unpadded(), w.batching, w.version.Comparer.plan.Load())
		}
	})
}
