package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// sealed has a lone model's items sealed in one batch on lane 0.
func sealed(t *testing.T, r *rig, n int) *Batch {
	t.Helper()
	for range n {
		if v := r.s.Arrive(r.now, r.item(0, 1, time.Second), &r.out); !v.Admitted {
			t.Fatalf("refused: %v", v.Reason)
		}
	}
	b := &Batch{}
	if !r.s.Next(r.now, 0, 0, b, &r.out) || len(b.Items) != n {
		t.Fatalf("no batch of %d items", n)
	}
	return b
}

func alone(*Item) Turn { return TurnAlone }

// Runs earn a third of their time, up to what a second of them earn; a repair run starts only
// with something left, and is paid as long as it takes.
func TestRepairsArePaidFor(t *testing.T) {
	f := func(name string, ran []time.Duration, repairs []time.Duration, want int) {
		t.Helper()
		r := one(t, 1, ModelOptions{}, flat(10*ms))
		for _, d := range ran {
			b := sealed(t, r, 1)
			r.now = r.now.Add(d)
			r.s.Complete(r.now, b, Ran, &r.out)
		}
		b := sealed(t, r, 4)
		r.now = r.now.Add(10 * ms)
		got := 0
		for ; r.s.Retry(r.now, b, 2, false); got++ {
			if got == len(repairs) {
				t.Fatalf("%s: more than %d repair runs", name, got)
			}
			r.now = r.now.Add(repairs[got])
		}
		if got != want {
			t.Errorf("%s: %d repair runs, want %d", name, got, want)
		}
		left := r.s.models[0].on[0].repairs.left
		r.s.Complete(r.now, b, RowsFailed, &r.out)
		if now := r.s.models[0].on[0].repairs.left; now != left {
			t.Errorf("%s: completing changed the account from %v to %v", name, left, now)
		}
	}
	times := func(n int, d time.Duration) (all []time.Duration) {
		for range n {
			all = append(all, d)
		}
		return all
	}
	f("the first batch of all", nil, times(1, 10*ms), 1)
	f("after five good ones", times(5, 10*ms), times(2, 10*ms), 2)
	f("shorter than predicted", times(5, 10*ms), times(4, 5*ms), 4)
	f("longer than predicted", times(8, 10*ms), times(1, 40*ms), 1)
	f("after an hour", times(3600, 10*ms), times(34, 10*ms), 34)
}

// No repair run starts that a neighbour would pay for with a deadline.
func TestRepairsYieldToNeighbours(t *testing.T) {
	f := func(name string, lanes int, budget time.Duration, want bool) {
		t.Helper()
		r := one(t, lanes, ModelOptions{}, flat(10*ms))
		other := add(t, r.s, ModelOptions{}, 0, flat(2*ms))
		b := sealed(t, r, 4)
		r.now = r.now.Add(10 * ms)
		r.s.Arrive(r.now, r.item(other, 1, budget), &r.out)
		if got := r.s.Retry(r.now, b, 4, false); got != want {
			t.Errorf("%s: it may run %v, want %v", name, got, want)
		}
		if !r.s.Retry(r.now, b, 4, true) {
			t.Errorf("%s: it may not run although it must", name)
		}
	}
	f("one that can wait", 1, 20*ms, true)
	f("one that would be lost", 1, 11*ms, false)
	f("another lane is free", 2, 11*ms, true)
}

// Items that have been set apart run one by one, each by its deadline, whatever their key.
func TestApartItemsRunAlone(t *testing.T) {
	r := one(t, 1, ModelOptions{}, flat(10*ms))
	b := sealed(t, r, 3)
	for i, it := range b.Items {
		it.Key = uint64(i)
	}
	before := r.likely(1)
	r.now = r.now.Add(10 * ms)
	r.s.Isolate(r.now, b, alone, false, &r.out)
	moved, drops := r.out.Requeued, r.out.Dropped
	if len(moved) != 3 || len(drops) != 0 || len(b.Items) != 0 || b.Rows != 0 {
		t.Fatalf("%d moved, %d dropped, %d items of %d rows stayed", len(moved), len(drops), len(b.Items), b.Rows)
	}
	if got := r.likely(1).Sub(before); got < 30*ms {
		t.Errorf("with three runs more ahead the prediction is only %v later", got)
	}
	for i, budget := range []time.Duration{500 * ms, 2 * time.Second, 500 * ms} { // due before those, after, before
		if v := r.s.Arrive(r.now, r.item(0, 1, budget), &r.out); !v.Admitted {
			t.Fatalf("item %d was refused: %v", i, v.Reason)
		}
	}
	r.s.Complete(r.now, b, Undecided, &r.out)
	var got []int
	var lone []bool
	for range 4 {
		next := &Batch{}
		if !r.s.Next(r.now, 0, 0, next, &r.out) {
			t.Fatalf("nothing to run after batches of %v", got)
		}
		got, lone = append(got, len(next.Items)), append(lone, next.Alone)
		r.now = r.now.Add(10 * ms)
		r.s.Complete(r.now, next, Ran, &r.out)
	}
	// The first takes those due first, and the one due last for nothing.
	for i, want := range []int{3, 1, 1, 1} {
		if got[i] != want || lone[i] != (i > 0) {
			t.Fatalf("batches of %v, alone %v; want 3 and then one by one", got, lone)
		}
	}
}

