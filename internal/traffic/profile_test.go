package traffic

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestCountsFollowTheIntegral compares the count up to each tenth of a schedule with the
// integral of its rate: to one arrival for a beat, within what chance allows for Poisson.
func TestCountsFollowTheIntegral(t *testing.T) {
	f := func(expr string, length time.Duration, integral func(t float64) float64) {
		t.Helper()
		for _, arrivals := range []string{"constant", "poisson"} {
			at := instants(mustParse(t, expr+",arrivals="+arrivals), 5, length)
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
	at := instants(mustParse(t, "ramp:1000..9000@1s,arrivals=constant").Warmed(2*time.Second), 1, 3*time.Second)
	before, _ := slices.BinarySearch(at, 2*time.Second)
	if after := len(at) - before; before != 2000 || after != 5000 {
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
		scaled{burst{2, 8, 1, 3}, 5, 0.3},
	} {
		for n := 0.25; n < 25; n += 0.25 {
			at := p.when(n)
			if back := p.expected(at); math.Abs(back-n) > 1e-9 {
				t.Errorf("%#v: %g are expected at %g, where %g are", p, n, at, back)
			}
		}
	}
}

// A load at another speed and scale has the rates of the original, earlier.
func TestScaledLoadsKeepTheirShape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		on := time.Duration(rapid.Int64Range(1e6, 1e9).Draw(t, "on"))
		l, err := Parse(fmt.Sprintf("burst:base=10,peak=40,on=%v,every=%v", on, on+time.Duration(rapid.Int64Range(1e6, 1e9).Draw(t, "off"))))
		if err != nil {
			t.Fatal(err)
		}
		speed, scale := rapid.Float64Range(0.01, 100).Draw(t, "speed"), rapid.Float64Range(0.01, 100).Draw(t, "scale")
		s := l.Scaled(speed, scale)
		if got, want := s.Peak(), l.Peak()*speed*scale; math.Abs(got/want-1) > 1e-9 {
			t.Fatalf("the peak is %g, want %g", got, want)
		}
		at := time.Duration(rapid.Int64Range(1e6, 1e11).Draw(t, "at"))
		got, want := s.profile.expected(at.Seconds()), l.profile.expected(at.Seconds()*speed)*scale
		if math.Abs(got/want-1) > 1e-9 {
			t.Fatalf("%g arrivals by %v, want %g", got, at, want)
		}
	})
}

func TestPeaks(t *testing.T) {
	for expr, want := range map[string]float64{
		"poisson:5": 5, "step:1@1s,9@1s,2": 9, "ramp:3..2@1s": 3, "burst:2,times=3": 6, "sine:4,swing=0.5": 6, "closed:2": 0,
	} {
		if got := mustParse(t, expr).Peak(); got != want {
			t.Errorf("the peak of %s is %g, want %g", expr, got, want)
		}
	}
}

func TestLogarithms(t *testing.T) {
	for x := 1e-16; x < 1e6; x *= 1.37 {
		if got, want := ln(x), math.Log(x); math.Abs(got-want) > 1e-15*max(1, math.Abs(want)) {
			t.Fatalf("the logarithm of %g is %.17g, want %.17g", x, got, want)
		}
	}
	for x := -800.0; x < 20; x += 0.37 {
		if got, want := exp(x), math.Exp(x); math.Abs(got-want) > 1e-12*want+1e-320 {
			t.Fatalf("exp(%g) is %.17g, want %.17g", x, got, want)
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
