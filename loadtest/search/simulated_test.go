package search

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestFalseOutcomes judges 200 probes each at a tenth below and above the true capacity, where
// a wrong outcome would be an error, and at the capacity itself, where any judgement is a guess.
func TestFalseOutcomes(t *testing.T) {
	const seeds = 200
	capacity := MD1Capacity(time.Millisecond, p99Within10ms.Limit, p99Within10ms.Quantile)
	tally := func(share float64, independent bool) (count [3]int) {
		s := md1Server(time.Millisecond, p99Within10ms)
		s.independent = independent
		for seed := range uint64(seeds) {
			m, _ := s.probe(context.Background(), share*capacity, seed, 10*time.Second, Grid)
			o, _ := judge(p99Within10ms, m)
			count[o]++
		}
		return count
	}
	below, at, above := tally(0.9, false), tally(1, false), tally(1.1, false)
	naive := tally(1, true)
	t.Logf("inconclusive, pass, fail: below %v, at %v, above %v; at, taken as independent: %v", below, at, above, naive)
	if below[fail] > 0 || below[pass] < seeds/2 {
		t.Errorf("a tenth below the capacity: %v", below)
	}
	if above[pass] > 0 || above[fail] < seeds/2 {
		t.Errorf("a tenth above the capacity: %v", above)
	}
	if guesses := at[pass] + at[fail]; guesses > seeds/10 {
		t.Errorf("at the capacity %d of %d probes claim to know", guesses, seeds)
	}
	if guesses := naive[pass] + naive[fail]; guesses < seeds/5 {
		t.Errorf("taken as independent only %d of %d probes guess: the blocks are not needed", guesses, seeds)
	}
}

// TestCapacityOfMD1 finds the capacity of a server whose capacity is known by theory. The
// answer is what 99 % confidence can vouch for, so it lies below the truth, the lowest failing
// rate lies above, and the middle of the two is near it. The second server is the harder case:
// its latency rises slowly with the rate, and there are few requests.
func TestCapacityOfMD1(t *testing.T) {
	const seeds = 16
	for _, service := range []time.Duration{700 * time.Microsecond, 2 * time.Millisecond} {
		want := MD1Capacity(service, p99Within10ms.Limit, p99Within10ms.Quantile)
		var off, middles []float64
		outside := 0
		for seed := range uint64(seeds) {
			s := md1Server(service, p99Within10ms)
			got, err := Find(context.Background(), Options{Objective: p99Within10ms, Low: want / 2, Seed: seed, Precision: 0.03}, s.probe)
			if err != nil {
				t.Fatal(err)
			}
			off = append(off, got.Capacity/want-1)
			middles = append(middles, math.Abs(middle(got.Capacity, got.Upper)/want-1))
			if got.Capacity > want || got.Upper < want {
				outside++
			}
			if got.Capacity < 0.85*want || got.Limit != LimitLatency || got.AtLeast {
				t.Errorf("service %v, seed %d: capacity %.1f (%.1f to %.1f, upper %.1f, %s, %s), theory says %.1f",
					service, seed, got.Capacity, got.Lo, got.Hi, got.Upper, got.Limit, got.Why, want)
			}
		}
		slices.Sort(off)
		slices.Sort(middles)
		t.Logf("service %v: off by %.3f to %.3f, median %.3f; middles by up to %.3f; %d outside", service, off[0], off[seeds-1], off[seeds/2], middles[seeds-1], outside)
		if off[seeds/2] < -0.05 || middles[seeds-1] > 0.05 || outside > 1 {
			t.Errorf("service %v: capacities off by %.3f, middles by %.3f; %d of %d brackets do not hold the truth", service, off, middles, outside, seeds)
		}
	}
}

// TestNonMonotone: at the low rates each batch waits out its delay, over the limit; the middle passes.
func TestNonMonotone(t *testing.T) {
	s := batchServer(p99Within10ms, 200*time.Microsecond, 4, 12*time.Millisecond)
	got := mustFind(t, Options{Objective: p99Within10ms, Low: 300}, s.probe)
	if got.Probes[0].Outcome != "fail" || got.Capacity < 3000 || got.Upper < got.Capacity {
		t.Errorf("first probe %+v, capacity %.0f, upper %.0f", got.Probes[0], got.Capacity, got.Upper)
	}
}

// TestNoisyMachine: one run in four is spoilt by the generator and one in ten by a stall of the
// host; the answer must not sink for it.
func TestNoisyMachine(t *testing.T) {
	want := MD1Capacity(time.Millisecond, p99Within10ms.Limit, p99Within10ms.Quantile)
	var answers []float64
	for seed := range uint64(20) {
		s := md1Server(time.Millisecond, p99Within10ms)
		s.disturb = func(m *Measured, _ float64, rng *rand.Rand) {
			switch {
			case rng.Float64() < 0.25:
				m.Valid, m.Reasons = false, []string{"host steal 3 % (limit 2 %)"}
				m.Over += m.N / 10
			case rng.Float64() < 0.1:
				b := &m.Blocks[rng.IntN(len(m.Blocks))]
				m.Over += b.N/3 - b.Over
				b.Over = b.N / 3
			}
		}
		got := mustFind(t, Options{Objective: p99Within10ms, Low: 100, Seed: seed}, s.probe)
		answers = append(answers, got.Capacity/want)
	}
	slices.Sort(answers)
	if answers[2] < 0.75 || answers[10] < 0.9 || answers[19] > 1.06 {
		t.Errorf("capacity as a share of the true one: %.2f", answers)
	}
}
