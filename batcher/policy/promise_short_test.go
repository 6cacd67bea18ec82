package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
)

// A run that ends late leaves a short budget time for a small batch only, where batches must be large. It
// gets one, and nothing behind it is lost, unless something becomes hopeless by that.
func TestAShortBudgetMayHaveASmallBatch(t *testing.T) {
	f := func(behind time.Duration, dropped int) {
		t.Helper()
		s := New(SchedulerOptions{})
		m := add(t, s, ModelOptions{Name: "m", MaxBatch: 8}, device0(t, s, DeviceOptions{Name: "d", Lanes: 1}), line(8, 4*ms, ms))
		var out Decisions
		arrive := func(budget time.Duration) *Item {
			it := &Item{Model: m, Rows: 1, Deadline: clock.Instant(budget)}
			if v := s.Arrive(0, it, &out); !v.Admitted {
				t.Fatalf("a budget of %v is refused for %v", budget, v.Reason)
			}
			return it
		}
		arrive(time.Second)
		b := &Batch{}
		s.Next(0, 0, 0, b, &out)
		head := arrive(30 * ms)
		for range 24 {
			arrive(behind)
		}
		now := clock.Instant(24 * ms) // the run should have taken 5 ms
		s.Complete(now, b, Ran, &out)
		s.models[m].on[0].target = 8
		first := true
		for b = new(Batch); s.Next(now, 0, 0, b, &out); b = new(Batch) {
			if got := b.Items[0] == head; first && got != (dropped == 0) {
				t.Errorf("others have %v: whether the batch of %d is the head's: %v", behind, len(b.Items), got)
			}
			first = false
			now = b.PredictedEnd
			s.Complete(now, b, Ran, &out)
		}
		if len(out.Dropped) != dropped {
			t.Errorf("others have %v: %d were given up, want %d", behind, len(out.Dropped), dropped)
		}
	}
	f(66*ms, 1)
	f(74*ms, 0)
	f(90*ms, 0)
}

// Of a promise that is given up the lateness says whether a headroom would have kept it.
func TestHeadroomLearnsFromWhatIsGivenUp(t *testing.T) {
	f := func(name string, now time.Duration, why Reason, want bool) {
		t.Helper()
		r := one(t, 1, ModelOptions{Name: "m", MaxBatch: 8}, line(8, ms, ms/10))
		in := r.s.models[0].on[0]
		for range 10 {
			in.loss(clock.Instant(now), &Item{Rows: 1, Deadline: clock.Instant(5 * ms)}, why)
		}
		if got := in.kept > 0; got != want {
			t.Errorf("%s: a headroom of %.0f ns", name, in.kept)
		}
	}
	f("it would have fit alone", ms, PredictedLate, false)
	f("it would have been a little late", 4500*time.Microsecond, PredictedLate, true)
	f("it would have been far too late", 5500*time.Microsecond, PredictedLate, false)
	f("its deadline has passed", 6*ms, Expired, false)
	f("its device has gone", ms, NoDevice, false)
}
