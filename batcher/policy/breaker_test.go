package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
)

// outcomes has the batches of the first device end as listed, then well.
func (r *rig) outcomes(list ...Outcome) {
	r.fails = func(b *Batch) Outcome {
		if b.Device != 0 || len(list) == 0 {
			return Ran
		}
		o := list[0]
		list = list[1:]
		return o
	}
}

func TestBreakerOpens(t *testing.T) {
	f := func(name string, want DeviceState, list ...Outcome) {
		t.Helper()
		r := two(t, FallbackFailure, flat(10*ms), flat(10*ms), DeviceOptions{})
		r.outcomes(list...)
		for range list {
			r.arrive(r.item(0, 1, time.Second))
			r.settle()
		}
		if got := r.s.DeviceStats(0).State; got != want {
			t.Errorf("%s: the device is %v, want %v", name, got, want)
		}
	}
	f("four failures", DeviceUp, Failed, Failed, Failed, Failed)
	f("five", DeviceBroken, Failed, Failed, Failed, Failed, Failed)
	f("five of any kind", DeviceBroken, Failed, DeviceFailed, DeviceFailed, Failed, DeviceFailed)
	f("not in a row", DeviceUp, Failed, Failed, Failed, Ran, Failed, Failed)
	f("the rows' fault", DeviceUp, Failed, Failed, Failed, RowsFailed, Failed, Failed)
	f("the device is lost", DeviceBroken, DeviceLost)
}

// A model with one device only cannot do without it, unless it is lost.
func TestTheOnlyDeviceStaysUp(t *testing.T) {
	r := one(t, 1, ModelOptions{}, flat(10*ms))
	r.fails = func(*Batch) Outcome { return Failed }
	for range 20 {
		r.arrive(r.item(0, 1, time.Second))
		r.settle()
	}
	if r.failed != 20 || r.s.DeviceStats(0).State != DeviceUp {
		t.Fatalf("%d failed, the device is %v", r.failed, r.s.DeviceStats(0).State)
	}
	lost := true
	r.fails = func(*Batch) Outcome { return map[bool]Outcome{true: DeviceLost, false: Ran}[lost] }
	r.arrive(r.item(0, 1, time.Second))
	r.settle()
	if v := r.arrive(r.item(0, 1, time.Second)); v.Reason != NoDevice {
		t.Errorf("with the device lost: %v", v.Reason)
	}
	r.advance(r.now.Add(firstPause))
	if v := r.arrive(r.item(0, 1, time.Second)); !v.Admitted { // nothing better to try it with
		t.Errorf("after the pause: %v", v.Reason)
	}
	r.settle()
	r.advance(r.now.Add(firstPause))
	if v := r.arrive(r.item(0, 1, time.Second)); v.Reason != NoDevice {
		t.Errorf("after a failed probe and the first pause again: %v; the pause must grow", v.Reason)
	}
	r.advance(r.now.Add(firstPause))
	lost = false
	r.arrive(r.item(0, 1, time.Second))
	r.settle()
	if v := r.arrive(r.item(0, 1, time.Second)); !v.Admitted || r.s.DeviceStats(0).State != DeviceUp {
		t.Errorf("after a good probe: %v, the device is %v", v.Reason, r.s.DeviceStats(0).State)
	}
	r.settle()
}

// A failing device costs the requests time and not their answers, and it is tried with copies
// of requests that another device answers.
func TestFailuresOfADeviceCostNoAnswer(t *testing.T) {
	r := two(t, FallbackBudget, flat(5*ms), flat(8*ms), DeviceOptions{Lanes: 2})
	failing := true
	probes := 0
	r.fails = func(b *Batch) Outcome {
		if b.Device != 0 {
			return Ran
		}
		if b.Hedge {
			probes++
			if len(b.Items) != 1 {
				t.Errorf("a probe of %d items", len(b.Items))
			}
		}
		if failing {
			return DeviceFailed
		}
		return Ran
	}
	step := func(n int) {
		for range n {
			r.arrive(r.item(0, 1, 60*ms))
			r.advance(r.now.Add(2 * ms))
		}
	}
	step(1000)
	if s := r.s.DeviceStats(0); s.State == DeviceUp || s.Trips != 1 {
		t.Errorf("the failing device is %v after %d trips", s.State, s.Trips)
	}
	if probes < 3 || probes > 8 {
		t.Errorf("%d probes in two seconds; they should come at growing pauses", probes)
	}
	if r.sent(1, Tripped) == 0 {
		t.Error("no item was sent on with the breaker as the reason")
	}
	failing = false
	step(1100)
	if s := r.s.DeviceStats(0); s.State != DeviceUp {
		t.Errorf("2.2 s after its recovery the device is %v", s.State)
	}
	r.settle()
	if r.failed+r.dropped+r.refused+r.late > 0 || r.completed != 2100 {
		t.Errorf("%d completed, %d failed, %d dropped, %d refused, %d late of 2100", r.completed, r.failed, r.dropped, r.refused, r.late)
	}
	var states []DeviceState
	for _, e := range r.events {
		states = append(states, e.State)
	}
	if len(states) != 2 || states[0] != DeviceBroken || states[1] != DeviceUp {
		t.Errorf("events %v, want broken and up once each", states)
	}
}

