package sim

import (
	"testing"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/traffic"
)

// The set-up of the published figures for CPU fallback: the GPU beside four CPU workers
// that take so long for each row, a budget of 25 ms.
const (
	spillBudget = 25 * ms
	workers     = 4
)

func spillConfig(rowOnCPU time.Duration, cv, load float64, requests int) Config {
	cpu := cost.Curve{{Rows: 1, P50: rowOnCPU}, {Rows: maxBatch, P50: maxBatch * rowOnCPU}}
	rate := load * resnet.RowsPerSecond(maxBatch)
	length := time.Duration(float64(requests) / rate * float64(time.Second))
	return Config{
		Devices: []Device{{Name: "gpu", Lanes: 1}, {Name: "cpu", Lanes: workers}},
		Models:  []Model{{"model", maxBatch, []cost.Curve{resnet, cpu}}},
		Streams: []Stream{{Arrivals: traffic.Steady(rate, cv), Budget: spillBudget}},
		Noise:   Usual, Seed: 1, Warmup: length / 20, Length: length,
	}
}

// spillRun simulates the scheduler at a load, as a part of what the GPU can do.
func spillRun(t *testing.T, rowOnCPU time.Duration, f policy.Fallback, cv, load float64, requests int) *Result {
	t.Helper()
	cfg := spillConfig(rowOnCPU, cv, load, requests)
	seeds := [][]cost.Curve{{swept(resnet), swept(cfg.Models[0].Curves[1])}}
	return mustRun(t, cfg, mustSchedule(t, cfg, Tuning{Seeds: seeds, Fallback: f}))
}

// figures are the highest load with 99 % in time at CV 1, goodput at 1.3 times the GPU's
// capacity, both as parts of that, and attainment at 0.8 of it with CV 3.
type figures [3]float64

func measure(run func(cv, load float64, requests int) *Result, requests int) figures {
	most := Highest(0.8, 1.4, 0.008, func(load float64) bool { return run(1, load, requests).Attainment() >= 0.99 })
	over := run(1, 1.3, requests).Goodput() / resnet.RowsPerSecond(maxBatch)
	return figures{most, over, run(3, 0.8, requests).Attainment()}
}

// The published table for CPU fallback. Ours changes between 0.3 and 0.5 of the budget, 7.5
// and 12.5 ms, where the published rows hold 8 or 12 ms. The figures of another simulator
// are within 3 % by sampling; attainments, of which only the misses are sampled, within 0.015.
func TestPublishedSpillTable(t *testing.T) {
	requests := 100_000
	if *long {
		requests *= 5
	}
	f := func(name string, run func(cv, load float64, requests int) *Result, want figures) {
		t.Helper()
		got := measure(run, requests)
		t.Logf("%-22s %.3f, published %.3f", name, got, want)
		for i, slack := range []float64{0.03, 0.03, 0.015} {
			if d := got[i] - want[i]; d > slack || d < -slack {
				t.Errorf("%s: column %d is %.3f, published %.3f", name, i, got[i], want[i])
			}
		}
	}
	ours := func(row time.Duration, f policy.Fallback) func(float64, float64, int) *Result {
		return func(cv, load float64, requests int) *Result { return spillRun(t, row, f, cv, load, requests) }
	}
	f("no fallback", ours(10*ms, policy.FallbackNever), figures{0.972, 0.998, 0.975})
	f("spill, 6 ms a row", ours(6*ms, policy.FallbackBudget), figures{1.193, 1.215, 0.998})
	f("spill, 10 ms a row", ours(10*ms, policy.FallbackBudget), figures{1.091, 1.127, 0.994})
	f("spill, 18 ms a row", ours(18*ms, policy.FallbackBudget), figures{1.027, 1.071, 0.987})
	control := func(cv, load float64, requests int) *Result {
		cfg := spillConfig(10*ms, cv, load, requests)
		return mustRun(t, cfg, NewQueueSpill(maxBatch, resnet, margin, spillBudget, 16))
	}
	f("control: queue over 16", control, figures{0.945, 0.959, 0.845})
	if got := control(3, 0.8, requests).Latency(0.999); got < 10*spillBudget {
		t.Errorf("the control's 99.9th percentile is %v; its queue should be a tarpit", got)
	}
	if got := spillRun(t, 10*ms, policy.FallbackBudget, 3, 0.8, requests).Latency(0.999); got > spillBudget {
		t.Errorf("with spill the 99.9th percentile of the executed is %v", got)
	}
}

