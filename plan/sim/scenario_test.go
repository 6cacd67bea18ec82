package sim

import (
	"fmt"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/traffic"
)

func TestSeveralModelsOnOneDevice(t *testing.T) {
	// Published: four equal models reach 0.82 of what one does, at a budget of 25 ms.
	const models, published = 4, 0.82
	got := Highest(0.3, 1.1, 0.008, func(load float64) bool {
		cfg := Config{Devices: []Device{{Name: "gpu", Lanes: 1}}, Noise: Usual, Seed: 1, Warmup: time.Second, Length: 60 * time.Second}
		seeds := make([][]cost.Curve, models)
		for i := range models {
			cfg.Models = append(cfg.Models, Model{fmt.Sprint(i), maxBatch, []cost.Curve{resnet}})
			rate := load * resnet.RowsPerSecond(maxBatch) / models
			cfg.Streams = append(cfg.Streams, Stream{Model: i, Arrivals: traffic.Steady(rate, 1), Budget: 25 * ms})
			seeds[i] = []cost.Curve{swept(resnet)}
		}
		return mustRun(t, cfg, mustSchedule(t, cfg, Tuning{Seeds: seeds})).Attainment() >= 0.99
	})
	t.Logf("four models: %.3f, published %.3f", got, published)
	if got < 0.95*published {
		t.Errorf("99 %% in time up to %.3f, want 0.95 of %.3f", got, published)
	}
}

func TestDevicesAddUp(t *testing.T) {
	f := func(load float64, want float64) {
		t.Helper()
		slow := make(cost.Curve, len(resnet))
		for i, p := range resnet {
			slow[i] = cost.Point{Rows: p.Rows, P50: p.P50 * 3 / 2}
		}
		both := resnet.RowsPerSecond(maxBatch) + slow.RowsPerSecond(maxBatch)
		cfg := Config{
			Devices: []Device{{Name: "fast", Lanes: 1}, {Name: "slow", Lanes: 1}},
			Models:  []Model{{"model", maxBatch, []cost.Curve{resnet, slow}}},
			Streams: []Stream{{Arrivals: traffic.Steady(load*both, 1), Budget: 30 * ms}},
			Noise:   Usual, Seed: 1, Warmup: time.Second, Length: 20 * time.Second,
		}
		r := mustRun(t, cfg, mustSchedule(t, cfg, Tuning{Seeds: [][]cost.Curve{{swept(resnet), swept(slow)}}}))
		if got := r.Goodput() / both; got < want {
			t.Errorf("load %g: goodput %.3f of both devices together, want %.3f", load, got, want)
		}
		if load < 0.2 && r.Devices[1].Rows > r.Devices[0].Rows/100 {
			t.Errorf("load %g: %d rows ran on the second choice, %d on the first", load, r.Devices[1].Rows, r.Devices[0].Rows)
		}
	}
	f(0.1, 0.099)
	f(0.5, 0.495)
	f(0.7, 0.595) // at least what the first choice does alone
	f(1.5, 0.95)
}

// A device that slows down to two thirds in mid-run: published 0.996 of the requests
// in time with an online estimate, 0.979 with a frozen one, at 0.6 of the capacity.
func TestThrottledDeviceIsNoticed(t *testing.T) {
	s := setting{resnet, 25 * ms, 1}
	cfg := one(resnet, maxBatch, traffic.Steady(0.6*resnet.RowsPerSecond(maxBatch), 1), s.budget, 60*time.Second)
	cfg.Noise = Usual
	cfg.Speed = func(_ int, at clock.Instant) float64 {
		if at > clock.Instant(30*time.Second) {
			return 1.5
		}
		return 1
	}
	if got := mustRun(t, cfg, gateway(s)).Attainment(); got < 0.99 {
		t.Errorf("%.4f in time, want 0.99", got)
	}
}

// A device that is far too slow for a while: all is refused, and that must end within
// 200 ms of its recovery.
func TestRefusalsEndWithTheirCause(t *testing.T) {
	s := setting{resnet, 25 * ms, 1}
	const recovery = 3 * time.Second
	during := func(warmup, length time.Duration) *Result {
		cfg := one(resnet, maxBatch, traffic.Steady(0.5*resnet.RowsPerSecond(maxBatch), 1), s.budget, length)
		cfg.Warmup = warmup
		cfg.Speed = func(_ int, at clock.Instant) float64 {
			if at > clock.Instant(time.Second) && at < clock.Instant(recovery) {
				return 20
			}
			return 1
		}
		return mustRun(t, cfg, gateway(s))
	}
	if got := during(1500*ms, time.Second).Attainment(); got > 0.01 {
		t.Errorf("%.3f in time on a device that needs longer than the budget for one row", got)
	}
	if got := during(recovery+200*ms, time.Second).Attainment(); got < 0.95 {
		t.Errorf("%.3f in time in the second that begins 200 ms after the recovery, want 0.95", got)
	}
}

