package sim

import (
	"testing"
	"time"

	"sluice/internal/cost"
)

// One model's overload takes no more than its weight from another: that one, at 0.4 of its share of the
// device, is answered as often as when it has the device alone, to within a point.
func TestOverloadTakesNoMoreThanItsWeight(t *testing.T) {
	slow := cost.Curve{{Rows: 1, P50: 4 * ms}, {Rows: 32, P50: 16 * ms}}
	f := func(name string, lanes int, cv, weight float64, calm, wild cost.Curve, budget, wildBudget time.Duration, wildRows int) {
		t.Helper()
		share := weight / (weight + 1) * float64(lanes)
		run := func(overload float64) *Result {
			cfg := one(calm, maxBatch, Arrivals{Constant(0.4 * share * calm.RowsPerSecond(maxBatch)), cv}, budget, 20*time.Second)
			cfg.Devices[0].Lanes, cfg.Noise = lanes, Usual
			cfg.Models = append(cfg.Models, Model{"wild", maxBatch, []cost.Curve{wild}})
			rate := overload * (float64(lanes) - share) * wild.RowsPerSecond(maxBatch) / float64(wildRows)
			cfg.Streams = append(cfg.Streams, Stream{Model: 1, Arrivals: Arrivals{Constant(rate), cv}, Budget: wildBudget, Rows: wildRows})
			return mustRun(t, cfg, mustSchedule(t, cfg, Tuning{Weights: []float64{weight, 1}, Seeds: [][]cost.Curve{{swept(calm)}, {swept(wild)}}}))
		}
		alone, beside := run(0).ByStream[0], run(5)
		got := beside.ByStream[0]
		t.Logf("%s, %d lanes, CV %g, weight %g, %v beside %v: %.2f %% in time alone, %.2f beside (%.2f refused, %.2f broken); the other %.1f %% of %.1f", name, lanes, cv, weight, budget, wildBudget,
			100*alone.Attainment(), 100*got.Attainment(), 100*got.refused(), 100*got.broken(), 100*beside.ByStream[1].Attainment(), 20.0)
		if got.Attainment() < alone.Attainment()-0.01 {
			t.Errorf("%s, %d lanes, CV %g, weight %g, %v beside %v: %.2f %% in time alone, %.2f beside an overload", name, lanes, cv, weight, budget, wildBudget, 100*alone.Attainment(), 100*got.Attainment())
		}
	}
	for _, cv := range []float64{1, 3} {
		for _, lanes := range []int{1, 2} {
			f("like", lanes, cv, 1, resnet, resnet, 50*ms, 50*ms, 1)
			f("like", lanes, cv, 1, resnet, resnet, 25*ms, 25*ms, 1)
			f("like", lanes, cv, 1, resnet, resnet, 25*ms, 100*ms, 1)
			f("like", lanes, cv, 1, resnet, resnet, 100*ms, 25*ms, 1)
			f("twice the weight", lanes, cv, 2, resnet, resnet, 50*ms, 50*ms, 1)
			f("half the weight", lanes, cv, 0.5, resnet, resnet, 50*ms, 50*ms, 1)
			f("beside long batches", lanes, cv, 1, resnet, slow, 80*ms, 80*ms, 1)
			f("beside long requests", lanes, cv, 1, resnet, resnet, 50*ms, 50*ms, 16)
			f("short runs", lanes, cv, 1, middling, middling, 20*ms, 20*ms, 1)
		}
	}
}
