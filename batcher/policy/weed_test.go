package policy

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// What becomes hopeless while a run takes too long is told when that run ends.
func TestHopelessItemsAreToldAtOnce(t *testing.T) {
	f := func(name string, class task.Priority, took, budget, step time.Duration, urgent int, want []Reason) {
		t.Helper()
		s := New(SchedulerOptions{})
		device0(t, s, DeviceOptions{Name: "d", Lanes: 1})
		add(t, s, ModelOptions{MaxBatch: 1}, 0, flat(10*ms))
		now := clock.Instant(0)
		var out Decisions
		arrive := func(class task.Priority, budget time.Duration) {
			t.Helper()
			it := &Item{Rows: 1, Arrived: now, Deadline: now.Add(budget), Class: class}
			if v := s.Arrive(now, it, &out); !v.Admitted {
				t.Fatalf("%s: refused for %v", name, v.Reason)
			}
		}
		arrive(task.Normal, time.Second)
		var b Batch
		if !s.Next(now, 0, 0, &b, &out) {
			t.Fatalf("%s: nothing runs", name)
		}
		for i := range 6 {
			arrive(class, budget+time.Duration(i)*step)
		}
		for range urgent {
			arrive(task.High, time.Second)
		}
		out.Reset()
		s.Complete(now.Add(took), &b, Ran, &out)
		var got []Reason
		for _, d := range out.Dropped {
			got = append(got, d.Reason)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: dropped for %v, want %v", name, got, want)
		}
	}
	late := PredictedLate
	f("a run in time", task.Normal, 10*ms, 130*ms, 2*ms, 0, nil)
	f("a late one, and there is time", task.Normal, 60*ms, 130*ms, 2*ms, 0, nil)
	f("a late one", task.Normal, 123*ms, 130*ms, 2*ms, 0, []Reason{late, late, late})
	f("one as late, and all have the time", task.Normal, 123*ms, 200*ms, 2*ms, 0, nil)
	f("displaced", task.Low, 10*ms, 80*ms, 0, 8, []Reason{Outranked, Outranked, Outranked, Outranked, Outranked, Outranked})
	f("a higher class for which there is time", task.Low, 10*ms, 120*ms, 0, 4, nil)
}

// The first hopeless item must be that of a sorted slice.
func TestFirstOfDemand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(SchedulerOptions{})
		var d demand
		var all []*Item
		for range rapid.IntRange(0, 40).Draw(t, "items") {
			it := &Item{Deadline: clock.Instant(rapid.IntRange(0, 90).Draw(t, "deadline")), Rows: 1, weight: s.rand()}
			it.order.own = time.Duration(rapid.IntRange(0, 9).Draw(t, "work"))
			it.order.room = time.Duration(rapid.IntRange(-5, 5).Draw(t, "room"))
			all = append(all, it)
			d.insert(it)
		}
		slices.SortStableFunc(all, func(a, b *Item) int { return int(a.Deadline - b.Deadline) })
		at := clock.Instant(rapid.IntRange(-50, 50).Draw(t, "at"))
		var want *Item
		work := time.Duration(0)
		for _, it := range all {
			if it.Deadline-clock.Instant(work+it.order.room) < at {
				want = it
				break
			}
			work += it.order.own
		}
		if got := d.first(at); got != want {
			t.Fatalf("found %v, want %v", got, want)
		}
	})
}
