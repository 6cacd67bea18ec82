package costmodel

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/internal/cost"
)

// Of runs of microseconds beside other work, half are within the median forecast and 19 of 20
// within the bound, whatever their tail.
func TestForecastsOfShortRuns(t *testing.T) {
	const us = time.Microsecond
	curve := cost.Curve{{Rows: 1, P50: 15 * us}, {Rows: 64, P50: 150 * us}}
	tails := map[string]func(rng *rand.Rand) float64{ // microseconds more
		"none":                  func(*rand.Rand) float64 { return 0 },
		"a fifth wait a little": func(rng *rand.Rand) float64 { return 30 * rng.ExpFloat64() * float64(rng.IntN(5)/4) },
		"a tenth wait longer":   func(rng *rand.Rand) float64 { return 100 * rng.ExpFloat64() * float64(rng.IntN(10)/9) },
		"stalls now and then":   func(rng *rand.Rand) float64 { return 5000 * rng.ExpFloat64() * float64(rng.IntN(25)/24) },
		"all":                   func(rng *rand.Rand) float64 { return 60 * rng.ExpFloat64() },
	}
	for name, tail := range tails {
		c := New(64, nil, curve, 0)
		rng := rand.New(rand.NewPCG(1, 2))
		const warm, n = 5_000, 50_000
		covered, below, above := 0, 0, 0.0
		for i := range warm + n {
			b := 1 + min(63, int(4*rng.ExpFloat64()))
			took := time.Duration(float64(curve.At(b))*math.Exp(0.1*rng.NormFloat64()) + 1e3*tail(rng))
			if bound := c.Latency(b); i >= warm {
				if took <= bound {
					covered++
				}
				if took <= c.Likely(b) {
					below++
				}
				above += float64(bound) / float64(c.Likely(b)) / n
			}
			c.Observe(0, b, took, false)
		}
		share, half := float64(covered)/n, float64(below)/n
		t.Logf("%s: the bound covers %.4f and is %.2f of the median, which %.3f are within", name, share, above, half)
		if share < 0.95 || half < 0.48 || half > 0.52 {
			t.Errorf("%s: the bound covers %.4f, want 0.95; %.3f are within the median forecast", name, share, half)
		}
	}
}

// What a bad minute has added to the bound goes again.
func TestReachGoes(t *testing.T) {
	curve := line(8, ms/20, ms/100)
	c := New(8, nil, curve, 0)
	runs(c, curve, 100, 4, 1)
	calm := c.Latency(4)
	for range 1000 {
		runs(c, curve, 4, 4, 1)
		runs(c, curve, 1, 4, 2.5)
	}
	if got := c.Latency(4); got < 2*calm {
		t.Errorf("predicts %v where a fifth of the runs takes 2.5 times %v", got, calm)
	}
	for range 20 {
		runs(c, curve, 19, 4, 1)
		runs(c, curve, 1, 4, 1000)
	}
	stalled := c.reach
	runs(c, curve, 10_000, 4, 1)
	if got := c.Latency(4); got > calm*21/20 {
		t.Errorf("predicts %v 10,000 good runs after (a reach of %v then), was %v", got, time.Duration(stalled), calm)
	}
	runs(c, curve, 100_000, 4, 1000)
	if c.reach > reachMost {
		t.Errorf("reaches for %v", time.Duration(c.reach))
	}
}

// Broken promises make sums of runs longer, and only those; kept ones undo that.
func TestReserveFollowsBrokenPromises(t *testing.T) {
	curve := line(8, ms, ms/10)
	c := New(8, nil, curve, 0)
	mean, likely, bound := c.Mean(8), c.Likely(8), c.Latency(8)
	for range 1000 {
		c.Keep(true)
	}
	if got := c.Mean(8); got != mean {
		t.Errorf("a mean is %v without a broken promise, was %v", got, mean)
	}
	for i := range 10_000 {
		c.Keep(i%100 != 0)
	}
	if got := c.Mean(8); got < mean*110/100 || got > mean*126/100 {
		t.Errorf("a mean is %v after one broken promise in a hundred, was %v", got, mean)
	}
	if c.Likely(8) != likely || c.Latency(8) != bound {
		t.Errorf("forecast and bound of a run are %v and %v, were %v and %v", c.Likely(8), c.Latency(8), likely, bound)
	}
	for range 100_000 {
		c.Keep(false)
	}
	if got := c.Mean(8); got > mean*126/100 {
		t.Errorf("a mean is %v when no promise is kept, was %v", got, mean)
	}
	for range 100_000 {
		c.Keep(true)
	}
	if got := c.Mean(8); got != mean {
		t.Errorf("a mean is %v when all are kept again, was %v", got, mean)
	}
}
