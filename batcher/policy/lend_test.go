package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/clock"
)

// checkLanes holds a device's lanes against what runs on it.
func (r *rig) checkLanes(d *device, runs map[int]bool) {
	r.t.Helper()
	serving, active, lent := 0, 0, 0
	hanging := map[ModelID]int{}
	for i := range d.lanes {
		l := &d.lanes[i]
		if l.serves() {
			serving++
		}
		if l.state == laneActive {
			active++
		}
		if l.state == laneLent {
			lent++
		}
		if on := l.state == laneActive || l.state == laneLent; on != runs[i] {
			r.t.Fatalf("lane %d of device %d is in state %d, and that it runs a batch is %v", i, d.id, l.state, runs[i])
		} else if on && l.hangs {
			hanging[l.batch.Model]++
		}
	}
	if serving != d.opts.Lanes || active != d.active || lent != d.lent || lent > d.opts.Spares {
		r.t.Fatalf("device %d has %d lanes and %d spares: %d serve, %d of %d are active, %d of %d lent", d.id, d.opts.Lanes, d.opts.Spares, serving, active, d.active, lent, d.lent)
	}
	for _, in := range d.on {
		switch {
		case in.hanging != hanging[in.model.id] || in.lent > in.hanging || in.lent > max(d.opts.Spares-1, 1):
			r.t.Fatalf("model %d has %d hanging runs, %d of them lent a lane; it counts %d", in.model.id, hanging[in.model.id], in.lent, in.hanging)
		case in.blocked() && in.items > 0:
			r.t.Fatalf("%d items wait behind runs that hang", in.items)
		}
	}
}

// Exactly once, no lane idle beside work, and never more or less lanes than the device has, while runs
// hang and end. A model's hanging runs leave a spare to the others.
func TestInvariantsWithSpareLanes(t *testing.T) {
	lent, refused := 0, uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, sceneOptions{noise: true, faults: rapid.Bool().Draw(t, "faults"), hangs: true})
		usual := s.onBatch
		s.onBatch = func(b *Batch) {
			usual(b)
			in := s.s.models[b.Model].instance(s.s.devices[b.Device])
			if in.blocked() {
				t.Fatalf("a batch was sealed of a model with %d hanging runs", in.hanging)
			}
			lent += in.device.lent
		}
		s.run(t)
		for _, m := range s.s.models {
			refused += m.counts.Refused[Hanging] + m.counts.Dropped[Hanging]
		}
		for _, d := range s.s.devices {
			if d.lent > 0 || d.active > 0 {
				t.Fatalf("all runs have ended, and %d lanes are lent and %d active", d.lent, d.active)
			}
		}
	})
	if lent < 10 || refused < 10 {
		t.Errorf("%d batches beside lanes that were lent, %d requests refused: the test proves little", lent, refused)
	}
}

// hosts is a scheduler of one device with models of one row in 5 ms.
func hosts(t *testing.T, lanes, spares, models int) *rig {
	s := New(SchedulerOptions{HangLimit: 10 * time.Second})
	device0(t, s, DeviceOptions{Name: "cpu", Lanes: lanes, Spares: spares})
	for range models {
		if _, err := s.AddModel(ModelOptions{Name: "m", MaxBatch: 1, Devices: []ModelDevice{{Device: 0, Curve: flat(5 * ms)}}}); err != nil {
			t.Fatal(err)
		}
	}
	return newRig(t, s)
}

