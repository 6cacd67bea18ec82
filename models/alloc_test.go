//go:build !race

package models

import (
	"testing"

	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// TestAcquireDoesNotAllocate holds the promise of the request path.
func TestAcquireDoesNotAllocate(t *testing.T) {
	w := newWorld(t)
	w.put(t, "m/1", fakeFile{Factor: 1})
	r := w.start(t, w.options())
	for _, version := range []string{"", "1"} {
		allocs := testing.AllocsPerRun(1000, func() {
			v, err := r.Acquire("m", version)
			if err != nil {
				t.Fatal(err)
			}
			v.Release()
		})
		if allocs != 0 {
			t.Errorf("version %q: %v allocations", version, allocs)
		}
	}
}

// TestOfferDoesNotAllocate holds the promise to requests that are not compared.
func TestOfferDoesNotAllocate(t *testing.T) {
	w := newWorld(t)
	gpu := &fakeDevice{name: "cuda:0", lanes: 1}
	_, v := serveBoth(t, w, gpu, fakeFile{Factor: 1}, func(o *Options) { o.CompareEvery = 1 << 40 })
	tk := answered(t, v, v.Preferred(), 3)
	if allocs := testing.AllocsPerRun(1000, func() { v.Comparer.Offer(tk) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if n := v.Comparer.devices.schedule.later.rows.Load(); n != 3*1001 {
		t.Errorf("%d rows were counted, want 3003", n)
	}
}

// TestOfferOfSharedRunDoesNotAllocate holds it to requests that shared a batch.
func TestOfferOfSharedRunDoesNotAllocate(t *testing.T) {
	w := serveBatched(t, fakeFile{Factor: 1}, func(o *Options) { o.CompareEvery = 1 << 40 }, nil)
	tk := w.together(t, []float32{1, 2}, []float32{3, 4})[0]
	s := &w.version.Comparer.batches.schedule
	s.early.Store(firstTenth)
	if allocs := testing.AllocsPerRun(1000, func() { w.version.Comparer.Offer(tk) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if n := s.later.rows.Load(); n != 1001 {
		t.Errorf("%d rows were counted, want 1001", n)
	}
}

func BenchmarkOffer(b *testing.B) {
	v := newVersion(&gates.Loaded{Bundle: &bundle.Bundle{Name: "m", Version: "1", Schema: &tensor.Schema{MaxBatch: 64}, Config: bundle.Config{Fallback: bundle.FallbackBudget}}}, []*gates.Placement{{Device: "cuda:0"}, {Device: "cpu"}}, nil)
	v.Comparer.begin(1<<40, 0, func(finding) {})
	tk := &task.Task{Rows: 1}
	tk.Trace.Device = "cuda:0"
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			v.Comparer.Offer(tk)
		}
	})
}

func BenchmarkAcquire(b *testing.B) {
	r := &Registry{}
	v := newVersion(&gates.Loaded{Bundle: &bundle.Bundle{Name: "m", Version: "1"}}, nil, nil)
	r.view.Store(&view{models: map[string]*modelView{"m": {live: v}}})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			v, err := r.Acquire("m", "")
			if err != nil {
				b.Fatal(err)
			}
			v.Release()
		}
	})
}
