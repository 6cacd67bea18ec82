package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/clock"
	"sluice/internal/cost"
)

// two is a scheduler with a model on a first device of one lane and a second one.
func two(t fataler, f Fallback, first, second cost.Curve, o DeviceOptions) *rig {
	t.Helper()
	s := New(SchedulerOptions{})
	device0(t, s, DeviceOptions{Name: "gpu", Lanes: 1})
	o.Name, o.Lanes = "cpu", max(o.Lanes, 1)
	device0(t, s, o)
	_, err := s.AddModel(ModelOptions{
		Name: "m", MaxBatch: 8, Fallback: f,
		Devices: []ModelDevice{{Device: 0, Curve: first}, {Device: 1, Curve: second}},
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return newRig(t, s)
}

func (r *rig) sent(d DeviceID, why Detour) int {
	return int(r.s.models[0].on[d].counts.Sent[why])
}

func TestPressure(t *testing.T) {
	const budget = 100 * ms
	f := func(name string, gap time.Duration, left []time.Duration, on bool, changes uint64) {
		t.Helper()
		var p pressure
		for i, l := range left {
			p.note(clock.Instant(i)*clock.Instant(gap), l, budget)
		}
		if p.on != on || p.changes != changes {
			t.Errorf("%s: pressed %v after %d changes, want %v after %d", name, p.on, p.changes, on, changes)
		}
	}
	tight, calm, between := 49*ms, 61*ms, 55*ms
	repeat := func(n int, what time.Duration) (out []time.Duration) {
		for range n {
			out = append(out, what)
		}
		return out
	}
	join := func(parts ...[]time.Duration) (out []time.Duration) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	f("two tight ones of eight", ms, join(repeat(1, tight), repeat(6, calm), repeat(1, tight)), false, 0)
	f("three", ms, join(repeat(2, tight), repeat(5, calm), repeat(1, tight)), true, 1)
	f("three of nine", ms, join(repeat(1, tight), repeat(6, calm), repeat(2, tight)), false, 0)
	f("calm, but not for 50 ms", ms, join(repeat(3, tight), repeat(50, calm)), true, 1)
	f("calm for 50 ms", ms, join(repeat(3, tight), repeat(51, calm)), false, 2)
	f("calm for 50 ms, but not 20 times", 10*ms, join(repeat(3, tight), repeat(19, calm)), true, 1)
	f("20 times", 10*ms, join(repeat(3, tight), repeat(20, calm)), false, 2)
	f("one less calm in between", 10*ms, join(repeat(3, tight), repeat(19, calm), repeat(1, between), repeat(19, calm)), true, 1)
}

// The mode changes at most once in 50 ms whatever arrives.
func TestPressureIsSteady(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p pressure
		var last clock.Instant
		now := clock.Instant(0)
		for range rapid.IntRange(1, 300).Draw(t, "arrivals") {
			now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "gap")) * time.Microsecond)
			was, changes := p.on, p.changes
			p.note(now, time.Duration(rapid.IntRange(0, 100).Draw(t, "left"))*ms, 100*ms)
			if p.on == was {
				continue
			}
			if changes > 0 && now.Sub(last) < pressedAtMost {
				t.Fatalf("two changes within %v", now.Sub(last))
			}
			last = now
		}
	})
}

func TestFallbackPolicies(t *testing.T) {
	f := func(policy Fallback, down bool, want DeviceID, reason Reason, why Detour) {
		t.Helper()
		r := two(t, policy, flat(10*ms), flat(15*ms), DeviceOptions{})
		for range 9 { // one batch runs: the next is done at 20 ms
			r.arrive(r.item(0, 1, time.Second))
		}
		if down {
			r.s.CloseDevice(r.now, 0, "test", &r.out)
			r.follow()
		}
		it := r.item(0, 1, 80*ms)
		if !down {
			it = r.item(0, 1, 18*ms)
		}
		v := r.arrive(it)
		if v.Reason != reason || reason == None && (it.Device != want || it.Detour != why) {
			t.Errorf("%v, down %v: %v on %d as %q, want %v on %d as %q", policy, down, v.Reason, it.Device, it.Detour, reason, want, why)
		}
		r.settle()
	}
	f(FallbackBudget, false, 1, None, Spilled)
	f(FallbackFailure, false, 0, PredictedLate, Direct)
	f(FallbackNever, false, 0, PredictedLate, Direct)
	f(FallbackBudget, true, 1, None, Shut)
	f(FallbackFailure, true, 1, None, Shut)
	f(FallbackNever, true, 0, NoDevice, Direct)
}

// What goes to another device is predicted to be done there with the reserve left; an item
// that is admitted with one device is admitted with two.
func TestSpillIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, second := time.Duration(rapid.IntRange(1, 20).Draw(t, "first"))*ms, time.Duration(rapid.IntRange(1, 60).Draw(t, "second"))*ms
		r := two(t, FallbackBudget, line(8, first, ms), line(8, second, ms), DeviceOptions{Lanes: rapid.IntRange(1, 3).Draw(t, "lanes")})
		r.s.models[0].opts.UnfairRows = true // else some are refused for the sake of others
		for range rapid.IntRange(1, 60).Draw(t, "arrivals") {
			r.advance(r.now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "gap")) * time.Microsecond))
			it := r.item(0, rapid.IntRange(1, 8).Draw(t, "rows"), time.Duration(rapid.IntRange(1, 100).Draw(t, "budget"))*ms)
			in := r.s.models[0].on
			alone := in[0].forecast(r.now, it.Rows, it.Class, it.Deadline, it.Key)
			other := in[1].forecast(r.now, it.Rows, it.Class, it.Deadline, it.Key)
			v := r.arrive(it)
			if !v.Admitted && alone.finish <= in[0].latest(it) {
				t.Fatalf("refused although the first device alone would be done at %d of %d", alone.finish, it.Deadline)
			}
			if v.Admitted && it.Detour == Spilled && other.finish > it.safe() {
				t.Fatalf("spilled to be done at %d, safe is %d", other.finish, it.safe())
			}
		}
		r.settle()
	})
}