func TestBurstsAndSteps(t *testing.T) {
	s := setting{resnet, 25 * ms, 1}
	f := func(name, expression string, rates ...any) {
		t.Helper()
		load, err := traffic.Parse(fmt.Sprintf(expression, rates...))
		if err != nil {
			t.Fatal(err)
		}
		run := func(p Policy) *Result {
			cfg := one(resnet, maxBatch, load, s.budget, 40*time.Second)
			cfg.Noise = Usual
			return mustRun(t, cfg, p)
		}
		got := run(gateway(s))
		for _, c := range controls {
			if other := run(c.make(s)); got.Goodput() < 0.99*other.Goodput() {
				t.Errorf("%s: goodput %.0f/s; the control %q has %.0f/s", name, got.Goodput(), c.name, other.Goodput())
			}
		}
		if got.Wasted() > 0.01 {
			t.Errorf("%s: %.3f of the executions were late", name, got.Wasted())
		}
	}
	best := resnet.RowsPerSecond(maxBatch)
	f("bursts of four times the load", "burst:base=%g,peak=%g,on=200ms,every=2s", 0.4*best, 1.6*best)
	f("steps", "step:%g@10s,%g@10s,%g@10s,%g", 0.2*best, 2*best, 0.5*best, 0.9*best)
}

// Lanes that slow each other down: what two do together is less than twice what one does,
// and a batch takes longer than the warm-up of a single lane found.
func TestLanesThatContend(t *testing.T) {
	f := func(contention, load, want float64) {
		t.Helper()
		curve := cost.Curve{{Rows: 1, P50: ms}, {Rows: 32, P50: 8 * ms}}
		both := 2 * curve.RowsPerSecond(maxBatch) / (1 + contention)
		cfg := one(curve, maxBatch, traffic.Steady(load*both, 1), 40*ms, 20*time.Second)
		cfg.Devices[0].Lanes, cfg.Devices[0].Contention = 2, contention
		cfg.Noise = Usual
		r := mustRun(t, cfg, mustSchedule(t, cfg, Tuning{Seeds: [][]cost.Curve{{swept(curve)}}}))
		if got := r.Goodput() / both; got < want {
			t.Errorf("contention %g, load %g: goodput %.3f of both lanes together, want %.3f (%d late)", contention, load, got, want, r.Late)
		}
		if r.Wasted() > 0.01 {
			t.Errorf("contention %g, load %g: %.3f of the executions were late", contention, load, r.Wasted())
		}
	}
	for _, contention := range []float64{0, 0.2, 0.6} {
		f(contention, 0.5, 0.499)
		f(contention, 0.85, 0.84)
		f(contention, 1.5, 0.95)
	}
}

// Work that is held back from a second lane must not be lost by it.
func TestHeldBackWorkIsServed(t *testing.T) {
	curve := cost.Curve{{Rows: 1, P50: ms}, {Rows: 8, P50: 2 * ms}}
	f := func(spread time.Duration, load float64) {
		t.Helper()
		cfg := one(curve, 8, traffic.Steady(load*curve.RowsPerSecond(8), 1), 20*ms, 10*time.Second)
		cfg.Devices[0].Lanes = 3
		r := mustRun(t, cfg, mustSchedule(t, cfg, Tuning{SpreadAfter: spread}))
		if r.Attainment() < 0.9999 {
			t.Errorf("spread after %v, load %g of one lane: %.5f in time", spread, load, r.Attainment())
		}
	}
	for _, load := range []float64{0.05, 0.5, 1, 2} {
		f(0, load)
		f(500*time.Microsecond, load)
		f(5*ms, load)
	}
}

func BenchmarkVirtualRequest(b *testing.B) {
	s := setting{resnet, 25 * ms, 1}
	rate := 0.9 * resnet.RowsPerSecond(maxBatch)
	cfg := one(resnet, maxBatch, traffic.Steady(rate, 1), s.budget, time.Duration(float64(b.N)/rate*1e9)+1)
	cfg.Noise = Usual
	b.ReportAllocs()
	if _, err := Run(cfg, gateway(s)); err != nil {
		b.Fatal(err)
	}
}

// A device with a stage is one lane that never pauses: it carries what one lane does, and
// predicts its runs although they start later than they are sealed.
func TestStagedDevice(t *testing.T) {
	run := func(load float64, stage time.Duration) *Result {
		cfg := one(resnet, maxBatch, traffic.Steady(load*resnet.RowsPerSecond(maxBatch), 1), 25*ms, 30*time.Second)
		cfg.Noise = Usual
		if stage > 0 {
			cfg.Devices[0].Lanes, cfg.Devices[0].Stage = 2, stage
		}
		return mustRun(t, cfg, mustSchedule(t, cfg, Tuning{Seeds: [][]cost.Curve{{swept(resnet)}}}))
	}
	for _, load := range []float64{0.3, 0.6, 0.9, 1.5} {
		plain, staged := run(load, 0), run(load, 500*time.Microsecond)
		if staged.Goodput() < 0.98*plain.Goodput() || staged.Wasted() > 0.01 {
			t.Errorf("load %g: goodput %.0f/s with a stage, %.0f/s without; %.4f wasted", load, staged.Goodput(), plain.Goodput(), staged.Wasted())
		}
	}
}
