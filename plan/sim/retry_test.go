package sim

import (
	"math/rand/v2"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/traffic"
)

// waits notes how long refused requests are told to wait.
type waits struct {
	*Scheduler
	sum time.Duration
	n   int
}

func (w *waits) Arrive(now clock.Instant, r *Request) (bool, Lane) {
	admitted, lane := w.Scheduler.Arrive(now, r)
	if !admitted && !r.Back {
		w.sum, w.n = w.sum+r.Retry, w.n+1
	}
	return admitted, lane
}

// A refused request that comes back when it was told to, up to a quarter later at random, is
// answered in time in nine of ten cases below capacity.
func TestRefusedRequestsComeBackInTime(t *testing.T) {
	f := func(name string, curve cost.Curve, cv, load float64, budgets []time.Duration, rows []int) {
		t.Helper()
		cfg := Config{
			Devices: []Device{{Name: "device", Lanes: 1}}, Models: []Model{{"model", maxBatch, []cost.Curve{curve}}},
			Noise: Usual, Seed: 1, Warmup: time.Second, Length: 20 * time.Second,
		}
		mean := 0
		for _, r := range rows {
			mean += r
		}
		rate := load * curve.RowsPerSecond(curve.Best(maxBatch, budgets[0]/2)) * float64(len(rows)) / float64(mean)
		rng := rand.New(rand.NewPCG(1, 4711))
		process := traffic.Steady(rate, cv).Start(rng)
		all := &trace{}
		for at := process.Next(); at < cfg.Warmup+cfg.Length; at = process.Next() {
			all.left = append(all.left, Arrival{At: at, Rows: rows[rng.IntN(len(rows))], Budget: budgets[rng.IntN(len(budgets))]})
		}
		cfg.Streams = []Stream{{Source: all, Returns: 0.25}}
		w := &waits{Scheduler: mustSchedule(t, cfg, Tuning{Seeds: [][]cost.Curve{{swept(curve)}}})}
		r := mustRun(t, cfg, w)
		first, back := r.ByStream[0], r.Back[0]
		t.Logf("%s, CV %g, load %g: %.2f %% in time at first, %.1f %% of the %d that came back; told to wait %v", name, cv, load,
			100*first.Attainment(), 100*back.Attainment(), back.Arrived, (w.sum / time.Duration(max(w.n, 1))).Round(ms))
		if back.Arrived > 20 && back.Attainment() < 0.9 {
			t.Errorf("%s, CV %g, load %g: %.1f %% of %d that came back are in time, want 90", name, cv, load, 100*back.Attainment(), back.Arrived)
		}
		if most := 500 * ms; load < 0.8 && w.n > 0 && w.sum/time.Duration(w.n) > most {
			t.Errorf("%s, CV %g, load %g: told to wait %v, want at most %v", name, cv, load, w.sum/time.Duration(w.n), most)
		}
	}
	for _, cv := range []float64{1, 3} {
		for _, load := range []float64{0.7, 0.9} {
			f("single rows", resnet, cv, load, []time.Duration{25 * ms}, []int{1})
			f("1 to 16 rows", middling, cv, load, []time.Duration{20 * ms}, []int{1, 2, 4, 16})
			f("three budgets", middling, cv, load, []time.Duration{5 * ms, 20 * ms, 100 * ms}, []int{1, 2, 4, 8})
			f("gains by batching", strong, cv, load, []time.Duration{40 * ms}, []int{1})
		}
	}
}
