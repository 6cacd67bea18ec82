package sequence

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s is %v, not %v", what, got, want)
	}
}

func TestWilson(t *testing.T) {
	f := func(count, n int64, low, high float64) {
		t.Helper()
		got := Wilson(count, n, 0.05)
		near(t, "low", got.Low, low, 5e-5)
		near(t, "high", got.High, high, 5e-5)
	}
	f(0, 0, 0, 1)
	f(81, 263, 0.2553, 0.3662) // Newcombe 1998, Statistics in Medicine 17, 857-872, table I
	f(15, 148, 0.0624, 0.1605)
	f(0, 20, 0, 0.1611)
	f(1, 29, 0.0061, 0.1718)
	f(20, 20, 0.8389, 1)
}

func TestNewcombe(t *testing.T) {
	f := func(a, n, b, m int64, low, high float64) {
		t.Helper()
		got := Newcombe(a, n, b, m, 0.05)
		near(t, "low", got.Low, low, 5e-5)
		near(t, "high", got.High, high, 5e-5)
	}
	f(56, 70, 48, 80, 0.0524, 0.3339) // Newcombe 1998, table II, method 10
	f(9, 10, 3, 10, 0.1705, 0.8090)
	f(5, 56, 0, 29, -0.0381, 0.1926)
	f(10, 10, 0, 10, 0.6075, 1)
	f(0, 0, 3, 10, -1, 1)
	// Coverage at 0.003 of 20,000 against 0.001 of 4,000 is 0.957 by an independent simulation in Python.
	random, covered := rand.New(rand.NewPCG(9, 0)), 0
	binomial := func(n int, p float64) (count int64) {
		for at := 0; ; count++ {
			if at += 1 + int(math.Log(1-random.Float64())/math.Log1p(-p)); at > n {
				return count
			}
		}
	}
	for range 20_000 {
		i := Newcombe(binomial(20_000, 0.003), 20_000, binomial(4000, 0.001), 4000, 0.05)
		if i.Low <= 0.002 && 0.002 <= i.High {
			covered++
		}
	}
	near(t, "coverage", float64(covered)/20_000, 0.957, 0.005)
}

func TestIntervalsHoldWhatWasSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, m := rapid.Int64Range(1, 1<<40).Draw(t, "n"), rapid.Int64Range(1, 1<<40).Draw(t, "m")
		a, b := rapid.Int64Range(0, n).Draw(t, "a"), rapid.Int64Range(0, m).Draw(t, "b")
		alpha := rapid.Float64Range(1e-6, 0.5).Draw(t, "alpha")
		p, d := float64(a)/float64(n), float64(a)/float64(n)-float64(b)/float64(m)
		if w := Wilson(a, n, alpha); !(0 <= w.Low && w.Low <= p && p <= w.High && w.High <= 1) {
			t.Fatalf("%d of %d: %v", a, n, w)
		}
		const rounding = 1e-12
		i, j := Newcombe(a, n, b, m, alpha), Newcombe(b, m, a, n, alpha)
		holds := -1-rounding <= i.Low && i.Low <= d && d <= i.High && i.High <= 1+rounding
		if !holds || math.Abs(i.Low+j.High) > rounding || math.Abs(i.High+j.Low) > rounding {
			t.Fatalf("%d of %d, %d of %d: %v, the other way round %v", a, n, b, m, i, j)
		}
	})
}

// Power 0.8 at a true difference of 0 takes 857 units where the standard deviation is ten margins, 21,412 where it is fifty.
func TestTOST(t *testing.T) {
	f := func(sd float64, units int) {
		t.Helper()
		random, passed := rand.New(rand.NewPCG(8, 0)), 0
		for range 20_000 {
			mean := random.NormFloat64() * sd / math.Sqrt(float64(units))
			if TOST(mean, sd*sd/float64(units), 0.05).Judge(Within(1), true) == Pass {
				passed++
			}
		}
		near(t, "power", float64(passed)/20_000, 0.8, 0.01)
	}
	f(10, 857)
	f(50, 21_412)
	got := TOST(2, 0.25, 0.05)
	near(t, "low", got.Low, 2-1.644854*0.5, 1e-6)
	near(t, "high", got.High, 2+1.644854*0.5, 1e-6)
}