// A batch all of whose members are bad counts as one failure of its device, however many runs
// they have alone; a good run among them clears the count.
func TestLoneFailuresAreOneFailure(t *testing.T) {
	f := func(name string, runs []Outcome, want int) {
		t.Helper()
		r := two(t, FallbackBudget, flat(10*ms), flat(10*ms), DeviceOptions{})
		b := sealed(t, r, len(runs))
		r.s.devices[0].failed = 2
		r.now = r.now.Add(10 * ms)
		r.s.Isolate(r.now, b, alone, false, &r.out)
		r.s.Complete(r.now, b, Undecided, &r.out)
		for _, o := range runs {
			next := &Batch{}
			if !r.s.Next(r.now, 0, 0, next, &r.out) || !next.Alone {
				t.Fatalf("%s: nothing that runs alone", name)
			}
			r.now = r.now.Add(10 * ms)
			if r.s.Works(next) {
				o = RowsFailed
			}
			r.s.Complete(r.now, next, o, &r.out)
		}
		if got := r.s.devices[0].failed; got != want {
			t.Errorf("%s: %d failures in a row, want %d", name, got, want)
		}
	}
	f("all are bad", []Outcome{Failed, Failed, Failed, Failed, Failed, Failed}, 3)
	f("the second is good", []Outcome{Failed, Ran, Failed, Failed}, 0)
	f("all are good", []Outcome{Ran, Ran, Ran}, 0)
}

// What runs when its device goes down is set apart on another one, or given up.
func TestIsolateFromADeviceThatIsDown(t *testing.T) {
	f := func(name string, fallback Fallback, moved int, why Reason) {
		t.Helper()
		r := two(t, fallback, flat(10*ms), flat(10*ms), DeviceOptions{})
		b := sealed(t, r, 4)
		r.s.CloseDevice(r.now, 0, "test", &r.out)
		r.s.Isolate(r.now, b, alone, false, &r.out)
		got, drops := r.out.Requeued, r.out.Dropped
		if len(got) != moved || len(drops) != 4-moved {
			t.Fatalf("%s: %d moved, %d dropped", name, len(got), len(drops))
		}
		for _, it := range got {
			if it.Device != 1 || it.turn != TurnAlone {
				t.Errorf("%s: an item waits on device %d, turn %v", name, it.Device, it.turn)
			}
		}
		for _, d := range drops {
			if d.Reason != why {
				t.Errorf("%s: dropped because %v, want %v", name, d.Reason, why)
			}
		}
	}
	f("another takes it", FallbackBudget, 4, None)
	f("there is no other", FallbackNever, 0, NoDevice)
}

// The books of a batch of which some members ran well in a repair run close.
func TestPassedItemsAreCompleted(t *testing.T) {
	r := one(t, 1, ModelOptions{}, flat(10*ms))
	b := sealed(t, r, 4)
	r.now = r.now.Add(10 * ms)
	r.s.Retry(r.now, b, 2, true)
	r.now = r.now.Add(10 * ms)
	r.s.Passed(r.now, b, b.Items[:2])
	first, third := b.Items[0], b.Items[3]
	one := func(it *Item) Turn {
		if it == third || it == first {
			return TurnAlone
		}
		return TurnShared
	}
	r.s.Isolate(r.now, b, one, true, &r.out)
	r.s.Complete(r.now, b, RowsFailed, &r.out)
	stats, _ := r.s.ModelStats(r.now, 0)
	if stats.Completed != 2 || stats.Failed != 1 || stats.Items != 1 || stats.Devices[0].Apart != 1 {
		t.Errorf("%d completed, %d failed, %d wait, %d of them apart; want 2, 1, 1, 1", stats.Completed, stats.Failed, stats.Items, stats.Devices[0].Apart)
	}
	if runs := stats.Devices[0].Runs; runs != 0 {
		t.Errorf("the cost model has learned from %d runs", runs)
	}
	if next := (&Batch{}); !r.s.Next(r.now, 0, 0, next, &r.out) || next.watch != clock.Never {
		t.Error("the item that was set apart does not run")
	}
}

