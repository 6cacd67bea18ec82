package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/internal/cost"
	"sluice/internal/task"
	"sluice/internal/traffic"
)

func mustSchedule(t *testing.T, cfg Config, tune Tuning) *Scheduler {
	t.Helper()
	p, err := NewScheduler(cfg, tune)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// drawn is a random configuration: some devices, models, streams of mixed rows,
// budgets, classes and burstiness, from idle to three times overloaded.
func drawn(seed uint64) Config {
	rng := rand.New(rand.NewPCG(seed, 99))
	cfg := Config{Seed: seed, Length: 2 * time.Second}
	for i := range 1 + rng.IntN(3) {
		cfg.Devices = append(cfg.Devices, Device{Name: fmt.Sprint("device ", i), Lanes: 1 + rng.IntN(3)})
	}
	for i := range 1 + rng.IntN(3) {
		m := Model{Name: fmt.Sprint("model ", i), MaxBatch: 1 << rng.IntN(6)}
		fixed, row := 0.2+3*rng.Float64(), 0.05+0.5*rng.Float64()
		for d := range cfg.Devices {
			slower := 1 + float64(d)*rng.Float64()
			if d > 0 && rng.IntN(4) == 0 {
				m.Curves = append(m.Curves, nil)
				continue
			}
			var curve cost.Curve
			for _, b := range cost.Sizes(m.MaxBatch) {
				l := time.Duration((fixed + row*float64(b)) * slower * 1e6)
				curve = append(curve, cost.Point{Rows: b, P50: l, P95: l})
			}
			m.Curves = append(m.Curves, curve)
		}
		cfg.Models = append(cfg.Models, m)
		best := m.Curves[0].RowsPerSecond(m.MaxBatch) / float64(len(cfg.Models))
		for range 1 + rng.IntN(3) {
			rows := 1 + rng.IntN(min(m.MaxBatch, 4))
			cfg.Streams = append(cfg.Streams, Stream{
				Model: i, Rows: rows, Class: task.Priority(rng.IntN(task.Priorities)),
				Budget:   time.Duration((2 + 30*rng.Float64()) * 1e6),
				Arrivals: traffic.Steady(3*rng.Float64()*best/float64(rows), []float64{0.5, 1, 3}[rng.IntN(3)]),
			})
		}
	}
	return cfg
}

// With an exact oracle and no noise no batch may be late, and no lane may idle while it
// could serve a request: whatever the mix.
func TestNothingLateAndNothingIdleWithAnOracle(t *testing.T) {
	executed := 0
	for seed := range uint64(60) {
		cfg := drawn(seed)
		cfg.Audit = true
		for i := range cfg.Devices {
			if cfg.Devices[i].Lanes == 2 {
				cfg.Devices[i].Stage = time.Duration(seed%4) * 200 * time.Microsecond
			}
		}
		r := mustRun(t, cfg, mustSchedule(t, cfg, Tuning{}))
		if late := r.Late - r.LateProbes; late > 0 {
			t.Errorf("seed %d: %d of %d executed requests were late", seed, late, r.OK+r.Late)
		}
		executed += r.OK
	}
	if executed < 10_000 {
		t.Errorf("only %d requests were executed in all; the configurations prove little", executed)
	}
}

func TestLedgerClosesUnderNoise(t *testing.T) {
	for seed := range uint64(60) {
		cfg := drawn(seed)
		cfg.Noise = Noise{Sigma: 0.3, HiccupShare: 0.02, HiccupTimes: 10}
		mustRun(t, cfg, mustSchedule(t, cfg, Tuning{SpreadAfter: time.Duration(seed%3) * ms}))
	}
}

// digest sums up every decision of a run in order.
func digest(t *testing.T, cfg Config) uint64 {
	t.Helper()
	sum := fnv.New64a()
	cfg.Observe = func(d Decision) { fmt.Fprintln(sum, d) }
	mustRun(t, cfg, mustSchedule(t, cfg, Tuning{}))
	return sum.Sum64()
}

func TestSameSeedSameDecisions(t *testing.T) {
	for seed := range uint64(10) {
		cfg := drawn(seed)
		cfg.Noise = Usual
		first, again := digest(t, cfg), digest(t, cfg)
		if first != again {
			t.Errorf("seed %d: two runs decided differently", seed)
		}
		cfg.Seed += 1000
		if other := digest(t, cfg); other == first {
			t.Errorf("seed %d: another seed decided the same; the log proves nothing", seed)
		}
	}
}
