package tax

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// The values are of printed tables of Student's t.
func TestQuantile(t *testing.T) {
	f := func(p float64, freedom int64, want float64) {
		t.Helper()
		if got := quantile(p, freedom); math.Abs(got-want) > 2e-3 {
			t.Errorf("%v of %d degrees: %v, want %v", p, freedom, got, want)
		}
	}
	f(0.975, 1, 12.706)
	f(0.975, 2, 4.303)
	f(0.975, 3, 3.182)
	f(0.95, 4, 2.132)
	f(0.975, 10, 2.228)
	f(0.95, 39, 1.685)
	f(0.975, 39, 2.023)
	f(0.8, 39, 0.851)
	f(0.99, 119, 2.358)
	f(0.9917, 39, 2.502)
}

func pairOf(on, off, onCPU, offCPU time.Duration) *Pair {
	return &Pair{On: Slice{1000, on, onCPU}, Off: Slice{1000, off, offCPU}, Candidates: 500 * time.Millisecond}
}

// Candidates that cost too much in every pair are found after about eight, and those that cost just less never are.
func TestExceeded(t *testing.T) {
	f := func(on, cpu time.Duration, least, most int, word string) {
		t.Helper()
		a := New(Limits{300 * time.Microsecond, 0.03})
		for n := 1; n <= 200; n++ {
			a.Add(pairOf(5*time.Millisecond+on, 5*time.Millisecond, 100*time.Microsecond+cpu, 100*time.Microsecond))
			if why := a.Exceeded(); why != "" {
				if n < least || n > most {
					t.Errorf("%v and %v of CPU: found after %d pairs, want %d to %d: %s", on, cpu, n, least, most, why)
				}
				return
			}
		}
		if most > 0 {
			t.Errorf("%v and %v of CPU: not found; want %s", on, cpu, word)
		}
	}
	f(400*time.Microsecond, 0, 6, 12, "p99")
	f(0, 4*time.Microsecond, 6, 12, "CPU")
	f(299*time.Microsecond, 2900*time.Nanosecond, 0, 0, "")
}

// Noise alone seldom stops candidates, however long somebody looks.
func TestNoiseIsNotExceeded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	alarms := 0
	for range 100 {
		a := New(Limits{300 * time.Microsecond, 0.03})
		for range 200 {
			noise := func() time.Duration { return time.Duration(random.NormFloat64() * float64(2*time.Millisecond)) }
			a.Add(pairOf(20*time.Millisecond+noise(), 20*time.Millisecond+noise(), 100*time.Microsecond, 100*time.Microsecond))
		}
		if a.Exceeded() != "" {
			alarms++
		}
	}
	if alarms > 6 {
		t.Errorf("%d of 100 accounts of noise exceed", alarms)
	}
}

// The interval holds the true difference, and what is called the smallest visible tax is found in about 80 % of the runs.
func TestFigures(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const sd, pairs, runs = 1e-3, 40, 400
	smallest := sd / math.Sqrt(pairs) * (quantile(0.95, pairs-1) + quantile(0.8, pairs-1))
	held, found := 0, 0
	for range runs {
		a := New(Limits{300 * time.Microsecond, 0.03})
		for range pairs {
			d := time.Duration((smallest + random.NormFloat64()*sd) * float64(time.Second))
			a.Add(pairOf(5*time.Millisecond+d, 5*time.Millisecond, 102*time.Microsecond, 100*time.Microsecond))
		}
		r := a.Report()
		if *r.P99.Low <= smallest && smallest <= *r.P99.High {
			held++
		}
		if 2*r.P99.Mean-*r.P99.Upper > 0 {
			found++
		}
		if math.Abs(r.CPUShare.Mean-0.02) > 1e-9 || r.Candidates != 0.5 || r.Pairs != pairs {
			t.Fatalf("%+v", r)
		}
		if s := r.Summary(); s.P99 != r.P99.Mean || s.P99Interval.High != *r.P99.High || s.CPUInterval.Low != *r.CPU.Low || s.Smallest != *r.P99.Smallest {
			t.Fatalf("%+v of %+v", s, r)
		}
	}
	if held < 365 || found < 290 || found > 350 {
		t.Errorf("of %d runs %d intervals hold the difference and %d find it", runs, held, found)
	}
	if r := New(Limits{}).Report(); r.P99.Low != nil || r.Pairs != 0 || r.Summary() != nil {
		t.Errorf("of nothing: %+v", r)
	}
}