// The variance is that of the formula over all units, though only sums are kept, also where the mean is large.
func TestClusterMean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type unit struct {
			Rows int
			Sum  float64
		}
		offset := rapid.SampledFrom([]float64{0, 1, -1e6}).Draw(t, "offset")
		var units []unit
		var c ClusterMean
		n, total := 0.0, 0.0
		for range rapid.IntRange(2, 50).Draw(t, "units") {
			u := unit{Rows: rapid.IntRange(1, 200).Draw(t, "rows")}
			u.Sum = float64(u.Rows) * (offset + rapid.Float64Range(-1, 1).Draw(t, "mean"))
			units = append(units, u)
			c.Add(u.Rows, u.Sum)
			n, total = n+float64(u.Rows), total+u.Sum
		}
		mean, squares := total/n, 0.0
		for _, u := range units {
			squares += math.Pow(u.Sum-float64(u.Rows)*mean, 2)
		}
		g := float64(len(units))
		want := g / (g - 1) * squares / n / n
		if math.Abs(c.Mean()-mean) > 1e-9*(1+math.Abs(offset)) || math.Abs(c.Variance()-want) > 1e-6*want+1e-9 {
			t.Fatalf("mean %v and variance %v, not %v and %v", c.Mean(), c.Variance(), mean, want)
		}
	})
	var c ClusterMean
	if c.Mean() != 0 || !math.IsInf(c.Variance(), 1) {
		t.Errorf("without units: %v, %v", c.Mean(), c.Variance())
	}
	for i, rows := range []int{1, 1, 1, 1} { // one row a unit: the variance of the mean of 0, 1, 2, 3
		c.Add(rows, float64(i))
	}
	near(t, "variance", c.Variance(), 5.0/3/4, 1e-12)
}

// Of 300 requests of 40 rows with a correlation of 0.2 within a request, a row-wise interval alarms in half of the runs,
// the one that knows the units in one of twenty.
func TestRowsOfAUnitGoTogether(t *testing.T) {
	random, byRows, byUnits := rand.New(rand.NewPCG(10, 0)), 0, 0
	for range 1000 {
		var c ClusterMean
		squares := 0.0
		for range 300 {
			u, sum := random.NormFloat64()*math.Sqrt(0.2), 0.0
			for range 40 {
				d := u + random.NormFloat64()*math.Sqrt(0.8)
				sum, squares = sum+d, squares+d*d
			}
			c.Add(40, sum)
		}
		if math.Abs(c.Mean()) > 1.96*math.Sqrt(squares)/12_000 {
			byRows++
		}
		if math.Abs(c.Mean()) > 1.96*math.Sqrt(c.Variance()) {
			byUnits++
		}
	}
	near(t, "alarms by rows", float64(byRows)/1000, 0.51, 0.05)
	near(t, "alarms by units", float64(byUnits)/1000, 0.055, 0.025)
}

func TestBenjaminiHochberg(t *testing.T) {
	f := func(rate float64, p []float64, want ...bool) {
		t.Helper()
		before := slices.Clone(p)
		if got := BenjaminiHochberg(p, rate); !slices.Equal(got, want) || !slices.Equal(p, before) {
			t.Errorf("%v at %v: %v", p, rate, got)
		}
	}
	// The 15 p-values of the paper's example: four discoveries at 0.05.
	paper := []float64{0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1}
	want := make([]bool, 15)
	for i := range 4 {
		want[i] = true
	}
	f(0.05, paper, want...)
	slices.Reverse(paper)
	slices.Reverse(want)
	f(0.05, paper, want...)
	f(0.1, []float64{0.1, 0.09, 0.2}, false, false, false)
	f(0.1, []float64{0.06, 0.05}, true, true) // the larger carries the smaller, though half of the rate is 0.05
	f(0.1, nil)
}
