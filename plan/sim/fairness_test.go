package sim

import (
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/task"
	"sluice/internal/traffic"
)

// two is two models on one lane, each offered twice what the device can do.
func two(light, heavy cost.Curve, budget time.Duration) Config {
	cfg := one(light, maxBatch, traffic.Steady(2*light.RowsPerSecond(maxBatch), 1), budget, 10*time.Second)
	cfg.Models = append(cfg.Models, Model{"heavy", maxBatch, []cost.Curve{heavy}})
	cfg.Streams = append(cfg.Streams, Stream{Model: 1, Arrivals: traffic.Steady(2*heavy.RowsPerSecond(maxBatch), 1), Budget: budget})
	return cfg
}

func TestModelsShareADeviceByWeight(t *testing.T) {
	slow := cost.Curve{{Rows: 1, P50: 4 * ms}, {Rows: 32, P50: 16 * ms}}
	f := func(light, heavy float64) {
		t.Helper()
		cfg := two(resnet, slow, 80*ms)
		// The difference in weighted device time may wander by a batch of each and one more.
		longest := 16 * ms
		bound := (longest.Seconds()/light + longest.Seconds()/heavy + longest.Seconds()) * 1.001
		var diff, low, high float64
		last := -1
		var lastAt clock.Instant
		cfg.Observe = func(d Decision) {
			if d.Action != Seal || d.At == lastAt && d.Model == last {
				return // one decision per request: count each batch once
			}
			last, lastAt = d.Model, d.At
			used := cfg.Models[d.Model].Curves[0].At(d.Rows).Seconds()
			if d.Model == 0 {
				diff += used / light
			} else {
				diff -= used / heavy
			}
			if d.At > clock.Instant(cfg.Warmup) {
				low, high = min(low, diff), max(high, diff)
			} else {
				low, high = diff, diff
			}
		}
		r := mustRun(t, cfg, mustSchedule(t, cfg, Tuning{Weights: []float64{light, heavy}}))
		if high-low > bound {
			t.Errorf("weights %g:%g: the models' weighted device times drifted apart by %.1f ms, want at most %.1f", light, heavy, (high-low)*1e3, bound*1e3)
		}
		if busy := r.Devices[0].Busy; busy < 10*time.Second {
			t.Errorf("weights %g:%g: the device was busy for %v of more than 10 s; the models were not backlogged", light, heavy, busy)
		}
	}
	f(1, 1)
	f(2, 1)
	f(1, 3)
}

func TestLowestClassKeepsItsFloor(t *testing.T) {
	cfg := one(resnet, maxBatch, traffic.Steady(2*resnet.RowsPerSecond(maxBatch), 1), 50*ms, 10*time.Second)
	cfg.Streams[0].Class = task.High
	low := cfg.Streams[0]
	low.Class = task.Low
	cfg.Streams = append(cfg.Streams, low)
	cfg.Noise = Usual
	r := mustRun(t, cfg, mustSchedule(t, cfg, Tuning{}))
	share := float64(r.ByStream[1].OK) / float64(r.OK)
	if share < 0.04 || share > 0.2 {
		t.Errorf("the lowest class got %.3f of the answers beside an overload of the highest, want its floor of about 0.05", share)
	}
}
