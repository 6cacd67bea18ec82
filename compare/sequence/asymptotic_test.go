package sequence

import (
	"math"
	"math/rand/v2"
	"testing"
)

func newAsymptotic(t failer, alpha float64, tuned int64) *Asymptotic {
	t.Helper()
	s, err := NewAsymptotic(alpha, tuned)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The widths beside the fixed interval are those of an independent computation in Python.
func TestHalfWidth(t *testing.T) {
	f := func(n, want float64) {
		t.Helper()
		got := halfWidth(n, 1, rhoFor(10_000, 0.05), 0.05) / (1.96 / math.Sqrt(n))
		if math.Abs(got-want) > 0.005 {
			t.Errorf("%v units: %.3f of the fixed width, not %.2f", n, got, want)
		}
	}
	f(1000, 1.97)
	f(10_000, 1.55)
	f(100_000, 1.65)
}

func TestAsymptoticInterval(t *testing.T) {
	s := newAsymptotic(t, 0.05, 10_000)
	all := Interval{math.Inf(-1), math.Inf(1)}
	add := func(d float64, times int) {
		t.Helper()
		for range times {
			if err := s.Add(d); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(1, 19)
	add(0, 200)
	if s.Interval() != all {
		t.Errorf("19 units that differ: %v", s.Interval())
	}
	add(1, 1)
	// 20 of 220 are 1.
	mean := 20.0 / 220
	half := halfWidth(220, math.Sqrt(mean*(1-mean)), s.rho, 0.05)
	if got := s.Interval(); math.Abs(got.Low-(mean-half)) > 1e-12 || math.Abs(got.High-(mean+half)) > 1e-12 || s.Units() != 220 {
		t.Errorf("%v, not %v and %v", got, mean-half, mean+half)
	}
	s = newAsymptotic(t, 0.05, 10_000)
	add(1e9+1, 50)
	add(1e9-1, 49)
	if s.Interval() != all {
		t.Errorf("99 units: %v", s.Interval())
	}
	add(1e9-1, 1)
	half = halfWidth(100, 1, s.rho, 0.05)
	if got := s.Interval(); math.Abs(got.High-1e9-half) > 1e-6 || s.Mean() != 1e9 {
		t.Errorf("%v, not 1e9 and %v", got, half)
	}
}

// 400 streams of skewed differences without a bias are looked at after every unit from 100 to 5,000: 31 alarms are what chance allows. The
// fixed interval is beside it.
func TestAsymptoticCovers(t *testing.T) {
	random, missed, fixed := rand.New(rand.NewPCG(7, 0)), 0, 0
	for range 400 {
		s, out, outFixed := newAsymptotic(t, 0.05, 10_000), false, false
		for range 5000 {
			if err := s.Add(random.ExpFloat64() - 1); err != nil {
				t.Fatal(err)
			}
			i := s.Interval()
			out = out || i.Low > 0 || i.High < 0
			n := float64(s.units)
			outFixed = outFixed || n >= leastUnits && math.Abs(s.mean) > 1.96*math.Sqrt(s.squares/n/n)
		}
		if out {
			missed++
		}
		if outFixed {
			fixed++
		}
	}
	t.Logf("%d of 400 streams alarm, %d by the fixed interval", missed, fixed)
	if missed > 31 || fixed <= 31 {
		t.Errorf("%d of 400 streams alarm, %d by the fixed interval", missed, fixed)
	}
}

func TestAsymptoticRefuses(t *testing.T) {
	f := func(d float64, want string) {
		t.Helper()
		s := newAsymptotic(t, 0.05, 1)
		if err := s.Add(d); err == nil || err.Error() != want || s.Units() != 0 {
			t.Errorf("%v, %d units", err, s.Units())
		}
	}
	f(math.NaN(), "cannot count a difference of NaN: it is finite, and at most 1e+100")
	f(math.Inf(-1), "cannot count a difference of -Inf: it is finite, and at most 1e+100")
	f(2e100, "cannot count a difference of 2e+100: it is finite, and at most 1e+100")
	const untuned = "cannot tune a confidence sequence for 0 units: it is tuned for 1 to 9007199254740992"
	if _, err := NewAsymptotic(0.05, 0); err == nil || err.Error() != untuned {
		t.Error(err)
	}
	if _, err := NewAsymptotic(1, 100); err == nil || err.Error() != "cannot have a confidence sequence of alpha 1: alpha is above 0 and at most 0.5" {
		t.Error(err)
	}
}