// What is to run last waits for all that are to run alone, whatever the deadlines, and for
// nothing else.
func TestTurns(t *testing.T) {
	r := one(t, 1, ModelOptions{}, flat(10*ms))
	b := sealed(t, r, 4)
	first := b.Items[0] // the most urgent
	members := append([]*Item{}, b.Items...)
	turn := func(it *Item) Turn {
		if it == first {
			return TurnLast
		}
		return TurnAlone
	}
	r.s.Isolate(r.now, b, turn, false, &r.out)
	r.s.Complete(r.now, b, Undecided, &r.out)
	r.s.Arrive(r.now, r.item(0, 1, 2*time.Second), &r.out)
	for i, want := range []*Item{members[1], members[2], members[3], first} {
		next := &Batch{}
		if !r.s.Next(r.now, 0, 0, next, &r.out) || next.Items[0] != want || len(next.Items) != 1 {
			t.Fatalf("batch %d is not of the item whose turn it is", i)
		}
		if got, waits := r.s.Suspects(next), i < 2; got != waits {
			t.Errorf("in batch %d others wait: %v, want %v", i, got, waits)
		}
		r.now = r.now.Add(10 * ms)
		r.s.Complete(r.now, next, Failed, &r.out)
	}
	if got := r.s.devices[0].failed; got != 1 {
		t.Errorf("%d failures in a row, want 1", got)
	}
}

// Forecasts count the repair runs of a batch: the one that is under way, one of the members that have not
// run well yet if the account allows it, and the runs of those that have been set apart.
func TestRepairsAreInTheForecast(t *testing.T) {
	f := func(name string, earned time.Duration, passed int, want time.Duration) {
		t.Helper()
		r := one(t, 1, ModelOptions{}, line(8, 8*ms, ms))
		in := r.s.models[0].on[0]
		b := sealed(t, r, 8)
		in.repairs.left = earned
		r.now = r.now.Add(16 * ms)
		if !r.s.Retry(r.now, b, 4, true) {
			t.Fatalf("%s: no repair run", name)
		}
		if passed > 0 {
			r.now = r.now.Add(12 * ms)
			r.s.Passed(r.now, b, b.Items[:passed])
			r.s.Retry(r.now, b, 2, true)
		}
		if got := r.likely(task.Normal).Sub(r.now); got != want+9*ms {
			t.Errorf("%s: a request is predicted to be done in %v, want %v for the repairs and 9ms for itself", name, got, want)
		}
		for budget, admitted := range map[time.Duration]bool{want + 9*ms: true, want + 9*ms - 1: false} {
			if v := r.s.Arrive(r.now, r.item(0, 1, budget), &r.out); v.Admitted != admitted {
				t.Errorf("%s: with %v admitted is %v", name, budget, v.Admitted)
			} else if admitted {
				r.s.expire(r.now.Add(budget), &r.out)
			}
		}
	}
	f("nothing left to pay with", 0, 0, 12*ms)
	f("more to come", time.Second, 0, 12*ms+12*ms)
	f("half has run well", time.Second, 4, 10*ms+10*ms)
	f("almost all has", time.Second, 6, 10*ms)

	r := one(t, 1, ModelOptions{}, line(8, 8*ms, ms))
	b := sealed(t, r, 8)
	r.now = r.now.Add(16 * ms)
	before := r.likely(task.Normal)
	r.s.Isolate(r.now, b, alone, false, &r.out)
	r.s.Complete(r.now, b, Undecided, &r.out)
	after := r.s.models[0].on[0].forecast(r.now, 1, task.Normal, r.now.Add(2*time.Second), 0).finish
	if after.Sub(before) < 8*9*ms-16*ms {
		t.Errorf("with eight set apart a request that is due after them is promised %v, without %v", after.Sub(r.now), before.Sub(r.now))
	}
}
