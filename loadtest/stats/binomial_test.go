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
		if got, want := binomialCDF(k, n, p), cdf(k, n, p); math.Abs(got-want) > 1e-8 {
			t.Fatalf("P(X<=%d) of %d at %v: %v, want %v", k, n, p, got, want)
		}
		if got, want := binomialTail(k, n, p), 1-binomialCDF(k-1, n, p); math.Abs(got-want) > 1e-9 {
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
			if got := binomialCDF(k, n, 0.01); math.Abs(got-want) > 0.004 {
				t.Errorf("n %d, z %v: %v, want about %v", n, z, got, want)
			}
		}
	}
}

func TestClopperPearson(t *testing.T) {
	f := func(k, n int64, confidence, lo, hi float64) {
		t.Helper()
		l, h := ClopperPearson(k, n, confidence)
		if math.Abs(l-lo) > 5e-5 || math.Abs(h-hi) > 5e-5 {
			t.Errorf("%d of %d at %v: %.4f to %.4f, want %.4f to %.4f", k, n, confidence, l, h, lo, hi)
		}
	}
	// R: binom.test(5, 100)$conf.int and so on.
	f(5, 100, 0.975, 0.0164, 0.1128)
	f(0, 10, 0.975, 0, 0.3085)
	f(10, 10, 0.975, 0.6915, 1)
	f(50, 100, 0.975, 0.3983, 0.6017)
	f(0, 459, 0.99, 0, 0.00998)
	f(0, 0, 0.99, 0, 1)
}

func TestOver(t *testing.T) {
	f := func(over, n int64, p float64, want Decision) {
		t.Helper()
		if got := Over(over, n, p, 0.99); got != want {
			t.Errorf("%d of %d against %v: %v, want %v", over, n, p, got, want)
		}
	}
	f(0, 458, 0.01, Inconclusive)
	f(0, 459, 0.01, Pass)
	f(1, 661, 0.01, Inconclusive)
	f(1, 662, 0.01, Pass)
	f(10, 1000, 0.01, Inconclusive)
	f(19, 1000, 0.01, Fail) // P(X>=19) is 0.0072
	f(18, 1000, 0.01, Inconclusive)
	f(0, 0, 0.01, Inconclusive)
	f(1, 1, 0.001, Fail)
	f(1, 1, 0.02, Inconclusive)
	f(600_000, 600_000, 0.01, Fail)
	f(5_000, 600_000, 0.01, Pass)
	f(7_000, 600_000, 0.01, Fail)
	if s := Pass.String() + Fail.String() + Inconclusive.String(); s != "passfailinconclusive" {
		t.Error(s)
	}
}

// The test and the bounds are two ways to say the same.
func TestOverAgreesWithItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 20_000).Draw(t, "n")
		over := rapid.Int64Range(0, min(n, 400)).Draw(t, "over")
		p := rapid.Float64Range(0.0005, 0.05).Draw(t, "p")
		lo, hi := ClopperPearson(over, n, 0.99)
		const edge = 1e-9
		switch got := Over(over, n, p, 0.99); {
		case math.Abs(p-lo) < edge || math.Abs(p-hi) < edge:
		case hi < p && got != Pass, lo > p && got != Fail, lo < p && p < hi && got != Inconclusive:
			t.Fatalf("%d of %d against %v is %v; bounds %v to %v", over, n, p, got, lo, hi)
		}
		if pass := Over(over, n, p, 0.99) == Pass; pass != (n >= EarlyStop(1-p, over, 0.99)) {
			t.Fatalf("%d of %d against %v: pass %v, early stopping at %d", over, n, p, pass, EarlyStop(1-p, over, 0.99))
		}
	})
}
