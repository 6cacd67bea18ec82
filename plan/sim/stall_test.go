package sim

import (
	"testing"
	"time"

	"sluice/internal/cost"
	"sluice/internal/traffic"
)

// A processor that the machine takes away for milliseconds says nothing about the model:
// short runs that now and then take hundreds of times as long must not make the
// scheduler refuse what it could serve.
func TestStallsDoNotCauseRefusals(t *testing.T) {
	short := cost.Curve{{Rows: 1, P50: 20 * time.Microsecond}, {Rows: 64, P50: 300 * time.Microsecond}}
	long := cost.Curve{{Rows: 1, P50: 2 * ms}, {Rows: 64, P50: 13 * ms}}
	f := func(name string, curve cost.Curve, budget time.Duration, load float64, noise Noise, seeds int, ofControl float64) {
		t.Helper()
		var got, control Count
		for seed := range uint64(seeds) {
			cfg := one(curve, 64, traffic.Steady(load*curve.RowsPerSecond(64), 1), budget, 4*time.Second)
			cfg.Noise, cfg.Seed = noise, seed+1
			got.add(mustRun(t, cfg, mustSchedule(t, cfg, Tuning{})).Count)
			control.add(mustRun(t, cfg, NewFixedWindow(64, curve, margin, budget)).Count)
		}
		if got.Attainment() < ofControl*control.Attainment() {
			t.Errorf("%s: %.4f in time (%d refused, %d dropped, %d late); a fixed window has %.4f", name,
				got.Attainment(), got.Refused, got.Dropped, got.Late, control.Attainment())
		}
	}
	f("short runs, rare stalls", short, 100*ms, 0.3, Noise{StallShare: 0.01, Stall: 5 * ms}, 1, 0.999)
	f("short runs, frequent stalls", short, 100*ms, 0.3, Noise{StallShare: 0.05, Stall: 5 * ms}, 1, 0.99)
	f("short runs, stalls in rows", short, 100*ms, 0.3, Noise{StallShare: 0.03, Stall: 10 * ms, StallRow: 3}, 1, 0.99)
	f("long runs, stalls", long, 20*ms, 0.8, Noise{StallShare: 0.05, Stall: 5 * ms}, 1, 0.97)
	// Four draws, since one moves by 2 in 100. Who may be promised an answer has to be known at arrival, and with such runs it is not: the
	// control gives up 12 in 100 later.
	f("long runs, often doubled", long, 20*ms, 0.8, Noise{Sigma: 0.2, HiccupShare: 0.1, HiccupTimes: 2}, 4, 0.92)
	f("long runs, overload, often doubled", long, 20*ms, 1.2, Noise{Sigma: 0.2, HiccupShare: 0.1, HiccupTimes: 2}, 4, 0.95)
}
