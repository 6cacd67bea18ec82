package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

func TestClasses(t *testing.T) {
	// One batch runs; then two of each class arrive, lowest first, each batch has 2 rows.
	r := one(t, 1, ModelOptions{MaxBatch: 2}, line(2, 10*ms, 0))
	r.arrive(r.item(0, 1, time.Second))
	for _, c := range []task.Priority{task.Low, task.Normal, task.High} {
		r.arrive(r.classed(c, time.Second))
		r.arrive(r.classed(c, time.Second))
	}
	var order []task.Priority
	r.onBatch = func(b *Batch) {
		for _, it := range b.Items {
			order = append(order, it.Class)
		}
	}
	r.settle()
	want := []task.Priority{task.High, task.High, task.Normal, task.Normal, task.Low, task.Low}
	for i := range want {
		if len(order) != len(want) || order[i] != want[i] {
			t.Fatalf("classes ran as %v, want %v", order, want)
		}
	}
}

func TestLowerClassesRideForNothing(t *testing.T) {
	f := func(name string, high, low time.Duration, sizes []int, rows int) {
		t.Helper()
		s := New(SchedulerOptions{})
		d := device0(t, s, DeviceOptions{Name: "d", Lanes: 1})
		m, err := s.AddModel(ModelOptions{Name: "m", MaxBatch: 8, Devices: []ModelDevice{{Device: d, Curve: line(8, 10*ms, ms), Sizes: sizes}}})
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, s)
		r.arrive(r.item(m, 8, time.Second))
		r.advance(clock.Instant(10 * ms))
		r.arrive(r.classed(task.High, high))
		r.arrive(r.classed(task.Low, low))
		r.arrive(r.classed(task.Low, low))
		got := 0
		r.onBatch = func(b *Batch) {
			if got == 0 {
				got = b.Rows
			}
		}
		r.settle()
		if got != rows {
			t.Errorf("%s: the batch has %d rows, want %d", name, got, rows)
		}
	}
	// The running batch ends at 18 ms, 8 ms from the arrivals.
	f("all fit", 100*ms, 100*ms, nil, 3)
	f("until the leader would be late", 20*ms, 100*ms, nil, 2)
	f("or they themselves would", 100*ms, 20*ms, nil, 2)
	f("not one that would be late itself", 100*ms, 18500*time.Microsecond, nil, 1)
	f("in the bucket", 100*ms, 100*ms, []int{2, 8}, 2)
}

func TestLowestClassKeepsItsFloor(t *testing.T) {
	r := one(t, 1, ModelOptions{MaxBatch: 1}, flat(ms))
	// Twice as much high traffic as the device can do, and always a low one waiting.
	low, total := 0, 0
	r.onBatch = func(b *Batch) {
		total++
		if b.Items[0].Class == task.Low {
			low++
		}
	}
	for range 2000 {
		r.arrive(r.classed(task.High, 20*ms))
		r.arrive(r.classed(task.High, 20*ms))
		if r.s.models[0].on[0].rows[task.Low] < 3 {
			// Its prediction counts the high ones, so it needs a long budget to get in.
			r.arrive(r.classed(task.Low, 10*time.Second))
		}
		r.advance(r.now.Add(ms))
	}
	if share := float64(low) / float64(total); share < 0.045 || share > 0.06 {
		t.Errorf("the lowest class got %.3f of the batches, want 0.05", share)
	}
}

// Fair shares: while two models are backlogged their weighted device times stay close.
func TestFairShares(t *testing.T) {
	f := func(weights [2]float64, bases [2]time.Duration) {
		t.Helper()
		s := New(SchedulerOptions{})
		device0(t, s, DeviceOptions{Name: "d", Lanes: 1})
		var used [2]float64
		var longest time.Duration
		for i := range weights {
			add(t, s, ModelOptions{MaxBatch: 8, Weight: weights[i], Budget: time.Second}, 0, line(8, bases[i], ms/4))
			longest = max(longest, s.models[i].on[0].cost.Latency(8))
		}
		r := newRig(t, s)
		feed := func() {
			for m := range weights {
				for s.models[m].rows < 40 {
					it := r.item(ModelID(m), 1, 800*ms)
					it.Class = task.Normal
					r.arrive(it)
				}
			}
		}
		counting := false
		low, high := 0.0, 0.0
		r.onBatch = func(b *Batch) {
			if counting {
				used[b.Model] += float64(b.PredictedEnd.Sub(b.Start)) / weights[b.Model]
				low, high = min(low, used[0]-used[1]), max(high, used[0]-used[1])
			}
		}
		for r.now < clock.Instant(4*time.Second) {
			feed()
			r.advance(r.now.Add(ms))
			counting = r.now > clock.Instant(time.Second)
		}
		q := float64(longest)
		bound := q/weights[0] + q/weights[1] + q
		if high-low > bound {
			t.Errorf("weights %v, costs %v: the shares drift apart by %v, bound %v", weights, bases, time.Duration(high-low), time.Duration(bound))
		}
		if used[0] == 0 || used[1] == 0 {
			t.Errorf("weights %v: one model got nothing", weights)
		}
	}
	f([2]float64{1, 1}, [2]time.Duration{ms, ms})
	f([2]float64{1, 1}, [2]time.Duration{ms, 9 * ms})
	f([2]float64{2, 1}, [2]time.Duration{2 * ms, 4 * ms})
	f([2]float64{1, 3}, [2]time.Duration{5 * ms, ms})
}
