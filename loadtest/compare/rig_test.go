package compare

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/loadtest/engine"
	"sluice/loadtest/sample"
)

// poisson is a schedule with random payloads.
func poisson(rate float64, length time.Duration, seed uint64) []engine.Arrival {
	rng := rand.New(rand.NewPCG(seed, 2))
	var arrivals []engine.Arrival
	for at := rng.ExpFloat64() / rate; at < length.Seconds(); at += rng.ExpFloat64() / rate {
		arrivals = append(arrivals, engine.Arrival{At: time.Duration(at * float64(time.Second)), Variant: uint16(rng.IntN(256))})
	}
	return arrivals
}

// world is a simulated machine that serves both targets.
type world struct {
	// ratio is how many times A's latency B's is; bursts how many bursts of other work there are
	// per second, which slow both sides alike, and severity by how much at most: 1 doubles the latency.
	ratio, bursts, severity float64
	// failA and failB are shares of requests that end in an error.
	failA, failB float64
}

// run simulates a planned run: lognormal latencies with a median of 2 ms, slowed by bursts of
// 0.1 to 0.6 s that come at random and by a drift over seconds.
func (w world) run(planned []engine.Arrival, seed uint64) []sample.Sample {
	rng := rand.New(rand.NewPCG(seed, 3))
	samples := make([]sample.Sample, len(planned))
	next, until, slow, drift := 0.0, 0.0, 1.0, 0.0
	last := 0.0
	for i, a := range planned {
		at := a.At.Seconds()
		for w.bursts > 0 && at >= next {
			until, slow = next+0.1+0.5*rng.Float64(), 1+w.severity*(0.3+0.7*rng.Float64())
			next += rng.ExpFloat64() / w.bursts
		}
		step := math.Exp((last - at) / 5)
		drift, last = step*drift+math.Sqrt(1-step*step)*0.05*rng.NormFloat64(), at
		latency := 2e-3 * math.Exp(0.4*rng.NormFloat64()+drift)
		if at < until {
			latency *= slow
		}
		fail := w.failA
		if a.Target == 1 {
			latency *= w.ratio
			fail = w.failB
		}
		s := sample.Sample{
			Intended: a.At, Written: a.At, Last: a.At + time.Duration(latency*float64(time.Second)),
			Variant: a.Variant, Target: a.Target, Group: a.Group, Outcome: sample.OK,
		}
		if rng.Float64() < fail {
			s.Outcome = sample.Rejected
		}
		samples[i] = s
	}
	return samples
}

func mustPlan(t testing.TB, arrivals []engine.Arrival, o Options) ([]engine.Arrival, *Design) {
	t.Helper()
	planned, d, err := Plan(arrivals, o)
	if err != nil {
		t.Fatal(err)
	}
	return planned, d
}
