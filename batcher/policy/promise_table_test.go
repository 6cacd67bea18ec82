package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// Scenes in which a promise was once broken. Runs take what is predicted, or a part of it.
func TestPromisesThatWereBroken(t *testing.T) {
	type ask struct {
		at     time.Duration
		class  task.Priority
		rows   int
		budget time.Duration
		refuse bool
	}
	const us = time.Microsecond
	f := func(name string, lanes, most int, base, row time.Duration, takes float64, asks ...ask) {
		t.Helper()
		r := one(t, lanes, ModelOptions{MaxBatch: most, Budget: 5 * ms, UnfairRows: true}, line(16, base, row))
		r.took = func(b *Batch) time.Duration { return time.Duration(takes * float64(r.run(b))) }
		r.onMiss = func(it *Item) {
			t.Errorf("%s: class %d, %d rows, with %v from %v on: missed at %v", name, it.Class, it.Rows, it.Deadline.Sub(it.Arrived), time.Duration(it.Arrived), time.Duration(r.now))
		}
		for i, a := range asks {
			r.advance(clock.Instant(a.at))
			it := r.item(0, a.rows, a.budget)
			it.Class = a.class
			if v := r.arrive(it); v.Admitted == a.refuse {
				t.Errorf("%s: request %d: admitted is %v", name, i, v.Admitted)
			}
		}
		r.settle()
	}
	const high, low = task.High, task.Low
	f("a shorter budget makes batches small", 1, 7, 3468*us, 113*us, 1,
		ask{0, high, 7, 20 * ms, false}, ask{0, high, 1, 20 * ms, false}, ask{0, high, 2, 20 * ms, false}, ask{0, high, 2, 20 * ms, false},
		ask{0, high, 2, 10 * ms, false}, ask{0, high, 5, 10 * ms, false}, ask{0, high, 6, 5 * ms, true})
	f("and it is admitted itself", 1, 5, 3089*us, 40*us, 1,
		ask{0, high, 5, 8 * ms, false}, ask{1544500, high, 1, 8 * ms, false}, ask{3089 * us, high, 1, 4 * ms, false})
	f("one that does not fit into the first batch", 1, 6, 3389*us, 34*us, 1,
		ask{0, high, 4, 40 * ms, false}, ask{0, high, 4, 8 * ms, false}, ask{0, high, 2, 40 * ms, false}, ask{0, high, 3, 10200 * us, true})
	f("lower classes fill a batch up", 1, 8, 3630*us, 470*us, 1,
		ask{0, high, 3, 15 * ms, false}, ask{3630 * us, high, 2, 15 * ms, false}, ask{3630 * us, high, 8, 15 * ms, false}, ask{3630 * us, low, 6, 40 * ms, false})
	f("one lane is busy for long, the other free", 2, 16, 275*us, 457*us, 1,
		ask{0, low, 16, 60 * ms, false}, ask{137500, low, 4, 12 * ms, false}, ask{275 * us, high, 16, 60 * ms, false},
		ask{1500 * us, high, 4, 3 * ms, false}, ask{1600 * us, low, 1, 60 * ms, false})
}