// At 1.3 times the GPU's capacity at least 0.7 of what the CPU can do is recovered, which is
// what makes spilling early worth it: published for 0.3 to 0.5 of the budget are 0.88 to 0.94.
func TestSpillRecoversTheOtherDevice(t *testing.T) {
	best := resnet.RowsPerSecond(maxBatch)
	off := spillRun(t, 10*ms, policy.FallbackNever, 1, 1.3, 200_000).Goodput()
	on := spillRun(t, 10*ms, policy.FallbackBudget, 1, 1.3, 200_000).Goodput()
	cpu := workers / (10 * ms).Seconds()
	if part := (on - off) / cpu; part < 0.85 {
		t.Errorf("spill recovers %.2f of the CPU's rows (%.3f against %.3f of the GPU's)", part, on/best, off/best)
	}
}

// Goodput with spill is never below that without, at any load up to three times the GPU's
// capacity and any burstiness.
func TestSpillNeverHurts(t *testing.T) {
	for _, row := range []time.Duration{10 * ms, 18 * ms, 40 * ms} { // the last never makes it
		for _, cv := range []float64{0.5, 1, 3} {
			for _, load := range []float64{0.3, 0.9, 1, 1.3, 3} {
				off := spillRun(t, row, policy.FallbackNever, cv, load, 20_000)
				on := spillRun(t, row, policy.FallbackBudget, cv, load, 20_000)
				if on.Goodput() < 0.995*off.Goodput() {
					t.Errorf("%v a row, CV %g, load %g: goodput %.0f/s with spill, %.0f/s without", row, cv, load, on.Goodput(), off.Goodput())
				}
				if load == 0.3 && cv <= 1 && on.Devices[1].Rows > on.Devices[0].Rows/100 {
					t.Errorf("%v a row, CV %g, load %g: %d rows ran on the CPU, %d on the GPU", row, cv, load, on.Devices[1].Rows, on.Devices[0].Rows)
				}
			}
		}
	}
	queue := spillConfig(10*ms, 3, 0.8, 100_000)
	off := spillRun(t, 10*ms, policy.FallbackNever, 3, 0.8, 100_000)
	if got := mustRun(t, queue, NewQueueSpill(maxBatch, resnet, margin, spillBudget, 16)); got.Goodput() > 0.995*off.Goodput() {
		t.Errorf("the control passes too, with %.0f/s against %.0f/s; the test proves nothing", got.Goodput(), off.Goodput())
	}
}

// stats are what the scheduler says of its only model at the end of a run.
func stats(t *testing.T, cfg Config, tune Tuning) (*Result, policy.ModelStats) {
	t.Helper()
	p := mustSchedule(t, cfg, tune)
	r := mustRun(t, cfg, p)
	s, _ := p.Core.ModelStats(r.End, p.ids[0])
	return r, s
}

// Under a constant load the mode changes at most once in 50 ms, also around the load at
// which it changes; no more than one request in a hundred runs twice, though one run in
// fifty takes ten times as long.
func TestModesAndHedgesAreBounded(t *testing.T) {
	hedged, changed := uint64(0), uint64(0)
	// Slow runs that are frequent are learned and hedged no more; rare ones go on being hedged.
	for _, share := range []float64{0.02, 0.004} {
		for _, cv := range []float64{1, 3} {
			for _, load := range []float64{0.3, 0.6, 0.8, 0.9, 1, 1.2} {
				cfg := spillConfig(10*ms, cv, load, 50_000)
				cfg.Noise = Noise{Sigma: 0.02, HiccupShare: share, HiccupTimes: 10}
				r, s := stats(t, cfg, Tuning{})
				if most := uint64(r.End.Sub(0)/(50*ms)) + 1; s.ModeChanges > most {
					t.Errorf("%g slow, CV %g, load %g: %d changes of mode in %v", share, cv, load, s.ModeChanges, r.End.Sub(0))
				}
				n := uint64(0)
				for _, d := range s.Devices {
					n += d.Sent[policy.Hedged]
				}
				if n > s.Admitted/100 {
					t.Errorf("%g slow, CV %g, load %g: %d hedges for %d requests", share, cv, load, n, s.Admitted)
				}
				hedged, changed = hedged+n, changed+s.ModeChanges
			}
		}
	}
	if hedged < 20 || changed < 20 {
		t.Errorf("%d hedges and %d changes of mode in all; the test proves little", hedged, changed)
	}
	t.Logf("%d hedges, %d changes of mode", hedged, changed)
}

