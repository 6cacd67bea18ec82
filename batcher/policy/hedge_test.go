package policy

import (
	"math/rand/v2"
	"testing"
	"time"

	"sluice/internal/clock"
)

// A device whose runs are late now and then hangs in none of them: the looks that are for nothing
// become rare, whatever the noise, and a run that really hangs is still hedged.
func TestNoiseIsNoHang(t *testing.T) {
	for name, noise := range map[string]func(*rand.Rand) time.Duration{
		"hiccups of 4 ms in 3 %":  func(r *rand.Rand) time.Duration { return hiccup(r, 0.03, 4*ms) },
		"hiccups of 15 ms in 3 %": func(r *rand.Rand) time.Duration { return hiccup(r, 0.03, 15*ms) },
		"hiccups of 15 ms in 8 %": func(r *rand.Rand) time.Duration { return hiccup(r, 0.08, 15*ms) },
		"exponential of 2 ms":     func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(2*ms)) },
	} {
		r := two(t, FallbackBudget, flat(4*ms), flat(8*ms), DeviceOptions{Lanes: 2})
		random := rand.New(rand.NewPCG(1, 2))
		m, hung := r.s.models[0], false
		r.took = func(b *Batch) time.Duration {
			switch {
			case b.Device != 0:
				return 8 * ms
			case hung:
				return 300 * ms
			}
			return 4*ms + noise(random)
		}
		step := func(n int) (hedged int) {
			before := r.sent(1, Hedged)
			for range n {
				m.hedges = 100 // the ration is not what is tried
				r.arrive(r.item(0, 1, 100*ms))
				r.advance(r.now.Add(10 * ms))
			}
			return r.sent(1, Hedged) - before
		}
		step(200)
		if hedged := step(4000); hedged > 40 {
			t.Errorf("%s: %d of 4,000 requests were hedged and nothing was stuck", name, hedged)
		}
		hung = true
		before, late := r.sent(1, Hedged), r.late
		step(1)
		r.advance(r.now.Add(50 * ms))
		if got := r.sent(1, Hedged) - before; got != 1 {
			t.Errorf("%s: a run that hangs was hedged %d times", name, got)
		}
		r.settle()
		if r.late > late {
			t.Errorf("%s: the request of a run that hangs is late", name)
		}
	}
}

func hiccup(r *rand.Rand, share float64, of time.Duration) time.Duration {
	if r.Float64() < share {
		return of
	}
	return 0
}

// A look that comes late says that the process did not run, and that it has not read the device's
// answer yet either: it is put off, once.
func TestLateLookIsPutOff(t *testing.T) {
	f := func(name string, late time.Duration, hedged, again int) {
		t.Helper()
		r := two(t, FallbackBudget, flat(4*ms), flat(8*ms), DeviceOptions{Lanes: 2})
		r.s.models[0].hedges = 8
		r.took = func(b *Batch) time.Duration { return 50 * ms }
		r.arrive(r.item(0, 1, 200*ms))
		look := func(at clock.Instant) int {
			r.now = at
			r.s.watch(r.now, &r.out)
			r.follow()
			return r.sent(1, Hedged)
		}
		if got := look(r.s.nextWatch().Add(late)); got != hedged {
			t.Errorf("%s: %d hedged at the first look, want %d", name, got, hedged)
		}
		if got := look(r.s.nextWatch().Add(late)); got != again {
			t.Errorf("%s: %d hedged after the second look, want %d", name, got, again)
		}
		r.settle()
	}
	f("on time", 0, 1, 1)
	f("a little late", lookLate, 1, 1)
	f("late", lookLate+1, 0, 1)
	f("very late", 20*ms, 0, 1)
}

// A device that hangs costs none of the requests that it holds, running or staged, whatever is left
// of the ration: it is for noise.
func TestHangingDeviceIsHedgedWhole(t *testing.T) {
	s := New(SchedulerOptions{HangLimit: time.Second})
	device0(t, s, DeviceOptions{Name: "gpu", Lanes: 2, Stage: ms})
	device0(t, s, DeviceOptions{Name: "cpu", Lanes: 1})
	if _, err := s.AddModel(ModelOptions{Name: "m", MaxBatch: 8, Fallback: FallbackBudget, Devices: []ModelDevice{{Device: 0, Curve: flat(10 * ms)}, {Device: 1, Curve: flat(2 * ms)}}}); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, s)
	r.took = func(b *Batch) time.Duration {
		if b.Device == 0 {
			return 900 * ms
		}
		return 2 * ms
	}
	const requests = 16
	for range requests {
		r.s.models[0].hedges = 2
		r.arrive(r.item(0, 1, 100*ms))
		r.advance(r.now.Add(ms))
	}
	r.advance(r.now.Add(10 * ms))
	r.s.models[0].pressure.on = true
	r.settle()
	if r.completed != requests || r.late+r.dropped+r.failed > 0 {
		t.Errorf("%d completed, %d late, %d dropped, %d failed of %d", r.completed, r.late, r.dropped, r.failed, requests)
	}
}