func TestDroppedItemsAreRescued(t *testing.T) {
	f := func(policy Fallback, completed, rescued int) {
		t.Helper()
		r := two(t, policy, flat(10*ms), flat(15*ms), DeviceOptions{})
		r.took = func(b *Batch) time.Duration {
			if b.Device == 0 && b.Start == 0 {
				return 25 * ms // longer than predicted
			}
			return b.PredictedEnd.Sub(b.Start)
		}
		r.s.models[0].pressure.on = true // no hedge
		r.arrive(r.item(0, 8, time.Second))
		r.arrive(r.item(0, 1, 41*ms))
		r.settle()
		if r.completed != completed || r.late > 0 || r.sent(1, Rescued) != rescued {
			t.Errorf("%v: %d completed, %d late, %d rescued; want %d, 0, %d", policy, r.completed, r.late, r.sent(1, Rescued), completed, rescued)
		}
	}
	// At 12 to 25 ms the first device still seems to be in time; the item waits there until a
	// look at the stuck batch, which predicts that it will be late.
	f(FallbackBudget, 2, 1)
	f(FallbackNever, 2, 0)
}

func TestSwitchingFallbackOff(t *testing.T) {
	r := two(t, FallbackBudget, flat(10*ms), flat(10*ms), DeviceOptions{})
	for range 4 { // a batch runs on each, and then
		r.arrive(r.item(0, 8, 40*ms))
	}
	if r.sent(1, Spilled) == 0 {
		t.Fatal("nothing has spilled")
	}
	r.s.SetFallback(r.now, 0, false, &r.out)
	r.follow()
	if n := r.s.models[0].on[1].items; n != 0 {
		t.Errorf("%d items wait where they may not run", n)
	}
	before := r.sent(1, Spilled)
	r.arrive(r.item(0, 8, 22*ms))
	if r.sent(1, Spilled) != before {
		t.Error("an item spilled although fallback is off")
	}
	r.settle()
	r.s.SetFallback(r.now, 0, true, &r.out)
	r.follow()
	r.arrive(r.item(0, 8, time.Second))
	if r.arrive(r.item(0, 1, 12*ms)); r.sent(1, Spilled) != before+1 {
		t.Error("no item spilled although fallback is on again")
	}
	r.settle()
}

// Guests get their share of a device, no more, over any while.
func TestFallbackShareIsKept(t *testing.T) {
	const share = 0.25
	r := two(t, FallbackFailure, flat(ms), flat(4*ms), DeviceOptions{Lanes: 2, FallbackShare: share})
	add(t, r.s, ModelOptions{Name: "at home"}, 1, flat(2*ms))
	r.s.CloseDevice(r.now, 0, "test", &r.out)
	r.follow()
	var guests time.Duration
	r.onBatch = func(b *Batch) {
		if b.Model == 0 {
			guests += r.took(b)
		}
	}
	const length = 5 * time.Second
	refused, home := 0, 0
	for r.now < clock.Instant(length) {
		for range 4 {
			if !r.arrive(r.item(0, 8, 60*ms)).Admitted {
				refused++
			}
			if !r.arrive(r.item(1, 2, 60*ms)).Admitted {
				home++
			}
		}
		r.advance(r.now.Add(4 * ms))
	}
	r.settle()
	if got := guests.Seconds() / (2 * length.Seconds()); got > share+0.03 || got < share-0.05 {
		t.Errorf("guests had %.3f of the device, their share is %g", got, share)
	}
	if refused == 0 || home > 0 {
		t.Errorf("%d guests were refused, and %d of the model at home", refused, home)
	}
}

func TestSpeedFromOutside(t *testing.T) {
	r := two(t, FallbackBudget, flat(10*ms), flat(18*ms), DeviceOptions{})
	finish := func() time.Duration { return r.likely(0).Sub(r.now) }
	if got := finish(); got != 10*ms {
		t.Fatalf("predicted %v", got)
	}
	r.s.SetSpeed(0, 0.5)
	if got := finish(); got != 20*ms {
		t.Errorf("at half the speed predicted %v, want 20ms", got)
	}
	r.took = func(b *Batch) time.Duration { return 20 * ms }
	for range 50 { // the runs agree, and must not count on top
		r.arrive(r.item(0, 1, time.Second))
		r.settle()
	}
	if got := finish(); got < 19*ms || got > 22*ms {
		t.Errorf("after runs of 20ms predicted %v", got)
	}
	r.s.SetSpeed(0, 1)
	if got := finish(); got < 9*ms || got > 11*ms {
		t.Errorf("back at full speed predicted %v", got)
	}
	// Runs that show it before the signal comes must not count twice either.
	for range 8 {
		r.arrive(r.item(0, 1, time.Second))
		r.settle()
	}
	r.s.SetSpeed(0, 0.5)
	if got := finish(); got > 25*ms {
		t.Errorf("with the signal after the runs predicted %v, want about 20ms", got)
	}
}
