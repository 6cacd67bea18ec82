package policy

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/internal/clock"
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
		c := newCostModel(64, nil, curve, 0)
		rng := rand.New(rand.NewPCG(1, 2))
		const warm, n = 5_000, 50_000
		covered, below, above := 0, 0, 0.0
		for i := range warm + n {
			b := 1 + min(63, int(4*rng.ExpFloat64()))
			took := time.Duration(float64(curve.At(b))*math.Exp(0.1*rng.NormFloat64()) + 1e3*tail(rng))
			if bound := c.latency(b); i >= warm {
				if took <= bound {
					covered++
				}
				if took <= c.likely(b) {
					below++
				}
				above += float64(bound) / float64(c.likely(b)) / n
			}
			c.observe(0, b, took, false)
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
	c := newCostModel(8, nil, curve, 0)
	runs(c, curve, 100, 4, 1)
	calm := c.latency(4)
	for range 1000 {
		runs(c, curve, 4, 4, 1)
		runs(c, curve, 1, 4, 2.5)
	}
	if got := c.latency(4); got < 2*calm {
		t.Errorf("predicts %v where a fifth of the runs takes 2.5 times %v", got, calm)
	}
	for range 20 {
		runs(c, curve, 19, 4, 1)
		runs(c, curve, 1, 4, 1000)
	}
	stalled := c.reach
	runs(c, curve, 10_000, 4, 1)
	if got := c.latency(4); got > calm*21/20 {
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
	c := newCostModel(8, nil, curve, 0)
	mean, likely, bound := c.mean(8), c.likely(8), c.latency(8)
	for range 1000 {
		c.keep(true)
	}
	if got := c.mean(8); got != mean {
		t.Errorf("a mean is %v without a broken promise, was %v", got, mean)
	}
	for i := range 10_000 {
		c.keep(i%100 != 0)
	}
	if got := c.mean(8); got < mean*110/100 || got > mean*126/100 {
		t.Errorf("a mean is %v after one broken promise in a hundred, was %v", got, mean)
	}
	if c.likely(8) != likely || c.latency(8) != bound {
		t.Errorf("forecast and bound of a run are %v and %v, were %v and %v", c.likely(8), c.latency(8), likely, bound)
	}
	for range 100_000 {
		c.keep(false)
	}
	if got := c.mean(8); got > mean*126/100 {
		t.Errorf("a mean is %v when no promise is kept, was %v", got, mean)
	}
	for range 100_000 {
		c.keep(true)
	}
	if got := c.mean(8); got != mean {
		t.Errorf("a mean is %v when all are kept again, was %v", got, mean)
	}
}

// Broken promises to short budgets leave these a headroom. It never takes more of a budget than a quarter of
// what the run leaves, nor anything of a long one, and goes when promises are kept.
func TestHeadroomFollowsBrokenPromises(t *testing.T) {
	r := one(t, 1, ModelOptions{Name: "m", MaxBatch: 8}, line(8, ms, ms/10))
	m := ModelID(0)
	in := r.s.models[m].on[0]
	it := func(budget time.Duration) *Item {
		return &Item{Model: m, Rows: 1, Arrived: 1000, Deadline: clock.Instant(1000).Add(budget)}
	}
	if got := in.headroom(it(5 * ms)); got != 0 {
		t.Errorf("a headroom of %v before a promise was broken", got)
	}
	for range 10 {
		in.keep(it(keepsFrom*in.fullRun), clock.Never)
	}
	if got := in.headroom(it(5 * ms)); got != 0 {
		t.Errorf("a headroom of %v after promises to long budgets", got)
	}
	for range 10 {
		in.keep(it(5*ms), clock.Never)
		in.keep(it(5*ms), clock.Instant(10*ms))
	}
	if got := in.headroom(it(5 * ms)); got != 0 {
		t.Errorf("a headroom of %v after what no headroom cures", got)
	}
	for range 10 {
		in.keep(it(5*ms), 1001+clock.Instant(5*ms))
	}
	if got := in.headroom(it(5 * ms)); got < 200*time.Microsecond || got > 250*time.Microsecond {
		t.Errorf("a headroom of %v after ten broken promises", got)
	}
	for range 1000 {
		in.keep(it(5*ms), 1001+clock.Instant(5*ms))
	}
	alone := in.idle(1)
	for _, budget := range []time.Duration{alone / 2, alone, 2 * alone, 5 * ms} {
		if got, most := in.headroom(it(budget)), min(max(budget-alone, 0)/headroomPart, time.Duration(headroomMost)); got != most {
			t.Errorf("a headroom of %v in a budget of %v with nothing but broken promises, want %v", got, budget, most)
		}
	}
	if got := in.headroom(it(keepsFrom * in.fullRun)); got != 0 {
		t.Errorf("a headroom of %v in a long budget", got)
	}
	for range 100_000 {
		in.keep(it(5*ms), 1000)
	}
	if got := in.headroom(it(5 * ms)); got != 0 {
		t.Errorf("a headroom of %v when all promises are kept", got)
	}
}
