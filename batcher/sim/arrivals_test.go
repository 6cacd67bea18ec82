package sim

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestGapsHaveTheirMeanAndVariation(t *testing.T) {
	f := func(cv float64) {
		t.Helper()
		rng := rand.New(rand.NewPCG(1, 2))
		a := Arrivals{Rate: Constant(1000), CV: cv}
		const n = 400_000
		var at time.Duration
		var sum, squares float64
		for range n {
			next := a.after(at, rng)
			gap := (next - at).Seconds()
			sum += gap
			squares += gap * gap
			at = next
		}
		mean := sum / n
		got := math.Sqrt(max(squares/n-mean*mean, 0)) / mean
		if math.Abs(mean*1000-1) > 0.02 || math.Abs(got-cv) > 0.03*max(cv, 0.01) {
			t.Errorf("CV %g: mean gap %.4f ms, want 1; variation %.3f", cv, mean*1000, got)
		}
	}
	f(0)
	f(0.5)
	f(1)
	f(3)
}

// arrivalsIn counts the arrivals of each slot of a second.
func arrivalsIn(a Arrivals, slot time.Duration, slots int) []int {
	rng := rand.New(rand.NewPCG(3, 4))
	counts := make([]int, slots)
	for at := a.after(0, rng); at < slot*time.Duration(slots); at = a.after(at, rng) {
		counts[at/slot]++
	}
	return counts
}

func TestRatesFollowTheirProfile(t *testing.T) {
	f := func(name string, rate Profile, want ...int) {
		t.Helper()
		for i, got := range arrivalsIn(Arrivals{rate, 1}, 100*time.Millisecond, len(want)) {
			if math.Abs(float64(got-want[i])) > 5*math.Sqrt(float64(want[i])) {
				t.Errorf("%s: %d arrivals in slot %d, want about %d", name, got, i, want[i])
			}
		}
	}
	f("constant", Constant(20_000), 2000, 2000, 2000)
	f("steps", Steps{{20_000, 200 * time.Millisecond}, {0, 300 * time.Millisecond}, {5_000, 0}}, 2000, 2000, 0, 500)
	f("bursts", Bursts{Base: 5_000, Peak: 40_000, On: 100 * time.Millisecond, Every: 300 * time.Millisecond}, 4000, 500, 500, 4000, 500)
}
