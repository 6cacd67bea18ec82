package sim

import (
	"math/rand/v2"
	"testing"
	"time"

	"sluice/internal/cost"
)

// ranker is the example model on a core, as warm-up measured it.
var ranker = cost.Curve{
	{Rows: 1, P50: 40 * time.Microsecond}, {Rows: 16, P50: 104 * time.Microsecond}, {Rows: 64, P50: 344 * time.Microsecond},
	{Rows: 128, P50: 713 * time.Microsecond}, {Rows: 192, P50: 1080 * time.Microsecond}, {Rows: 256, P50: 1373 * time.Microsecond},
}

// mixedRows sends requests of 1 to 500 rows, those of 1 to 64, of 65 to 256 and of more as streams.
func mixedRows(t *testing.T, cv, load float64, budget time.Duration, tune Tuning, most int, curve cost.Curve) *Result {
	t.Helper()
	cfg := Config{
		Devices: []Device{{Name: "cpu", Lanes: 1}}, Models: []Model{{"ranker", most, []cost.Curve{curve}}},
		Noise: Usual, Seed: 1, Warmup: time.Second, Length: 20 * time.Second,
	}
	traces := []*trace{{}, {}, {}}
	rng := rand.New(rand.NewPCG(1, 4711))
	process := Arrivals{Constant(load * curve.RowsPerSecond(most) / 250.5), cv}
	for at := process.After(0, rng); at < cfg.Warmup+cfg.Length; at = process.After(at, rng) {
		rows := 1 + rng.IntN(500)
		to := traces[2]
		if rows <= 64 {
			to = traces[0]
		} else if rows <= 256 {
			to = traces[1]
		}
		to.left = append(to.left, Arrival{At: at, Rows: rows, Budget: budget})
	}
	for _, tr := range traces {
		cfg.Streams = append(cfg.Streams, Stream{Source: tr})
	}
	tune.Seeds = [][]cost.Curve{{swept(curve)}}
	return mustRun(t, cfg, mustSchedule(t, cfg, tune))
}

func TestLongListsAreNotLeftBehind(t *testing.T) {
	whole := append(ranker[:len(ranker):len(ranker)], cost.Point{Rows: 512, P50: 2746 * time.Microsecond})
	for _, most := range []int{256, 512} {
		curve := ranker
		if most == 512 {
			curve = whole
		}
		for _, cv := range []float64{1, 3} {
			for _, load := range []float64{0.7, 1, 1.2, 1.5} {
				for _, budget := range []time.Duration{8 * ms, 12 * ms, 25 * ms, 100 * ms} {
					r := mixedRows(t, cv, load, budget, Tuning{}, most, curve)
					s := r.ByStream
					t.Logf("max %d, CV %g, load %g, budget %v: %.1f %% of short ones, %.1f of middling, %.1f of long; rows %.3f of the capacity; broken %.2f", most, cv, load, budget,
						100*s[0].Attainment(), 100*s[1].Attainment(), 100*s[2].Attainment(), float64(r.GoodRows)/20/curve.RowsPerSecond(most), 100*r.broken())
				}
			}
		}
	}
}
