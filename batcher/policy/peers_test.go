package policy

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/cost"
)

// fleet is a scheduler with one model on a device of one lane for each curve, and their kinds.
func fleet(t fataler, f Fallback, kinds []string, curves []cost.Curve) *rig {
	t.Helper()
	s := New(SchedulerOptions{})
	opts := ModelOptions{Name: "m", MaxBatch: 8, Fallback: f}
	for i, kind := range kinds {
		device0(t, s, DeviceOptions{Name: fmt.Sprint(kind, i), Kind: kind, Lanes: 1})
		opts.Devices = append(opts.Devices, ModelDevice{Device: DeviceID(i), Curve: curves[i]})
	}
	if _, err := s.AddModel(opts); err != nil {
		t.Fatalf("%v", err)
	}
	return newRig(t, s)
}

func TestPeersAreOfOneKindAndCost(t *testing.T) {
	f := func(name string, kinds []string, curves []cost.Curve, want ...int) {
		t.Helper()
		m := fleet(t, FallbackBudget, kinds, curves).s.models[0]
		var got []int
		for _, in := range m.on {
			got = append(got, len(in.peers))
			if home := in.peers[0] == m.on[0]; in.guest == home {
				t.Errorf("%s: device %d is a guest: %v", name, in.device.id, in.guest)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: the devices have %v peers, want %v", name, got, want)
		}
	}
	ten, eleven, twelve, twenty := line(8, 10*ms, ms), line(8, 11*ms, ms), line(8, 12*ms, 2*ms), flat(20*ms)
	f("one", []string{"gpu"}, []cost.Curve{ten}, 1)
	f("two", []string{"gpu", "gpu"}, []cost.Curve{ten, eleven}, 2, 2)
	f("three and a CPU", []string{"gpu", "gpu", "gpu", "cpu"}, []cost.Curve{ten, eleven, ten, ten}, 3, 3, 3, 1)
	f("two costs", []string{"gpu", "gpu", "gpu"}, []cost.Curve{ten, twelve, twelve}, 1, 2, 2)
	f("two places", []string{"gpu", "gpu", "gpu", "gpu"}, []cost.Curve{ten, ten, twenty, twenty}, 2, 2, 2, 2)
	f("apart", []string{"gpu", "cpu", "gpu"}, []cost.Curve{ten, ten, ten}, 1, 1, 1)
	f("no kind", []string{"", ""}, []cost.Curve{ten, ten}, 1, 1)
	f("not measured", []string{"gpu", "gpu"}, []cost.Curve{ten, nil}, 2, 2)
}

// Where arrivals at one instant go that each fill a batch, and where one to a model that has
// nothing waiting.
func TestPeersShareArrivals(t *testing.T) {
	f := func(name string, policy Fallback, kinds []string, down []DeviceID, rows int, want ...DeviceID) {
		t.Helper()
		curves := make([]cost.Curve, len(kinds))
		for i, kind := range kinds {
			curves[i] = flat(10 * ms)
			if kind == "cpu" {
				curves[i] = flat(30 * ms)
			}
		}
		r := fleet(t, policy, kinds, curves)
		for _, id := range down {
			r.s.CloseDevice(r.now, id, "test", &r.out)
			r.follow()
		}
		for i, on := range want {
			it := r.item(0, rows, time.Second)
			why := Direct
			if len(down) > 0 && kinds[on] == "cpu" {
				why = Shut
			}
			if v := r.arrive(it); !v.Admitted || it.Device != on || it.Detour != why {
				t.Errorf("%s: item %d is on device %d as %q (%v), want %d as %q", name, i, it.Device, it.Detour, v.Reason, on, why)
			}
		}
		r.settle()
	}
	three := []string{"gpu", "gpu", "gpu", "cpu"}
	f("full batches", FallbackBudget, three, nil, 8, 0, 1, 2, 0, 1, 2, 0)
	f("single rows", FallbackBudget, three, nil, 1, 0, 1, 2, 0, 1, 2, 0)
	f("fallback for failures", FallbackFailure, three, nil, 8, 0, 1, 2, 0)
	f("no fallback", FallbackNever, three, nil, 8, 0, 0, 0)
	f("one is down", FallbackBudget, three, []DeviceID{0}, 8, 1, 2, 1, 2)
	f("all are down", FallbackBudget, three, []DeviceID{0, 1, 2}, 8, 3, 3)
	f("unlike", FallbackBudget, []string{"gpu", "cpu"}, nil, 8, 0, 0, 0)
}

// At rest they take turns, so that none is forgotten.
func TestPeersTakeTurns(t *testing.T) {
	r := fleet(t, FallbackBudget, []string{"gpu", "gpu", "gpu"}, []cost.Curve{flat(10 * ms), flat(10 * ms), flat(10 * ms)})
	for i := range 9 {
		it := r.item(0, 1, time.Second)
		if r.arrive(it); it.Device != DeviceID(i%3) {
			t.Errorf("item %d is on device %d", i, it.Device)
		}
		r.settle()
	}
}

// A place spills as one: not before all of its devices are nearly late.
func TestPlacesSpillAsOne(t *testing.T) {
	r := fleet(t, FallbackBudget, []string{"gpu", "gpu", "cpu"}, []cost.Curve{flat(10 * ms), flat(10 * ms), flat(20 * ms)})
	for i, want := range []DeviceID{0, 1, 0, 1, 2} { // two run, two wait, and the next would be done at 30 of 40 ms
		it := r.item(0, 8, 40*ms)
		if v := r.arrive(it); !v.Admitted || it.Device != want || (it.Detour == Spilled) != (want == 2) {
			t.Errorf("item %d is on device %d as %q (%v), want %d", i, it.Device, it.Detour, v.Reason, want)
		}
	}
	r.settle()
}

// No device of a place has a queue while another has nothing to do, at any instant.
func TestNoPeerIdlesBesideAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(t, "devices")
		curve := line(8, time.Duration(rapid.IntRange(1, 20).Draw(t, "base"))*ms, time.Duration(rapid.IntRange(0, 3).Draw(t, "per row"))*ms)
		kinds, curves := make([]string, n), make([]cost.Curve, n)
		for i := range n {
			kinds[i], curves[i] = "gpu", curve
		}
		r := fleet(t, FallbackBudget, kinds, curves)
		r.conserve = true
		if rapid.Bool().Draw(t, "noise") { // makes the queues uneven
			r.took = func(b *Batch) time.Duration {
				return time.Duration(rapid.Float64Range(0.94, 1).Draw(t, "factor") * float64(r.run(b)))
			}
		}
		look := func() {
			idle := -1
			for i, d := range r.s.devices {
				if d.active == 0 {
					idle = i
				}
			}
			for it := range r.queued {
				if idle >= 0 {
					t.Fatalf("an item waits for device %d while %d has nothing to do", it.Device, idle)
				}
			}
		}
		for range rapid.IntRange(1, 80).Draw(t, "arrivals") {
			until := r.now.Add(time.Duration(rapid.IntRange(0, 8000).Draw(t, "gap")) * time.Microsecond)
			for r.now < until {
				at := min(until, r.s.Due())
				for _, end := range r.ends {
					at = min(at, end)
				}
				r.advance(max(at, r.now+1))
				look()
			}
			r.arrive(r.item(0, rapid.IntRange(1, 8).Draw(t, "rows"), time.Duration(rapid.IntRange(5, 200).Draw(t, "budget"))*ms))
			look()
		}
		r.settle()
	})
}

// What waits for a device moves to a peer that comes back.
func TestAPeerThatIsBackTakesWork(t *testing.T) {
	r := fleet(t, FallbackBudget, []string{"gpu", "gpu"}, []cost.Curve{flat(10 * ms), flat(10 * ms)})
	r.s.CloseDevice(r.now, 1, "test", &r.out)
	r.follow()
	for range 2 {
		r.arrive(r.item(0, 8, time.Second))
	}
	r.s.OpenDevice(r.now, 1, &r.out)
	r.follow()
	if len(r.queued) > 0 {
		t.Errorf("%d items wait beside a device with nothing to do", len(r.queued))
	}
	r.settle()
	if r.now.Sub(0) > 15*ms {
		t.Errorf("two batches took until %v on two devices", r.now.Sub(0))
	}
}
