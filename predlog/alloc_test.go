//go:build !race

package predlog

import (
	"testing"
	"time"

	"sluice/internal/origin"
)

// Nothing is allocated for a request, whether it is recorded, or why not.
func TestTakeAllocations(t *testing.T) {
	for name, o := range map[string]Options{
		"not chosen": {},
		"sampled":    {Sample: 1},
		"index":      {Index: true},
		"kept":       {Keep: [NumKinds]int{Late: 1 << 20, Worst: 10}},
		"capped":     {Keep: [NumKinds]int{Late: 1}},
		"too large":  {Sample: 1, MaxRecord: 300},
		"filled":     {Sample: 1, Redact: map[string]Redaction{"km": Hash}, HashKey: testKey},
		"queue full": {Sample: 1, QueueRecords: 1},
		"hashed":     {Sample: 1, Redact: map[string]Redaction{"x": Hash, "who": Drop}, HashKey: testKey},
	} {
		w, _ := start(t, o)
		r := testRecord(1)
		r.Kinds = r.Kinds.With(Late)
		if name == "filled" {
			r = filledRecord(2, func(int, int) origin.Status { return origin.Cached }, func(int, int) time.Duration { return time.Hour })
			r.Kinds = r.Kinds.With(Late)
		}
		take := func() { w.Take(r) }
		for range 3 { // buffers and the queue grow to what they are in steady state
			for range 2000 {
				take()
			}
			written(t, w)
		}
		if got := testing.AllocsPerRun(1000, take); got > 0 {
			t.Errorf("%s: %v allocations for a request", name, got)
		}
		finish(t, w)
	}
}

func BenchmarkTake(b *testing.B) {
	for _, c := range []struct {
		name string
		o    Options
	}{{"not chosen", Options{Sample: 1e-9}}, {"index", Options{Index: true}}, {"sampled", Options{Sample: 1}}} {
		b.Run(c.name, func(b *testing.B) {
			c.o.Dir = b.TempDir()
			w, err := Start(c.o)
			if err != nil {
				b.Fatal(err)
			}
			r := testRecord(1)
			b.ReportAllocs()
			for b.Loop() {
				w.Take(r)
			}
			b.StopTimer()
			if err := w.Close(b.Context()); err != nil {
				b.Fatal(err)
			}
			s := w.Stats()
			b.ReportMetric(float64(s.Dropped[QueueFull])/float64(b.N), "dropped/op") // those cost less
		})
	}
}
