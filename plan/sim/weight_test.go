package sim

import (
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/longtest"
	"sluice/internal/traffic"
)

// One model's overload takes no more than its weight from another: that one, at 0.4 of its share of the
// device, is answered as often as when it has the device alone, to within a point. Where a burst is
// more than its share holds within a budget it is answered at least as often as on a device of its own
// that is as fast as its share is large.
func TestOverloadTakesNoMoreThanItsWeight(t *testing.T) {
	slow := cost.Curve{{Rows: 1, P50: 4 * ms}, {Rows: 32, P50: 16 * ms}}
	f := func(name string, lanes int, cv, weight float64, calm, wild cost.Curve, budget, wildBudget time.Duration, wildRows int) {
		t.Helper()
		share := weight / (weight + 1)
		run := func(overload, speed float64) *Result {
			cfg := one(calm, maxBatch, traffic.Steady(0.4*share*float64(lanes)*calm.RowsPerSecond(maxBatch), cv), budget, 10*time.Second)
			cfg.Devices[0].Lanes, cfg.Noise = lanes, Usual
			cfg.Speed = func(int, clock.Instant) float64 { return 1 / speed }
			cfg.Models = append(cfg.Models, Model{"wild", maxBatch, []cost.Curve{wild}})
			rate := overload * (1 - share) * float64(lanes) * wild.RowsPerSecond(maxBatch) / float64(wildRows)
			cfg.Streams = append(cfg.Streams, Stream{Model: 1, Arrivals: traffic.Steady(rate, cv), Budget: wildBudget, Rows: wildRows})
			return mustRun(t, cfg, mustSchedule(t, cfg, Tuning{Weights: []float64{weight, 1}, Seeds: [][]cost.Curve{{swept(calm)}, {swept(wild)}}}))
		}
		alone, beside := run(0, 1).ByStream[0], run(5, 1).ByStream
		want, got := alone.Attainment()-0.01, beside[0]
		if got.Attainment() < want {
			want = min(want, run(0, share).ByStream[0].Attainment())
		}
		t.Logf("%s, %d lanes, CV %g, weight %g, %v beside %v: %.2f %% in time alone, %.2f beside an overload (%.2f broken), want %.2f; of the overload %.1f", name, lanes, cv, weight, budget, wildBudget,
			100*alone.Attainment(), 100*got.Attainment(), 100*got.broken(), 100*want, 100*beside[1].Attainment())
		if got.Attainment() < want {
			t.Errorf("%s, %d lanes, CV %g, weight %g, %v beside %v: %.2f %% in time, want %.2f", name, lanes, cv, weight, budget, wildBudget, 100*got.Attainment(), 100*want)
		}
	}
	for _, cv := range []float64{1, 3} {
		for _, lanes := range []int{1, 2} {
			f("like", lanes, cv, 1, resnet, resnet, 50*ms, 50*ms, 1)
			f("beside long batches", lanes, cv, 1, resnet, slow, 80*ms, 80*ms, 1)
			if longtest.LeftOut() {
				continue
			}
			f("like", lanes, cv, 1, resnet, resnet, 25*ms, 25*ms, 1)
			f("like", lanes, cv, 1, resnet, resnet, 25*ms, 100*ms, 1)
			f("like", lanes, cv, 1, resnet, resnet, 100*ms, 25*ms, 1)
			f("twice the weight", lanes, cv, 2, resnet, resnet, 50*ms, 50*ms, 1)
			f("half the weight", lanes, cv, 0.5, resnet, resnet, 50*ms, 50*ms, 1)
			f("beside long requests", lanes, cv, 1, resnet, resnet, 50*ms, 50*ms, 16)
			f("short runs", lanes, cv, 1, middling, middling, 20*ms, 20*ms, 1)
		}
	}
}
