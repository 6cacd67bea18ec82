package predlog

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/internal/clock"
)

// Sums by weight are what they would be over all requests, though one kind is kept far more often.
func TestWeightsAreUnbiased(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var c chooser
	c.init(&Options{Sample: 0.05, Keep: [NumKinds]int{Late: 1000}, draw: func() uint64 { return random.Uint64() >> 1 }})
	const requests, lateEvery = 400_000, 10
	all, late, kept := 0.0, 0.0, 0
	for i := range requests {
		r := Record{Arrived: clock.Instant(i) * 1000}
		if i%lateEvery == 0 {
			r.Kinds = r.Kinds.With(Late)
		}
		got := c.choose(&r)
		if !got.write {
			continue
		}
		all += got.weight
		if r.Kinds.Has(Late) {
			late += got.weight
		}
		if got.keptFor == "late" {
			if kept++; got.weight != 0 {
				t.Fatal("one that was kept for its kind has a weight")
			}
		}
	}
	within := func(what string, got, n float64) {
		t.Helper()
		if sigma := math.Sqrt(n * (1 - 0.05) / 0.05); math.Abs(got-n) > 4*sigma {
			t.Errorf("%s is estimated as %.0f of %.0f; one standard error is %.0f", what, got, n, sigma)
		}
	}
	within("all", all, requests)
	within("late", late, requests/lateEvery)
	if kept != 1000 {
		t.Errorf("%d were kept for being late in one second, want 1000", kept)
	}
	if c.requests.Load() != requests || c.kinds[Late].Load() != requests/lateEvery {
		t.Errorf("it counts %d requests and %d late ones", c.requests.Load(), c.kinds[Late].Load())
	}
}

func TestLimiter(t *testing.T) {
	l := limiter{most: 2}
	f := func(at time.Duration, want bool) {
		t.Helper()
		if got := l.admit(clock.Instant(at)); got != want {
			t.Errorf("at %v: %v", at, got)
		}
	}
	f(0, true)
	f(time.Millisecond, true)
	f(999*time.Millisecond, false)
	f(time.Second, true)
	f(900*time.Millisecond, true) // told late: it counts into the newest second
	f(time.Second, false)
	f(time.Hour, true)
}

func TestWorstOfEachSecond(t *testing.T) {
	var c chooser
	c.init(&Options{Keep: [NumKinds]int{Worst: 100}})
	f := func(arrived, total, budget time.Duration, want string) {
		t.Helper()
		if got := c.choose(&Record{Arrived: clock.Instant(arrived), Total: total, Budget: budget}); got.keptFor != want || got.write != (want != "") {
			t.Errorf("%v of %v at %v: %+v, want %q", total, budget, arrived, got, want)
		}
	}
	f(0, time.Millisecond, 100*time.Millisecond, "worst")
	f(0, time.Millisecond, 200*time.Millisecond, "")
	f(0, 2*time.Millisecond, 100*time.Millisecond, "worst")
	f(0, 2*time.Millisecond, 100*time.Millisecond, "")
	f(0, time.Second/2, 0, "") // nobody knows its budget
	f(time.Second, time.Microsecond, time.Second, "worst")
	f(0, 90*time.Millisecond, 100*time.Millisecond, "") // of a second that is over
}
