package stats

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The table of MLPerf's early stopping at 99 %.
func TestEarlyStop(t *testing.T) {
	f := func(q float64, over, want int64) {
		t.Helper()
		if got := EarlyStop(q, over, 0.99); got != want {
			t.Errorf("q %v with %d over: %d, want %d", q, over, got, want)
		}
	}
	f(0.99, 0, 459)
	f(0.99, 1, 662)
	f(0.99, 2, 838)
	f(0.99, 5, 1307)
	f(0.99, 10, 2010)
	f(0.99, 50, 6898)
	f(0.999, 0, 4603)
	f(0.999, 1, 6636)
	f(0.999, 10, 20140)
	f(0.9, 0, 44)
	f(0.9, 1, 64)
	f(0.5, 0, 7)
	f(0.95, 0, 90)
	f(0.9999, 0, 46050)
	f(0, 0, math.MaxInt64)
	f(1, 0, math.MaxInt64)
	f(math.NaN(), 0, math.MaxInt64)
	if got := EarlyStop(0.99, 0, 1); got != math.MaxInt64 {
		t.Errorf("certainty after %d", got)
	}
}

// cdf is P(X <= k) by adding up.
func cdf(k, n int64, p float64) (sum float64) {
	for i := range k + 1 {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

func TestBinomialAgainstTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 3000).Draw(t, "n")
		k := rapid.Int64Range(0, n).Draw(t, "k")
		p := rapid.Float64Range(1e-6, 1-1e-6).Draw(t, "p")
		if got, want := AtMost(k, n, p), cdf(k, n, p); math.Abs(got-want) > 1e-8 {
			t.Fatalf("P(X<=%d) of %d at %v: %v, want %v", k, n, p, got, want)
		}
		if got, want := AtLeast(k, n, p), 1-AtMost(k-1, n, p); math.Abs(got-want) > 1e-9 {
			t.Fatalf("P(X>=%d) of %d at %v: %v, want %v", k, n, p, got, want)
		}
	})
}

func TestBinomialOfManyRequests(t *testing.T) {
	// With n p large the normal distribution with a correction for continuity is close.
	for _, n := range []int64{1e5, 1e7} {
		mean, sd := float64(n)*0.01, math.Sqrt(float64(n)*0.01*0.99)
		for _, z := range []float64{-3, -1, 0, 1, 3} {
			k := int64(mean + z*sd)
			want := 0.5 * math.Erfc(-(float64(k)+0.5-mean)/sd/math.Sqrt2)
			if got := AtMost(k, n, 0.01); math.Abs(got-want) > 0.004 {
				t.Errorf("n %d, z %v: %v, want about %v", n, z, got, want)
			}
		}
	}
}

// TestStudent holds the distribution to a printed table.
func TestStudent(t *testing.T) {
	f := func(alpha float64, df int, want float64) {
		t.Helper()
		if got := StudentBound(alpha, df); math.Abs(got-want) > 6e-4*want {
			t.Errorf("t of %g and %d degrees of freedom: %.4f, want %.3f", alpha, df, got, want)
		}
	}
	f(0.05, 1, 12.706)
	f(0.05, 2, 4.303)
	f(0.05, 3, 3.182)
	f(0.05, 4, 2.776)
	f(0.05, 10, 2.228)
	f(0.05, 23, 2.069)
	f(0.05, 1000, 1.962)
	f(0.01, 5, 4.032)
	f(0.01, 30, 2.750)
	f(0.001, 7, 5.408)
}