// A GPU that becomes ten times slower for two seconds: the requests go on in time on the CPU,
// and the GPU is used again soon after its recovery.
func TestSlowDeviceCostsLittle(t *testing.T) {
	at := func(warmup, length time.Duration) *Result {
		cfg := spillConfig(2*ms, 1, 0.5, 1)
		cfg.Warmup, cfg.Length = warmup, length
		cfg.Speed = func(device int, at clock.Instant) float64 {
			if device == 0 && at > clock.Instant(2*time.Second) && at < clock.Instant(4*time.Second) {
				return 10
			}
			return 1
		}
		return mustRun(t, cfg, mustSchedule(t, cfg, Tuning{Seeds: [][]cost.Curve{{swept(resnet), swept(cfg.Models[0].Curves[1])}}}))
	}
	if got := at(2*time.Second, time.Second).Attainment(); got < 0.97 {
		t.Errorf("%.4f in time in the second of the slow-down", got)
	}
	if got := at(3*time.Second, time.Second).Attainment(); got < 0.995 {
		t.Errorf("%.4f in time in the second after it", got)
	}
	all := at(0, 8*time.Second)
	if slow := at(0, 4*time.Second); all.Devices[0].Rows < slow.Devices[0].Rows+3*int(0.5*resnet.RowsPerSecond(maxBatch)) {
		t.Errorf("%d rows ran on the GPU by the end of the slow-down, %d four seconds later", slow.Devices[0].Rows, all.Devices[0].Rows)
	}
}

// A model that lives on the CPU keeps its service although another's GPU is overloaded three
// times, if what that may spill is bounded.
func TestFallbackShareProtectsTheModelsAtHome(t *testing.T) {
	run := func(share float64) *Result {
		cfg := spillConfig(10*ms, 1, 3, 60_000)
		cfg.Devices[1].FallbackShare = share
		home := cost.Curve{{Rows: 1, P50: 8 * ms}, {Rows: maxBatch, P50: 8 * ms * maxBatch}}
		cfg.Models = append(cfg.Models, Model{"at home", maxBatch, []cost.Curve{nil, home}})
		cfg.Streams = append(cfg.Streams, Stream{Model: 1, Arrivals: traffic.Steady(250, 1), Budget: 40 * ms}) // half of the CPU
		return mustRun(t, cfg, mustSchedule(t, cfg, Tuning{}))
	}
	free, bound := run(0).ByStream[1].Attainment(), run(0.3).ByStream[1].Attainment()
	t.Logf("in time at home: %.3f without a bound, %.3f with", free, bound)
	if bound < 0.99 || free > bound {
		t.Errorf("in time at home: %.3f with the bound, %.3f without", bound, free)
	}
}

// Whatever the mix of devices and models, the ledger closes and, without noise, nothing is
// late, under each policy.
func TestPoliciesKeepTheLedger(t *testing.T) {
	for seed := range uint64(30) {
		for f := range policy.Fallback(policy.Fallbacks) {
			cfg := drawn(seed)
			cfg.Devices = append(cfg.Devices, Device{Name: "spare", Lanes: 1, FallbackShare: 0.5})
			for i := range cfg.Models {
				cfg.Models[i].Curves = append(cfg.Models[i].Curves, cfg.Models[i].Curves[0])
			}
			cfg.Audit = true
			r := mustRun(t, cfg, mustSchedule(t, cfg, Tuning{Fallback: f}))
			if late := r.Late - r.LateProbes; late > 0 {
				t.Errorf("seed %d, %v: %d late", seed, f, late)
			}
		}
	}
}
