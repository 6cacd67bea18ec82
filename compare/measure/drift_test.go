package measure

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// chiSquareBelow is the distribution of chi-square with k degrees of freedom, by the series of the incomplete gamma
// function.
func chiSquareBelow(k int, x float64) float64 {
	a, half := float64(k)/2, x/2
	term := 1 / a
	sum := term
	for i := 1; term > 1e-17*sum; i++ {
		term *= half / (a + float64(i))
		sum += term
	}
	gamma, _ := math.Lgamma(a)
	return sum * math.Exp(a*math.Log(half)-half-gamma)
}

func TestChiSquare(t *testing.T) {
	for k := 1; k < deciles; k++ {
		if p := chiSquareBelow(k, chiSquare95[k]); !near(p, 0.95, 1e-12) {
			t.Errorf("with %d degrees of freedom %v lie below %v", k, p, chiSquare95[k])
		}
	}
}

func histogram(t testing.TB, state string) *Histogram {
	t.Helper()
	var h Histogram
	if err := json.Unmarshal([]byte(state), &h); err != nil {
		t.Fatal(err)
	}
	return &h
}

// TestPSI holds the index of a case computed by hand, and the lines that 95 of 100 samples stay below.
func TestPSI(t *testing.T) {
	f := func(baseline, current string, psi, critical float64, bins int) {
		t.Helper()
		d, err := PSI(histogram(t, baseline), histogram(t, current))
		if err != nil || !near(d.PSI, psi, 1e-9) || !near(d.Critical, critical, 5e-7) || d.Bins != bins || d.Moved() != (psi > critical) {
			t.Errorf("%s and %s: %+v, %v", baseline, current, d, err)
		}
	}
	f(`{"edges":[0],"counts":[50,50],"missing":0}`, `{"edges":[0],"counts":[30,70],"missing":9}`, 0.1659180249910608, 0.0768292, 2)
	f(`{"edges":[0],"counts":[50,50],"missing":0}`, `{"edges":[0],"counts":[50,50],"missing":0}`, 0, 0.0768292, 2)
	// What is empty on both sides is no bin.
	f(`{"edges":[0,1],"counts":[50,0,50],"missing":0}`, `{"edges":[0,1],"counts":[30,0,70],"missing":0}`, 0.1659180249910608, 0.0768292, 2)
	f(`{"edges":[],"counts":[50],"missing":0}`, `{"edges":[],"counts":[9],"missing":0}`, 0, 0, 1)
	for n, critical := range map[int]float64{200: 0.1691898, 1000: 0.0338380, 100_000: 0.000338380} {
		h := tenths(n)
		d, err := PSI(h, h)
		if err != nil || !near(d.Critical, critical, 1e-7) || d.Baseline != int64(n) || d.Current != int64(n) || d.Bins != deciles {
			t.Errorf("%d values: %+v, %v", n, d, err)
		}
	}
	for _, other := range []*Histogram{tenths(100).Empty(), histogram(t, `{"edges":[0],"counts":[50,50],"missing":0}`)} {
		if _, err := PSI(tenths(100), other); err == nil {
			t.Errorf("the histogram %v was compared", other)
		}
	}
}

// tenths is the histogram of the numbers from 0 to 1 in n steps.
func tenths(n int) *Histogram {
	values := make([]float64, n)
	for i := range values {
		values[i] = float64(i) / float64(n)
	}
	h, err := Deciles(values)
	if err != nil {
		panic(err)
	}
	return h
}

// TestCritical holds that samples of one distribution seldom exceed the line, and moved ones do, for each size; and that
// the conventional 0.1 is of no use for either.
func TestCritical(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 0))
	normal := func(n int, mean float64) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = mean + r.NormFloat64()
		}
		return values
	}
	f := func(n int, shift float64) (moved, overTenth int) {
		t.Helper()
		for range 200 {
			h, err := Deciles(normal(n, 0))
			if err != nil {
				t.Fatal(err)
			}
			current := h.Empty()
			for _, x := range normal(n, shift) {
				current.Add(x)
			}
			d, err := PSI(h, current)
			if err != nil {
				t.Fatal(err)
			}
			if d.Moved() {
				moved++
			}
			if d.PSI > 0.1 {
				overTenth++
			}
		}
		return moved, overTenth
	}
	for _, n := range []int{200, 1000} {
		if moved, _ := f(n, 0); moved > 24 { // binomial of 200 and 0.05: 10, more than 24 once in 100,000
			t.Errorf("%d of 200 samples of %d have moved, and none has", moved, n)
		}
	}
	if _, over := f(200, 0); over < 40 {
		t.Errorf("%d of 200 samples of 200 exceed 0.1", over)
	}
	if moved, over := f(5000, 0.15); moved < 190 || over > 10 {
		t.Errorf("%d of 200 samples of 5,000 have moved, and all have; %d exceed 0.1", moved, over)
	}
}

// TestDeciles holds what the bins of a baseline are: tenths, and a bin for a value that takes several.
func TestDeciles(t *testing.T) {
	f := func(values []float64, edges []float64, counts []int64, missing int64) {
		t.Helper()
		h, err := Deciles(values)
		if err != nil {
			t.Fatal(err)
		}
		bins, gone := h.Counts()
		if !slices.Equal(h.edges, edges) || !slices.Equal(bins, counts) || gone != missing {
			t.Errorf("%v: %v and %d missing, want %v: %v and %d", h.edges, bins, gone, edges, counts, missing)
		}
		empty := h.Empty()
		if bins, gone := empty.Counts(); slices.Max(bins) != 0 || gone != 0 || !slices.Equal(empty.edges, edges) {
			t.Errorf("%v and %d in the empty bins %v", bins, gone, empty.edges)
		}
		var read Histogram
		reload(t, h, &read)
		if got, _ := read.Counts(); !slices.Equal(read.edges, edges) || !slices.Equal(got, counts) || read.missing != missing {
			t.Errorf("read as %+v", read)
		}
	}
	of := func(n int, value func(i int) float64) (values []float64) {
		for i := range n {
			values = append(values, value(i))
		}
		return values
	}
	below := func(x float64) float64 { return math.Nextafter(x, math.Inf(-1)) }
	f(of(100, func(i int) float64 { return float64(i) }), []float64{9, 19, 29, 39, 49, 59, 69, 79, 89}, slices.Repeat([]int64{10}, 10), 0)
	f(of(50, func(int) float64 { return 7 }), []float64{below(7), 7}, []int64{0, 50, 0}, 0)
	f(of(100, func(i int) float64 { return float64(max(0, i-44)) }), []float64{below(0), 0, 5, 15, 25, 35, 45}, []int64{0, 45, 5, 10, 10, 10, 10, 10}, 0)
	f(append(of(100, func(i int) float64 { return float64(i % 2) }), nan, nan), []float64{below(0), 0, below(1), 1}, []int64{0, 50, 0, 50, 0}, 2)
	f(of(100, func(i int) float64 { return []float64{-inf, 0, 1, inf}[i/25] }), []float64{below(0), 0, below(1), 1}, []int64{25, 25, 0, 25, 25}, 0)
	f(of(60, func(int) float64 { return -math.MaxFloat64 }), nil, []int64{60}, 0)
	if _, err := Deciles(append(make([]float64, minBaseline-1), nan)); err == nil || err.Error() != "cannot make bins of a baseline of 49 numbers; the fewest are 50" {
		t.Error(err)
	}
}
