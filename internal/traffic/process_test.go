package traffic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// instants are the arrivals of a load within a length of time.
func instants(l Load, seed uint64, length time.Duration) (all []time.Duration) {
	p := l.Start(rand.New(rand.NewPCG(seed, 1)))
	for at := p.Next(); at < length; at = p.Next() {
		all = append(all, at)
	}
	return all
}

// TestFirstInstants holds processes to what they were when this was written: they must not
// change with a release of Go, nor between machines.
func TestFirstInstants(t *testing.T) {
	f := func(expr, want string) {
		t.Helper()
		p := mustParse(t, expr).Start(rand.New(rand.NewPCG(7, 1)))
		var first []string
		for range 4 {
			first = append(first, fmt.Sprint(int64(p.Next())))
		}
		if got := strings.Join(first, " "); got != want {
			t.Errorf("%s begins with %s, want %s", expr, got, want)
		}
	}
	f("poisson:1000", "617915 658810 1139687 2578224")
	f("constant:1000", "500000 1500000 2500000 3500000")
	f("gamma:1000,cv=3", "3191 3200 3201 468944")
	f("gamma:1000,cv=0.5", "1164447 1465153 1828909 2106053")
	f("sine:mean=500,amp=500,period=3s,cv=2", "58357 74208 81367 5197241")
}

// The gaps have the mean and the variation that was asked for.
func TestGapsHaveTheirMeanAndVariation(t *testing.T) {
	for _, cv := range []float64{0, 0.3, 0.5, 1, 2, 3} {
		const n = 400_000
		p := Steady(1000, cv).Start(rand.New(rand.NewPCG(1, 2)))
		last := p.Next()
		var sum, squares float64
		for range n {
			at := p.Next()
			gap := (at - last).Seconds()
			sum, squares, last = sum+gap, squares+gap*gap, at
		}
		mean := sum / n
		got := math.Sqrt(max(squares/n-mean*mean, 0)) / mean
		if math.Abs(mean*1000-1) > 0.02 || math.Abs(got-cv) > 0.03*max(cv, 0.01) {
			t.Errorf("CV %g: mean gap %.4f ms, want 1; variation %.3f", cv, mean*1000, got)
		}
	}
}

// TestGammaDistribution compares gaps of variation 1/2 with the distribution of a sum of four
// exponential times, which has that shape.
func TestGammaDistribution(t *testing.T) {
	const n = 20_000
	rng := rand.New(rand.NewPCG(5, 6))
	p := &Process{cv: 0.5, rng: rng}
	var gaps []time.Duration
	for range n {
		gaps = append(gaps, time.Duration(p.gap()*1e9))
	}
	erlang := func(ns float64) float64 {
		x := 4 * ns / 1e9
		return 1 - math.Exp(-x)*(1+x+x*x/2+x*x*x/6)
	}
	if d, critical := distance(gaps, erlang), 1.628/math.Sqrt(n); d > critical {
		t.Errorf("the gaps are %.4f from the Gamma distribution, critical %.4f", d, critical)
	}
}

func TestRatesFollowTheirProfile(t *testing.T) {
	f := func(expr string, want ...int) {
		t.Helper()
		const slot = 100 * time.Millisecond
		counts := make([]int, len(want))
		for _, at := range instants(mustParse(t, expr), 3, slot*time.Duration(len(want))) {
			counts[at/slot]++
		}
		for i, got := range counts {
			if math.Abs(float64(got-want[i])) > 5*math.Sqrt(float64(want[i])) {
				t.Errorf("%s: %d arrivals in slot %d, want about %d", expr, got, i, want[i])
			}
		}
	}
	f("poisson:20k", 2000, 2000, 2000)
	f("step:20k@200ms,0@100ms,5k", 2000, 2000, 0, 500)
	f("burst:base=5k,peak=40k,on=100ms,every=300ms", 4000, 500, 500, 4000, 500)
	f("ramp:0..40k@200ms", 1000, 3000, 4000)
}

func TestNoArrivalComesAtARateOfZero(t *testing.T) {
	p := mustParse(t, "step:1k@10ms,0").Start(rand.New(rand.NewPCG(1, 1)))
	for range 100 {
		p.Next()
	}
	if at := p.Next(); at != Never {
		t.Errorf("an arrival at %v, want none", at)
	}
}

func TestInstantsCostNoAllocation(t *testing.T) {
	p := mustParse(t, "sine:1k,swing=1,period=1s,cv=2").Start(rand.New(rand.NewPCG(1, 1)))
	if n := testing.AllocsPerRun(100, func() { p.Next() }); n > 0 {
		t.Errorf("%g allocations for an instant", n)
	}
}

func BenchmarkProcess(b *testing.B) {
	for _, expr := range []string{"poisson:100k", "constant:100k", "gamma:100k,cv=3", "sine:100k,swing=1,period=1s"} {
		b.Run(expr, func(b *testing.B) {
			p := mustParse(b, expr).Start(rand.New(rand.NewPCG(1, 1)))
			for b.Loop() {
				p.Next()
			}
		})
	}
}
