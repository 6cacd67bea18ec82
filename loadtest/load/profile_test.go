package load

import (
	"math"
	"slices"
	"testing"
	"time"
)

// TestCountsFollowTheIntegral compares the count up to each tenth of a schedule with the
// integral of its rate: to one arrival for a beat, within what chance allows for Poisson.
func TestCountsFollowTheIntegral(t *testing.T) {
	f := func(expr string, length time.Duration, integral func(t float64) float64) {
		t.Helper()
		for _, arrivals := range []string{"constant", "poisson"} {
			s, err := mustParse(t, expr+",arrivals="+arrivals).Schedule(Options{Seed: 5, Length: length})
			if err != nil {
				t.Fatal(err)
			}
			at := instants(s)
			for tenth := 1; tenth <= 10; tenth++ {
				until := length * time.Duration(tenth) / 10
				got, _ := slices.BinarySearch(at, until)
				want := integral(until.Seconds())
				slack := 1.0
				if arrivals == "poisson" {
					slack = 4 * math.Sqrt(want)
				}
				if math.Abs(float64(got)-want) > slack {
					t.Errorf("%s, %s: %d arrivals until %v, the integral is %.1f", expr, arrivals, got, until, want)
				}
			}
		}
	}
	f("ramp:100..2000@10s", 20*time.Second, func(t float64) float64 {
		if t < 10 {
			return 100*t + 95*t*t
		}
		return 10500 + 2000*(t-10)
	})
	f("ramp:3000..0@10s", 12*time.Second, func(t float64) float64 {
		t = min(t, 10)
		return 3000*t - 150*t*t
	})
	f("sine:mean=500,amp=500,period=7s", 30*time.Second, func(t float64) float64 {
		return 500*t + 500*7/(2*math.Pi)*(1-math.Cos(2*math.Pi*t/7))
	})
	f("step:100@3s,0@2s,2k@5s,50", 20*time.Second, func(t float64) float64 {
		return 100*min(t, 3) + 2000*min(5, max(0, t-5)) + 50*max(0, t-10)
	})
	f("burst:base=0,peak=1k,on=1s,every=4s", 22*time.Second, func(t float64) float64 {
		return 1000 * (math.Floor(t/4) + min(1, math.Mod(t, 4)))
	})
	f("burst:base=100,peak=1k,on=1s,every=4s", 22*time.Second, func(t float64) float64 {
		return 100*t + 900*(math.Floor(t/4)+min(1, math.Mod(t, 4)))
	})
}

func TestWarmupIsBeforeTheProfile(t *testing.T) {
	s, err := mustParse(t, "ramp:1000..9000@1s,arrivals=constant").Schedule(Options{Length: 3 * time.Second, Warmup: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := slices.BinarySearch(instants(s), 2*time.Second)
	if after := len(s.Arrivals) - before; before != 2000 || after != 5000 {
		t.Errorf("%d arrivals in the warm-up and %d behind it, want 2000 and 5000", before, after)
	}
}

// TestWhenInvertsExpected holds each profile's two functions against each other.
func TestWhenInvertsExpected(t *testing.T) {
	for _, p := range []profile{
		steady(3), newSteps([]float64{2, 0, 5}, []float64{3, 4, 0}),
		ramp{0, 10, 5},
		ramp{10, 0, 5},
		ramp{4, 4, 5},
		burst{0, 8, 1, 3},
		burst{2, 8, 1, 3},
		burst{2, 0, 1, 3},
		sine{5, 5, 2},
		sine{5, 1, 20},
		warmed{ramp{0, 10, 5}, 2},
	} {
		for n := 0.25; n < 25; n += 0.25 {
			at := p.when(n)
			if back := p.expected(at); math.Abs(back-n) > 1e-9 {
				t.Errorf("%#v: %g are expected at %g, where %g are", p, n, at, back)
			}
		}
	}
}

func TestCosine(t *testing.T) {
	for turn := 0.0; turn < 3; turn += 0.001 {
		if got, want := cosine(turn), math.Cos(2*math.Pi*turn); math.Abs(got-want) > 1e-14 {
			t.Fatalf("cosine of %g turns is %.17g, want %.17g", turn, got, want)
		}
	}
}
