package sim

import (
	"fmt"
	"testing"

	"sluice/internal/longtest"
)

// The published figures of the recommended policy are measured again, as the mean of some samples; the
// scheduler must reach 0.95 of each with Poisson arrivals. In bursts of CV 3 one sample differs from another by
// 4 %, what was published is one, and eight of ours average to 0.94 of it: there 0.92 is wanted.
func TestSchedulerReachesThePublishedCapacity(t *testing.T) {
	longtest.Skip(t)
	requests := 150_000
	if *long {
		requests *= 10
	}
	const samples = 2
	f := func(s setting, published float64) {
		t.Helper()
		got, want := 0.0, 0.95
		if s.cv > 1 {
			want = 0.92
		}
		for seed := range uint64(samples) {
			got += Highest(0.1, 1.1, 0.004, func(load float64) bool {
				return sampled(t, real, s, load, requests, 1+seed).Attainment() >= 0.99
			}) / samples
		}
		t.Logf("budget %v, CV %g: %.3f of the best throughput, published %.3f", s.budget, s.cv, got, published)
		if got < want*published {
			t.Errorf("budget %v, CV %g: 99 %% in time up to %.3f, want %g of %.3f", s.budget, s.cv, got, want, published)
		}
	}
	f(setting{resnet, 15 * ms, 1}, 0.895)
	f(setting{resnet, 15 * ms, 3}, 0.499)
	f(setting{resnet, 25 * ms, 1}, 0.974)
	f(setting{resnet, 25 * ms, 3}, 0.750)
	f(setting{strong, 25 * ms, 1}, 0.960)
}

// overloadFaults says how a policy fails under overload: goodput that falls by 5 % from
// its peak, or 1 % of the executions done in vain, anywhere up to three times the load
// that it can carry.
func overloadFaults(t *testing.T, c candidate, s setting, requests int) (faults []string) {
	t.Helper()
	peak := 0.0
	for _, load := range []float64{0.9, 1, 1.25, 1.5, 2, 3} {
		r := at(t, c, s, load, requests)
		peak = max(peak, r.Goodput())
		if r.Goodput() < 0.95*peak {
			faults = append(faults, fmt.Sprintf("load %g: goodput %.3f of its peak", load, r.Goodput()/peak))
		}
		if r.Wasted() >= 0.01 {
			faults = append(faults, fmt.Sprintf("load %g: %.1f %% of the executions were late", load, 100*r.Wasted()))
		}
	}
	return faults
}

func TestSchedulerHoldsUnderOverload(t *testing.T) {
	f := func(s setting) {
		t.Helper()
		for _, fault := range overloadFaults(t, real, s, 100_000) {
			t.Errorf("budget %v, CV %g: %s", s.budget, s.cv, fault)
		}
	}
	f(setting{resnet, 15 * ms, 1})
	f(setting{resnet, 25 * ms, 1})
	f(setting{resnet, 25 * ms, 3})
	f(setting{strong, 25 * ms, 1})

	if got := at(t, real, setting{resnet, 25 * ms, 1}, 1.5, 200_000).Goodput() / resnet.RowsPerSecond(maxBatch); got < 0.95*0.997 {
		t.Errorf("goodput at 1.5 times the capacity is %.3f of it, want 0.95 of 0.997", got)
	}
}

// The overload test must tell good policies from bad ones.
func TestOverloadTestFailsTheControls(t *testing.T) {
	s := setting{resnet, 25 * ms, 1}
	for _, c := range controls {
		faults := overloadFaults(t, c, s, 50_000)
		if keeps := c.name == "window, fixed target"; keeps != (len(faults) == 0) {
			t.Errorf("%s: %d faults under overload: %v", c.name, len(faults), faults)
		}
	}
	// And each for its own reason: without drops nearly all is late, with the head sizing
	// the batch nothing is late but little is done.
	if got := at(t, controls[0], s, 1.5, 50_000); got.Goodput() > 0.05*resnet.RowsPerSecond(maxBatch) || got.Wasted() < 0.9 {
		t.Errorf("eager without drop at 1.5: goodput %.0f/s, wasted %.2f; it should collapse", got.Goodput(), got.Wasted())
	}
	if got := at(t, controls[3], s, 1.5, 50_000); got.Goodput() > 0.5*resnet.RowsPerSecond(maxBatch) || got.Wasted() > 0.05 {
		t.Errorf("sized by head at 1.5: goodput %.0f/s, wasted %.2f; it should starve", got.Goodput(), got.Wasted())
	}
}
