package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
)

// A request is told that its budget is too short only where no device that is up could make it
// if it had nothing else to do.
func TestBudgetTooShort(t *testing.T) {
	linear := cost.Curve{{Rows: 1, P50: 40 * ms, P95: 40 * ms}, {Rows: 8, P50: 320 * ms, P95: 320 * ms}}
	f := func(name string, second cost.Curve, prepare func(*rig), rows, whole int, budget time.Duration, want Reason, takes time.Duration) {
		t.Helper()
		r := two(t, FallbackBudget, linear, second, DeviceOptions{})
		prepare(r)
		it := r.item(0, rows, budget)
		it.Whole = whole
		if v := r.arrive(it); v.Reason != want || v.Takes != takes {
			t.Errorf("%s: %v after %v, want %v after %v", name, v.Reason, v.Takes, want, takes)
		}
	}
	idle := func(*rig) {}
	slow := flat(600 * ms)
	busy := func(r *rig) {
		for range 16 {
			r.arrive(r.item(0, 8, time.Hour))
		}
	}
	f("in time", slow, idle, 1, 0, 50*ms, None, 0)
	f("one row is too slow", slow, idle, 1, 0, 30*ms, BudgetTooShort, 40*ms)
	f("two rows are", slow, idle, 2, 0, 70*ms, BudgetTooShort, 80*ms)
	f("the request is, of which this is the last part", slow, func(r *rig) {
		first := r.item(0, 8, 350*ms)
		first.Whole = 10
		r.arrive(first)
	}, 2, 10, 350*ms, BudgetTooShort, 400*ms)
	f("the other device is quick enough", flat(20*ms), idle, 1, 0, 30*ms, None, 0)
	f("the other device is quicker, and too slow", flat(20*ms), idle, 1, 0, 15*ms, BudgetTooShort, 20*ms)
	f("the quick device is closed", flat(20*ms), func(r *rig) { r.s.CloseDevice(0, 1, "gone", &r.out) }, 1, 0, 30*ms, BudgetTooShort, 40*ms)
	f("the model may not use it", flat(20*ms), func(r *rig) { r.s.SetFallback(0, 0, false, &r.out) }, 1, 0, 30*ms, BudgetTooShort, 40*ms)
	f("there is a queue", slow, busy, 1, 0, 50*ms, PredictedLate, 0)
	f("and the budget is too short besides", slow, busy, 1, 0, 30*ms, BudgetTooShort, 40*ms)
	f("the deadline is over", slow, idle, 1, 0, 0, Expired, 0)
}

// What was only guessed refuses nobody for good: the first request is tried at once.
func TestGuessIsNoReason(t *testing.T) {
	s := New(SchedulerOptions{})
	d := device0(t, s, DeviceOptions{Name: "d", Lanes: 1})
	if _, err := s.AddModel(ModelOptions{Name: "m", MaxBatch: 8, Devices: []ModelDevice{{Device: d, Curve: flat(200 * ms), Guess: true}}}); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, s)
	r.took = func(*Batch) time.Duration { return 300 * ms }
	if v := r.arrive(r.item(0, 1, 100*ms)); !v.Admitted {
		t.Errorf("the first request: %+v", v)
	}
	if v := r.arrive(r.item(0, 1, 100*ms)); v.Reason != PredictedLate {
		t.Errorf("the next one, while it runs: %+v", v)
	}
	r.settle()
	if v := r.arrive(r.item(0, 1, 100*ms)); v.Reason != BudgetTooShort || v.Takes < 200*ms || v.Takes > 300*ms {
		t.Errorf("once it is known: %+v", v)
	}
}

// A model that was measured on a bad day is tried now and then, seldom enough for its lane.
func TestTooSlowIsTriedAgain(t *testing.T) {
	r := one(t, 1, ModelOptions{}, flat(584*ms))
	actual := 584 * ms
	var ran time.Duration
	r.took = func(*Batch) time.Duration { ran += actual; return actual }
	ask := func(until time.Duration) (refused, admitted int) {
		for ; r.now < clock.Instant(until); r.advance(r.now.Add(10 * ms)) {
			switch v := r.arrive(r.item(0, 1, 100*ms)); {
			case v.Admitted:
				admitted++
			case v.Reason == BudgetTooShort && v.Takes > 500*ms && v.Takes < 600*ms:
				refused++
			default:
				t.Fatalf("at %v: %+v", r.now, v)
			}
		}
		return refused, admitted
	}
	if refused, admitted := ask(120 * time.Second); admitted != 9 || refused < 11000 {
		t.Errorf("in two minutes %d were tried and %d refused; want a try every 20 times 584 ms and its own run: 9", admitted, refused)
	}
	if share := ran.Seconds() / 120; share > 1./retryPause {
		t.Errorf("the tries took %.3f of the lane; want at most a twentieth", share)
	}
	actual = 10 * ms
	healed := r.now
	for r.now.Sub(healed) < 15*time.Second {
		r.arrive(r.item(0, 1, 100*ms))
		r.advance(r.now.Add(20 * ms))
	}
	if stats, _ := r.s.ModelStats(r.now, 0); stats.Completed < 100 {
		t.Errorf("%d requests were answered in 15 s after the model became quick", stats.Completed)
	}
	if v := r.arrive(r.item(0, 1, 100*ms)); !v.Admitted {
		t.Errorf("a request then: %+v", v)
	}
}