// Models whose runs all hang cost the others at most the time until a run counts as hanging.
func TestHangingRunsLeaveTheirLanes(t *testing.T) {
	f := func(name string, lanes, spares, hanging int, spared bool) {
		t.Helper()
		r := hosts(t, lanes, spares, hanging+1)
		r.took = func(b *Batch) time.Duration {
			if int(b.Model) < hanging {
				return 9 * time.Second
			}
			return 5 * ms
		}
		for range lanes {
			for m := range hanging {
				r.arrive(r.item(ModelID(m), 1, time.Second))
			}
		}
		good, bad, early := 0, 0, 0
		noticed := clock.Instant(time.Duration(hanging)*hangLeast + 500*ms) // one after the other where there is one lane
		for range 800 {                                                     // four seconds
			it := r.item(ModelID(hanging), 1, 100*ms)
			if v := r.arrive(it); v.Reason == Hanging {
				t.Errorf("%s: a request of a model that does not hang was refused as hanging", name)
			} else if v.Admitted {
				good++
			} else if r.now < noticed {
				early++
			} else {
				bad++
			}
			for m := range hanging {
				r.arrive(r.item(ModelID(m), 1, 100*ms))
			}
			r.advance(r.now.Add(5 * ms))
		}
		if spared != (bad == 0) {
			t.Errorf("%s: %d answered, %d refused before the hangs were noticed, %d after; want none: %v", name, good, early, bad, spared)
		}
		r.settle()
	}
	f("one lane, no spare", 1, 0, 1, false)
	f("one lane", 1, 2, 1, true)
	f("one lane, two models that hang", 1, 2, 2, true)
	f("two lanes", 2, 3, 1, true)
	f("two lanes, two models that hang", 2, 3, 2, true)
	f("two lanes, no spare", 2, 0, 2, false)
}

// A model is refused while a run of it hangs, with the time until that passes the hang limit, and
// served again when it has ended.
func TestModelIsRefusedWhileItHangs(t *testing.T) {
	r := hosts(t, 1, 2, 1)
	hangs := true
	r.took = func(*Batch) time.Duration {
		if hangs {
			return 3 * time.Second
		}
		return 5 * ms
	}
	r.arrive(r.item(0, 1, 10*time.Second))
	r.arrive(r.item(0, 1, 10*time.Second)) // waits when the first begins to hang
	r.advance(clock.Instant(hangLeast + watchMost))
	if n := r.s.models[0].counts.Dropped[Hanging]; n != 1 {
		t.Errorf("%d items were given up as their model hangs, want 1", n)
	}
	v := r.arrive(r.item(0, 1, 10*time.Second))
	if v.Admitted || v.Reason != Hanging || v.Wait <= 8*time.Second || v.Wait > 10*time.Second {
		t.Errorf("while a run hangs an item got %+v", v)
	}
	if v := r.s.Preview(r.now, 0, 1, r.now, r.now.Add(time.Second)); v.Admitted || v.Reason != Hanging {
		t.Errorf("while a run hangs a preview got %+v", v)
	}
	if s := r.s.DeviceStats(0); s.Lent != 1 || s.Busy != 0 || s.Lanes != 1 {
		t.Errorf("while a run hangs the device is %+v", s)
	}
	hangs = false
	r.advance(clock.Instant(3*time.Second + ms))
	if v := r.arrive(r.item(0, 1, time.Second)); !v.Admitted {
		t.Errorf("after it an item got %v", v.Reason)
	}
	r.settle()
	if r.completed != 2 {
		t.Errorf("%d completed, want the one that hung and the last", r.completed)
	}
}

// A long run of a model that is known to be slow does not hang.
func TestSlowIsNotHanging(t *testing.T) {
	s := New(SchedulerOptions{HangLimit: 10 * time.Second})
	device0(t, s, DeviceOptions{Name: "cpu", Lanes: 1, Spares: 2})
	f := func(name string, on ModelDevice, want time.Duration) {
		t.Helper()
		id, err := s.AddModel(ModelOptions{Name: name, MaxBatch: 1, Devices: []ModelDevice{on}})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.models[id].on[0].patience(1); got != want {
			t.Errorf("%s: a run hangs after %v, want %v", name, got, want)
		}
	}
	f("quick", ModelDevice{Curve: flat(ms)}, hangLeast)
	f("slow", ModelDevice{Curve: flat(100 * ms)}, time.Second)
	f("very slow", ModelDevice{Curve: flat(2 * time.Second)}, 5*time.Second)
	f("unknown", ModelDevice{}, 5*time.Second)
	f("guessed", ModelDevice{Curve: flat(ms), Guess: true}, 5*time.Second)
}

func TestSparesAreNotNegative(t *testing.T) {
	for _, o := range []DeviceOptions{{Name: "d", Lanes: 1, Spares: -1}, {Name: "d", Lanes: 2, Stage: ms, Spares: 1}} {
		if _, err := New(SchedulerOptions{}).AddDevice(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
