package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
)

// late is a scheduler with a model on the second of two devices alone, which has learned that its
// runs take 30 ms instead of 20.
func late(t *testing.T, f Fallback) *rig {
	t.Helper()
	s := New(SchedulerOptions{})
	device0(t, s, DeviceOptions{Name: "gpu", Kind: "cuda", Lanes: 1})
	cpu := device0(t, s, DeviceOptions{Name: "cpu", Kind: "cpu", Lanes: 1})
	if _, err := s.AddModel(ModelOptions{Name: "m", MaxBatch: 8, Fallback: f, Displaced: true, Devices: []ModelDevice{{Device: cpu, Curve: flat(20 * ms)}}}); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, s)
	r.took = func(b *Batch) time.Duration { return map[DeviceID]time.Duration{0: 5 * ms, 1: 30 * ms}[b.Device] }
	for range 200 {
		r.arrive(r.item(0, 1, 200*ms))
		r.advance(r.now.Add(10 * ms))
	}
	return r
}

// place puts the first model on the first device, before all others.
func (r *rig) place(t *testing.T, curve cost.Curve) {
	t.Helper()
	if err := r.s.Place(0, 0, ModelDevice{Device: 0, Curve: curve}, false, &r.out); err != nil {
		t.Fatal(err)
	}
	r.follow()
	r.check()
}

// A device that joins late gets the arrivals from then on. What was learned and counted stays, and
// what waits is answered.
func TestLateDevice(t *testing.T) {
	r := late(t, FallbackBudget)
	before, _ := r.s.ModelStats(r.now, 0)
	waiting := len(r.queued)
	if waiting == 0 {
		t.Fatal("nothing waits")
	}
	r.place(t, flat(5*ms))
	after, _ := r.s.ModelStats(r.now, 0)
	if after.Counts != before.Counts || after.Items != waiting {
		t.Errorf("counts %+v with %d waiting, before %+v with %d", after.Counts, after.Items, before.Counts, waiting)
	}
	gpu, cpu, was := after.Devices[0], after.Devices[1], before.Devices[0]
	if gpu.Name != "gpu" || gpu.BatchCounts != (BatchCounts{}) || gpu.Curve[0].P95 != 5*ms {
		t.Errorf("the device that has joined is %+v", gpu)
	}
	if cpu.Name != "cpu" || cpu.BatchCounts != was.BatchCounts || cpu.Runs != was.Runs || cpu.RowsPerSecond != was.RowsPerSecond || !slices.Equal(cpu.Curve, was.Curve) {
		t.Errorf("the device that was there is %+v, before %+v", cpu, was)
	}
	if learned := r.s.models[0].on[1].cost.Latency(3); was.RowsPerSecond < 90 || learned < 28*ms {
		t.Fatalf("%g rows per second and runs of %v: nothing was learned", was.RowsPerSecond, learned)
	}
	for range 100 {
		it := r.item(0, 1, 200*ms)
		if r.arrive(it); it.Device != 0 || it.Detour != Direct {
			t.Fatalf("an item goes to device %d because of %q", it.Device, it.Detour)
		}
		r.advance(r.now.Add(10 * ms))
	}
	r.settle()
	if r.completed != 300 || r.late+r.refused+r.dropped > 0 {
		t.Errorf("%d of 300 completed, %d late, %d refused, %d dropped", r.completed, r.late, r.refused, r.dropped)
	}
}

// What waits for devices that are like the late one is shared with it at once. Whether they are like
// does not depend on what was learned since.
func TestLatePeerTakesWork(t *testing.T) {
	f := func(name string, fallback Fallback, second cost.Curve, fetched bool) {
		t.Helper()
		s := New(SchedulerOptions{})
		for _, name := range []string{"late", "gpu"} {
			device0(t, s, DeviceOptions{Name: name, Kind: "gpu", Lanes: 1})
		}
		if _, err := s.AddModel(ModelOptions{Name: "m", MaxBatch: 8, Fallback: fallback, Devices: []ModelDevice{{Device: 1, Curve: flat(10 * ms)}}}); err != nil {
			t.Fatal(err)
		}
		r := newRig(t, s)
		r.took = func(*Batch) time.Duration { return 20 * ms }
		for range 50 {
			r.arrive(r.item(0, 1, time.Second))
			r.settle()
		}
		for range 3 {
			r.arrive(r.item(0, 8, time.Second))
		}
		r.place(t, second)
		if got := len(r.queued) == 1; got != fetched {
			t.Errorf("%s: %d items wait", name, len(r.queued))
		}
		r.settle()
	}
	f("a like one", FallbackBudget, flat(11*ms), true)
	f("a slower one", FallbackBudget, flat(30*ms), false)
	f("one that may not be used beside the other", FallbackNever, flat(11*ms), false)
}

func TestBadPlaces(t *testing.T) {
	r := late(t, FallbackBudget)
	f := func(id ModelID, at int, d DeviceID, want string) {
		t.Helper()
		if err := r.s.Place(id, at, ModelDevice{Device: d}, false, &r.out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(7, 0, 0, "the model is not in service")
	f(0, 2, 0, "no place 2 among its 1 devices")
	f(0, -1, 0, "no place -1")
	f(0, 0, 1, "device 1 is listed twice")
	f(0, 0, 2, "device 2 does not exist")
	if stats, _ := r.s.ModelStats(r.now, 0); len(stats.Devices) != 1 || len(r.s.devices[0].on) != 0 {
		t.Error("a place that was refused was taken")
	}
	r.settle()
	r.s.CloseModel(0)
	f(0, 0, 0, "the model is not in service")
}

// A newer version that takes the requests of an older one makes batches as large as they need at once, and the older one is
// no load on the device any more.
func TestSucceedCarriesArrivalsOver(t *testing.T) {
	s := New(SchedulerOptions{})
	d := device0(t, s, DeviceOptions{Name: "cpu", Kind: "cpu", Lanes: 1})
	var ids [2]ModelID
	for i := range ids {
		var err error
		ids[i], err = s.AddModel(ModelOptions{Name: "m", MaxBatch: 64, Budget: 1000 * ms, Devices: []ModelDevice{{Device: d, Curve: cost.Curve{{Rows: 1, P50: ms, P95: ms}, {Rows: 64, P50: 8 * ms, P95: 8 * ms}}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	old, fresh := s.model(ids[0]).on[0], s.model(ids[1]).on[0]
	now := clock.Instant(0)
	for range 100 { // 4,000 rows a second
		old.arrivals.add(now, 40)
		now = now.Add(10 * ms)
	}
	old.device.refresh(now)
	was, mean := old.target, old.arrivals.mean
	if was < 4 || fresh.target != 1 {
		t.Fatalf("before: the targets are %d and %d", was, fresh.target)
	}
	s.Succeed(now, ids[0], ids[1])
	if fresh.target != was || fresh.arrivals.mean != mean || old.live() || fresh.share != 1 {
		t.Errorf("after: the target is %d, was %d; %v rows a second, were %v; the old one counts as load: %v", fresh.target, was, fresh.arrivals.mean, mean, old.live())
	}
	s.Succeed(now, ids[0], ids[0]) // nothing changes
	if fresh.target != was {
		t.Errorf("the target is %d", fresh.target)
	}
}