// A hung run: its members run elsewhere in time, what waits behind it goes elsewhere, and past
// its hang limit the device is broken.
func TestHungRun(t *testing.T) {
	s := New(SchedulerOptions{HangLimit: time.Second})
	device0(t, s, DeviceOptions{Name: "gpu", Lanes: 1})
	device0(t, s, DeviceOptions{Name: "cpu", Lanes: 2})
	if _, err := s.AddModel(ModelOptions{Name: "m", MaxBatch: 8, Devices: []ModelDevice{{Device: 0, Curve: flat(5 * ms)}, {Device: 1, Curve: flat(10 * ms)}}}); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, s)
	s.models[0].hedges = 8
	r.took = func(b *Batch) time.Duration {
		if b.Device == 0 {
			return 3 * time.Second
		}
		return b.PredictedEnd.Sub(b.Start)
	}
	stuck := []*Item{r.item(0, 1, 60*ms)}
	r.arrive(stuck[0])
	behind := r.item(0, 1, 60*ms)
	r.arrive(behind)
	r.advance(clock.Instant(50 * ms))
	if r.completed != 2 || r.late > 0 || r.sent(1, Hedged) != 1 || r.sent(1, Rescued) != 1 {
		t.Errorf("after 50 ms %d completed, %d late, %d hedged, %d rescued; want 2, 0, 1, 1", r.completed, r.late, r.sent(1, Hedged), r.sent(1, Rescued))
	}
	if s.models[0].on[1].counts.HedgesWon != 1 {
		t.Error("the hedge has not won")
	}
	r.advance(clock.Instant(time.Second + 100*ms))
	if got := s.DeviceStats(0); got.State != DeviceBroken {
		t.Errorf("past the hang limit the device is %v", got.State)
	}
	it := r.item(0, 1, 60*ms)
	if r.arrive(it); it.Detour != Tripped {
		t.Errorf("the next item is on its device because of %q", it.Detour)
	}
	r.settle()
	if r.completed != 3 || r.late > 0 {
		t.Errorf("%d completed, %d late", r.completed, r.late)
	}
}

func TestHedgesAreRationed(t *testing.T) {
	f := func(name string, budget float64, pressed bool, want int) {
		t.Helper()
		r := two(t, FallbackBudget, flat(5*ms), flat(10*ms), DeviceOptions{Lanes: 2})
		m := r.s.models[0]
		r.took = func(b *Batch) time.Duration {
			if b.Device == 0 {
				return 20 * ms // late, and not overdue
			}
			return b.PredictedEnd.Sub(b.Start)
		}
		r.arrive(r.item(0, 1, time.Second))
		for range 4 {
			r.arrive(r.item(0, 1, 200*ms))
		}
		r.advance(clock.Instant(21 * ms)) // a batch of four has just started
		m.hedges, m.pressure.on = budget, pressed
		r.settle()
		if got := r.sent(1, Hedged); got != want {
			t.Errorf("%s: %d hedged, want %d", name, got, want)
		}
		if r.completed != 5 {
			t.Errorf("%s: %d completed", name, r.completed)
		}
	}
	f("plenty", 10, false, 4)
	f("less than the batch", 2.5, false, 2)
	f("none", 0.9, false, 0)
	f("under pressure", 10, true, 0)
}

// An estimate that has become far too high does not keep a device from ever being used again,
// and finding out costs no request.
func TestAvoidedDeviceIsTriedAgain(t *testing.T) {
	r := two(t, FallbackBudget, flat(5*ms), flat(8*ms), DeviceOptions{Lanes: 2})
	factor := time.Duration(10)
	r.took = func(b *Batch) time.Duration {
		if b.Device == 0 {
			return factor * 5 * ms
		}
		return 8 * ms
	}
	for range 8 { // the first device learns that it is slow
		r.arrive(r.item(0, 1, 10*time.Second))
		r.settle()
	}
	r.s.OpenDevice(r.now, 0, &r.out)
	r.follow()
	factor = 1
	completed := r.completed
	for range 200 {
		r.arrive(r.item(0, 1, 40*ms))
		r.advance(r.now.Add(2 * ms))
	}
	r.settle()
	if r.completed-completed != 200 || r.late > 0 {
		t.Errorf("%d of 200 completed, %d late", r.completed-completed, r.late)
	}
	if got := r.s.models[0].on[0].cost.Latency(1); got > 8*ms {
		t.Errorf("the first device is still predicted to take %v", got)
	}
}
