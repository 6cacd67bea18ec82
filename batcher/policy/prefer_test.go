package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/cost"
)

// thrifty is two devices and a model that prefers the cheapest.
func thrifty(t fataler, fallback Fallback, first, second cost.Curve, firstPrice, secondPrice float64, lanes int) *rig {
	t.Helper()
	s := New(SchedulerOptions{})
	device0(t, s, DeviceOptions{Name: "gpu", Lanes: 1, Price: firstPrice})
	device0(t, s, DeviceOptions{Name: "cpu", Lanes: lanes, Price: secondPrice})
	_, err := s.AddModel(ModelOptions{
		Name: "m", MaxBatch: 8, Fallback: fallback, Prefer: PreferCheapest, UnfairRows: true,
		Devices: []ModelDevice{{Device: 0, Curve: first}, {Device: 1, Curve: second}},
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return newRig(t, s)
}

func TestPreferNames(t *testing.T) {
	for name, want := range map[string]Prefer{"": PreferOrder, "order": PreferOrder, "cheapest-in-budget": PreferCheapest} {
		if got, err := ParsePrefer(name); got != want || err != nil || name != "" && got.String() != name {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	if _, err := ParsePrefer("cheap"); err == nil || err.Error() != `prefer is "cheap"; it must be order or cheapest-in-budget` {
		t.Error(err)
	}
}

func TestCheapest(t *testing.T) {
	f := func(name string, fallback Fallback, gpuPrice, cpuPrice float64, lanes int, budget time.Duration, want DeviceID, why Detour) {
		t.Helper()
		r := thrifty(t, fallback, flat(5*ms), flat(10*ms), gpuPrice, cpuPrice, lanes)
		it := r.item(0, 1, budget)
		if v := r.arrive(it); !v.Admitted || it.Device != want || it.Detour != why {
			t.Errorf("%s: %v on %d as %q, want %d as %q", name, v.Reason, it.Device, it.Detour, want, why)
		}
		r.settle()
	}
	f("without prices the quicker one is the cheaper one", FallbackBudget, 0, 0, 1, 100*ms, 0, Direct)
	f("several lanes share a price", FallbackBudget, 0, 0, 4, 100*ms, 1, Cheaper)
	f("a dear device", FallbackBudget, 3, 1, 1, 100*ms, 1, Cheaper)
	f("not dear enough", FallbackBudget, 2.05, 1, 1, 100*ms, 0, Direct)
	f("the cheap one would be nearly late", FallbackBudget, 3, 1, 1, 12*ms, 0, Direct)
	f("fallback is for failures", FallbackFailure, 3, 1, 1, 100*ms, 0, Direct)
	f("there is no fallback", FallbackNever, 3, 1, 1, 100*ms, 0, Direct)
}

// Large batches may turn the order: what counts is the batch that the load makes, and not the one that a device which
// gets nothing would have.
func TestCheapestGoesByTheLoad(t *testing.T) {
	f := func(gap time.Duration, want DeviceID) {
		t.Helper()
		// A row alone costs 9 ms there and 4 here; eight cost 9.7 and 25.
		r := thrifty(t, FallbackBudget, line(8, 9*ms, ms/10), line(8, ms, 3*ms), 1, 1, 1)
		var last *Item
		for range 400 {
			r.advance(r.now.Add(gap))
			last = r.item(0, 1, 200*ms)
			if !r.arrive(last).Admitted {
				t.Fatalf("an item every %v was refused", gap)
			}
		}
		if last.Device != want {
			t.Errorf("an item every %v is on device %d, want %d", gap, last.Device, want)
		}
		r.settle()
	}
	f(50*ms, 1)
	f(2*ms, 0)
}

// What the order would answer in time is answered in time, and for no more money.
func TestCheapestIsInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, second := time.Duration(rapid.IntRange(1, 20).Draw(t, "first"))*ms, time.Duration(rapid.IntRange(1, 60).Draw(t, "second"))*ms
		price := rapid.SampledFrom([]float64{0, 0.1, 1, 2, 20})
		r := thrifty(t, FallbackBudget, line(8, first, ms), line(8, second, ms/2), price.Draw(t, "gpu's price"), price.Draw(t, "cpu's price"), rapid.IntRange(1, 3).Draw(t, "lanes"))
		m := r.s.models[0]
		for range rapid.IntRange(1, 60).Draw(t, "arrivals") {
			r.advance(r.now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "gap")) * time.Microsecond))
			it := r.item(0, rapid.IntRange(1, 8).Draw(t, "rows"), time.Duration(rapid.IntRange(1, 100).Draw(t, "budget"))*ms)
			for _, in := range m.on {
				in.refresh(r.now)
			}
			in, by, why := m.first(r.now, it)
			in, by, _ = m.divert(r.now, it, in, by, why, 0)
			inTime, orders := by.finish <= in.latest(it), in.perRow(m.arriving(), it.Rows)
			forecasts := []forecast{m.on[0].foresee(r.now, it), m.on[1].foresee(r.now, it)}
			costs := []float64{m.on[0].perRow(m.arriving(), it.Rows), m.on[1].perRow(m.arriving(), it.Rows)}
			v := r.arrive(it)
			if inTime && !v.Admitted {
				t.Fatalf("refused (%v), and by order device %d would be done at %d of %d", v.Reason, in.device.id, by.finish, it.Deadline)
			}
			if !inTime || it.Device == in.device.id {
				continue
			}
			if f := forecasts[it.Device]; f.finish > m.on[it.Device].latest(it) {
				t.Fatalf("on device %d to be done at %d of %d, and by order it would be in time", it.Device, f.finish, it.Deadline)
			}
			if it.Detour == Cheaper && costs[it.Device] > orders {
				t.Fatalf("a row costs %g on the device that is cheaper and %g by order", costs[it.Device], orders)
			}
		}
		r.settle()
	})
}

func TestRoutingByPriceAllocatesNothing(t *testing.T) {
	r := thrifty(t, FallbackBudget, line(8, 9*ms, ms/10), line(8, ms, 3*ms), 1, 1, 1)
	it := r.item(0, 1, 200*ms)
	m := r.s.models[0]
	if n := testing.AllocsPerRun(100, func() { m.cheapest(r.now, it, m.on[0], Direct, 0) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
