package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

func TestLanesAreWokenForWhatWaits(t *testing.T) {
	r := one(t, 2, ModelOptions{MaxBatch: 2}, line(2, 10*ms, 0))
	s := r.s
	arrive := func(want int) {
		t.Helper()
		s.Arrive(r.now, r.item(0, 1, time.Second), &r.out)
		if got := r.theLane(); got != want {
			t.Fatalf("arrival wakes lane %d, want %d", got, want)
		}
	}
	arrive(0)
	arrive(-1) // lane 0 is on its way
	arrive(-1)
	var a, b Batch
	if ok, woken := s.Next(r.now, 0, 0, &a, &r.out), r.theLane(); !ok || a.Rows != 2 || woken != 1 {
		t.Fatalf("lane 0 takes %d rows and wakes lane %d; want 2 rows and lane 1 for the third", a.Rows, woken)
	}
	if ok, woken := s.Next(r.now, 0, 1, &b, &r.out), r.theLane(); !ok || b.Rows != 1 || woken != -1 {
		t.Fatalf("lane 1 takes %d rows and wakes lane %d", b.Rows, woken)
	}
	arrive(-1)
	s.Complete(r.now.Add(10*ms), &a, Ran, &r.out)
	arrive(0)
	if s.Next(r.now.Add(10*ms), 0, 0, &a, &r.out); a.Rows != 2 {
		t.Fatalf("lane 0 takes %d rows, want 2", a.Rows)
	}
}

// theLane is the lane that the last call woke, -1 if none.
func (r *rig) theLane() int {
	defer r.out.Reset()
	switch len(r.out.Wake) {
	case 0:
		return -1
	case 1:
		return r.out.Wake[0].Lane
	}
	r.t.Fatalf("%d lanes are woken at once", len(r.out.Wake))
	return -1
}

// Spreading: lane 0 runs until 10 ms; what may start lane 1 before?
func TestSpread(t *testing.T) {
	f := func(name string, after, at time.Duration, rows int, budget time.Duration, wake bool, next time.Duration) {
		t.Helper()
		s := New(SchedulerOptions{})
		d := device0(t, s, DeviceOptions{Name: "cpu", Lanes: 2, SpreadAfter: after})
		m := add(t, s, ModelOptions{}, d, flat(10*ms))
		r := newRig(t, s)
		r.arrive(r.item(m, 1, time.Second))
		it := &Item{Model: m, Rows: rows, Arrived: clock.Instant(at), Deadline: clock.Instant(at + budget), Class: task.Normal}
		v := s.Arrive(it.Arrived, it, &r.out)
		want := it.Deadline
		if !wake {
			want = clock.Instant(next)
		}
		if got := r.out.Look; got != want {
			t.Errorf("%s: asks to be looked at at %v, want %v", name, time.Duration(got), time.Duration(want))
		}
		if woken := r.theLane(); !v.Admitted || (woken == 1) != wake {
			t.Errorf("%s: %+v wakes lane %d, want woken %v", name, v, woken, wake)
		}
		if !wake {
			if s.Look(want-1, &r.out); r.out.Look != want {
				t.Errorf("%s: asking early lost the wake-up", name)
			}
			if r.theLane() >= 0 {
				t.Errorf("%s: woken before its time", name)
			}
			s.Look(want, &r.out)
			if got := r.theLane(); got != 1 {
				t.Errorf("%s: at its time lane %d is woken", name, got)
			}
		}
	}
	f("at once without holding back", 0, 5*ms, 1, time.Second, true, 0)
	f("where the wait is longer", 4*ms, 5*ms, 1, time.Second, true, 0)
	f("not where it is shorter, unless the lane is overdue", 5*ms, 5*ms, 1, time.Second, false, 15*ms)
	f("for a full batch", 5*ms, 5*ms, 8, time.Second, true, 0)
	f("where the deadline would be lost", 5*ms, 5*ms, 1, 19*ms, true, 0)
	f("or where it would be while the lane is overdue", 5*ms, 5*ms, 1, 21*ms, false, 11*ms)
	f("where the lane is overdue already", 5*ms, 15*ms, 1, time.Second, true, 0)
}
