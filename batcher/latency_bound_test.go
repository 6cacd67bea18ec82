package batcher

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The package comment states the worst queue wait as a formula. Here random traffic of
// models with equal weights, exact predictions and one lane is held against it.
func TestWorstWait(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(SchedulerOptions{})
		device0(t, s, DeviceOptions{Name: "d", Lanes: 1})
		models := rapid.IntRange(1, 3).Draw(t, "models")
		mostRows := rapid.IntRange(1, 4).Draw(t, "rows of an item")
		budget := time.Duration(rapid.SampledFrom([]int{20, 100, 100000}).Draw(t, "budget")) * ms
		for range models {
			add(t, s, ModelOptions{MaxBatch: 8, Budget: budget}, 0, line(8, time.Duration(rapid.IntRange(1, 8).Draw(t, "base"))*ms, ms/2))
		}
		r := newRig(t, s)
		type claim struct {
			it    *Item
			bound time.Duration
		}
		var claims []claim
		binds := false // some bound exceeds budget - quantum: from here on only the budget holds
		for range rapid.IntRange(1, 120).Draw(t, "arrivals") {
			r.advance(r.now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "gap")) * time.Microsecond))
			m := rapid.IntRange(0, models-1).Draw(t, "model")
			in := s.models[m].on[0]
			longest, left := time.Duration(0), time.Duration(0)
			for _, o := range s.devices[0].on {
				longest = max(longest, o.cost.latency(o.limit))
			}
			for _, end := range r.ends {
				left = end.Sub(r.now)
			}
			full := in.limit - mostRows + 1
			if full < 1 { // m <= B is a premise
				full = 1
			}
			others := time.Duration(models - 1)
			bound := left + time.Duration((in.totalRows()+full-1)/full)*(1+others)*longest + 4*others*longest
			it := r.item(ModelID(m), rapid.IntRange(1, mostRows).Draw(t, "rows"), budget)
			if !r.arrive(it).Admitted {
				continue
			}
			binds = binds || bound > budget-longest
			if binds {
				bound = budget
			}
			claims = append(claims, claim{it, min(bound, budget)})
		}
		r.settle()
		for _, c := range claims {
			if r.waits[c.it] > c.bound {
				t.Fatalf("an item waited %v, the formula says %v", r.waits[c.it], c.bound)
			}
		}
	})
}

// A model alone with single rows: the formula is reached, not only kept.
func TestWorstWaitIsReached(t *testing.T) {
	r := one(t, 1, ModelOptions{MaxBatch: 8}, flat(10*ms))
	r.arrive(r.item(0, 1, time.Second))
	var last *Item
	for range 17 {
		last = r.item(0, 1, time.Second)
		r.arrive(last)
	}
	r.settle()
	if got, want := r.waits[last], 10*ms+2*10*ms; got != want {
		t.Errorf("with 16 rows ahead in batches of 8 the wait is %v, want %v", got, want)
	}
}
