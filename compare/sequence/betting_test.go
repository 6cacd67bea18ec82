package sequence

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// failer is a test, or rapid's.
type failer interface {
	Helper()
	Fatal(args ...any)
}

func newBetting(t failer, alpha float64) *Betting {
	t.Helper()
	s, err := NewBetting(alpha)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shares draws values of units: mostly 0, or mostly 1, or anything.
func shares(t *rapid.T) []float64 {
	one := rapid.OneOf(rapid.Float64Range(0, 1), rapid.Just(0.0), rapid.Just(1.0), rapid.SampledFrom([]float64{0.005, 0.25, 0.5}))
	rare := rapid.SampledFrom([]float64{0, 0, 0, 0, 0, 0, 0, 0, 0, 0.1, 0.02, 1})
	kind := rapid.SampledFrom([]*rapid.Generator[float64]{one, rare, rapid.Just(0.0), rapid.Just(1.0), rapid.Float64Range(0.3, 0.4)}).Draw(t, "kind")
	n := rapid.SampledFrom([]int{1, 10, 100, 500}).Draw(t, "units")
	return rapid.SliceOfN(kind, n, n).Draw(t, "values")
}

// capitalByHand multiplies what the bets of one gambler make at mean m, unit by unit, and returns the logarithm of the most it ever had.
func capitalByHand(values []float64, ks [bets]float64, m float64) float64 {
	var each [bets]float64
	for i := range each {
		each[i] = math.Exp(logWeights[i])
	}
	most := 0.0
	for _, x := range values {
		sum := 0.0
		for i, k := range ks {
			bet := k / (1 + k*m)
			each[i] *= 1 + bet*(x-m)
			sum += each[i]
		}
		most = max(most, sum)
	}
	return math.Log(most)
}

// The interval is exactly what the hedged capital, computed from its definition, has not refuted.
func TestIntervalIsWhatTheCapitalAllows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values, alpha := shares(t), rapid.SampledFrom([]float64{0.5, 0.05, 0.025, 0.001}).Draw(t, "alpha")
		s := newBetting(t, alpha)
		for _, x := range values {
			if err := s.Add(x); err != nil {
				t.Fatal(err)
			}
		}
		got, enough := s.Interval(), math.Log(2/alpha)
		beside := rapid.SampledFrom([]float64{got.Low, got.High, got.Low * 0.999, got.High + (1-got.High)*0.001})
		m := rapid.OneOf(rapid.Float64Range(0, 1), beside).Draw(t, "m")
		const rounding = 1e-9
		above, below := capitalByHand(values, aboveBets, m), capitalByHand(values, belowBets, m)
		if m >= got.Low && above > enough+slack+rounding || m <= got.High && below > enough+slack+rounding {
			t.Fatalf("%v is in [%v, %v], and the capital was exp(%v) and exp(%v), where exp(%v) refutes", m, got.Low, got.High, above, below, enough)
		}
		if m < got.Low && above < enough-rounding || m > got.High && below < enough-rounding {
			t.Fatalf("%v is not in [%v, %v], and the capital was exp(%v) and exp(%v), where exp(%v) refutes", m, got.Low, got.High, above, below, enough)
		}
	})
}

// The gamblers have no more than their half, and bet no more than they have: with the largest loss, a bet's money stays above 0.
func TestGamblersCannotBorrow(t *testing.T) {
	total := 0.0
	for i := range bets {
		total += math.Exp(logWeights[i])
		if above, below := 1+aboveBets[i], 1+belowBets[i]; math.Abs(above*below-1) > 1e-12 || below <= 0 || above <= 1 {
			t.Errorf("bet %d has odds of %v and %v", i, above, below)
		}
	}
	near(t, "the money of all bets", total, 1, 1e-12)
}

func TestIntervalNeverGrowsAndHasAMirror(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, mirror := newBetting(t, 0.05), newBetting(t, 0.05)
		before := s.Interval()
		if before != (Interval{0, 1}) {
			t.Fatalf("without units: %v", before)
		}
		for _, x := range shares(t) {
			if s.Add(x) != nil || mirror.Add(1-x) != nil {
				t.Fatalf("%v is refused", x)
			}
			now, other := s.Interval(), mirror.Interval()
			if now.Low < before.Low || now.High > before.High {
				t.Fatalf("%v follows %v", now, before)
			}
			// Both may lag by the slack, and 1-x is rounded.
			if d := math.Abs(now.Low - (1 - other.High)); d > 1e-3 {
				t.Fatalf("%v, and of 1-x %v", now, other)
			}
			before = now
		}
	})
}

// Zeros alone show that a share is at most a limit: the number of units is where the sum over bets of weight * (1 - k m)^-n
// reaches 2/alpha. A fixed interval, looked at once, needs 1,497 units for 0.2 %, so the sequence must need more.
func TestZerosPass(t *testing.T) {
	f := func(alpha, limit float64) {
		t.Helper()
		s, n := newBetting(t, alpha), 0
		for s.Interval().Judge(AtMost(limit), false) != Pass {
			if s.Interval().Judge(AtMost(limit), false) != Wait || n > 1_000_000 {
				t.Fatalf("after %d zeros: %v", n, s.Interval())
			}
			if err := s.Add(0); err != nil {
				t.Fatal(err)
			}
			n++
		}
		want := 0
		for capital := 0.0; capital < 2/alpha; want++ {
			capital = 0
			for i, k := range belowBets {
				capital += math.Exp(logWeights[i]) * math.Pow(1+k*limit, -float64(want))
			}
		}
		want--
		fixed := math.Log(alpha) / math.Log1p(-limit)
		if n < want || float64(n) > 1.002*float64(want)+1 || float64(n) < fixed || float64(n) > 2*fixed {
			t.Errorf("%d zeros pass a limit of %v at alpha %v: by the formula %d, looked at once %.0f", n, limit, alpha, want, fixed)
		}
		if s.Interval().Low != 0 || s.Mean() != 0 || s.Units() != int64(n) {
			t.Errorf("%+v, mean %v, %d units", s.Interval(), s.Mean(), s.Units())
		}
	}
	f(0.05, 0.002)
	f(0.05, 0.0001)
	f(0.025, 0.05)
}

// A share near a small limit is told from it: 0.1 % and 0.4 % of units, limit 0.2 %.
func TestSmallShares(t *testing.T) {
	f := func(share float64, want Verdict) {
		t.Helper()
		random, found := rand.New(rand.NewPCG(5, 0)), 0
		for range 20 {
			s := newBetting(t, 0.05)
			for range 60_000 {
				x := 0.0
				if random.Float64() < share {
					x = 1
				}
				if err := s.Add(x); err != nil {
					t.Fatal(err)
				}
			}
			if s.Interval().Judge(AtMost(0.002), true) == want {
				found++
			}
		}
		if found < 18 {
			t.Errorf("%d of 20 streams of %v are %v", found, share, want)
		}
	}
	f(0.001, Pass)
	f(0.004, Fail)
	f(0.002, Look)
}

// What a share rises to later refutes what it was before: the interval becomes empty, and a person has to look.
func TestShareThatChanges(t *testing.T) {
	s := newBetting(t, 0.05)
	add := func(x float64, times int) {
		t.Helper()
		for range times {
			if err := s.Add(x); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(0, 5000)
	if got := s.Interval().Judge(AtMost(0.002), false); got != Pass {
		t.Fatalf("%v: %v", s.Interval(), got)
	}
	add(1, 5000)
	if got := s.Interval(); !got.Empty() || got.Judge(AtMost(0.002), false) != Look || !Excess(got, Interval{0, 1}).Empty() {
		t.Fatalf("%v: %v", got, got.Judge(AtMost(0.002), false))
	}
}

// Of 400 streams, looked at after every unit, about 20 may ever miss the mean at alpha 0.05, and 31 are what chance allows.
func TestBettingCovers(t *testing.T) {
	f := func(name string, mean float64, draw func(*rand.Rand) float64) {
		t.Helper()
		missed, random := 0, rand.New(rand.NewPCG(1, 2))
		for range 400 {
			s := newBetting(t, 0.05)
			for range 1500 {
				if err := s.Add(draw(random)); err != nil {
					t.Fatal(err)
				}
			}
			if got := s.Interval(); mean < got.Low || mean > got.High { // it never grows, so the last one tells of all
				missed++
			}
		}
		t.Logf("%s: %d of 400 streams miss the mean", name, missed)
		if missed > 31 {
			t.Errorf("%s: %d of 400 streams miss the mean", name, missed)
		}
	}
	coin := func(p float64) func(*rand.Rand) float64 {
		return func(r *rand.Rand) float64 {
			if r.Float64() < p {
				return 1
			}
			return 0
		}
	}
	f("0.003", 0.003, coin(0.003))
	f("0.5", 0.5, coin(0.5))
	f("0.97", 0.97, coin(0.97))
	f("uniform", 0.5, (*rand.Rand).Float64)
	f("skewed", 1.0/6, func(r *rand.Rand) float64 { return math.Pow(r.Float64(), 5) })
}

// textbook is the hedged capital process with predictable plug-in bets, as in the paper: theta 1/2, bets truncated at c/m and
// c/(1-m) with c = 1/2, on a grid of means whose running intersection is taken.
type textbook struct {
	alpha, n, sum, squares, mean, variance float64
	means, above, below                    []float64
	low, high                              int
}

func newTextbook(alpha float64, means []float64) *textbook {
	n := len(means)
	return &textbook{alpha: alpha, mean: 0.5, variance: 0.25, means: means, above: make([]float64, n), below: make([]float64, n), high: n - 1}
}

func (b *textbook) add(x float64) {
	b.n++
	bet := math.Sqrt(2 * math.Log(2/b.alpha) / (b.variance * b.n * math.Log1p(b.n)))
	for i, m := range b.means {
		b.above[i] += math.Log1p(min(bet, 0.5/m) * (x - m))
		b.below[i] += math.Log1p(-min(bet, 0.5/(1-m)) * (x - m))
	}
	refuted := math.Log(2 / b.alpha)
	for b.low < len(b.means)-1 && b.above[b.low] >= refuted {
		b.low++
	}
	for b.high > 0 && b.below[b.high] >= refuted {
		b.high--
	}
	b.sum += x
	b.mean = (0.5 + b.sum) / (b.n + 1)
	b.squares += (x - b.mean) * (x - b.mean)
	b.variance = (0.25 + b.squares) / (b.n + 1)
}

// The figures in comments are the mean width of our intervals after so many units, as a part of the textbook's.
func TestTextbookIsWider(t *testing.T) {
	f := func(share float64, units int, most float64) {
		t.Helper()
		random := rand.New(rand.NewPCG(3, 4))
		var means []float64
		for i := range 200 {
			means = append(means, share/20+share*float64(i)/50) // a twentieth of the share to four times
		}
		ours, theirs := 0.0, 0.0
		for range 8 {
			s, b := newBetting(t, 0.05), newTextbook(0.05, means)
			for range units {
				x := 0.0
				if random.Float64() < share {
					x = 1
				}
				if err := s.Add(x); err != nil {
					t.Fatal(err)
				}
				b.add(x)
			}
			ours += s.Interval().High - s.Interval().Low
			theirs += b.means[b.high] - b.means[b.low]
		}
		t.Logf("share %v, %d units: width %.5f, textbook %.5f: %.2f of it", share, units, ours/8, theirs/8, ours/theirs)
		if ours > most*theirs {
			t.Errorf("share %v, %d units: width %.5f, textbook %.5f", share, units, ours/8, theirs/8)
		}
	}
	f(0.2, 1000, 0.9)  // 0.82
	f(0.01, 5000, 1)   // 0.94
	f(0.2, 5000, 0.75) // 0.64
}

func TestBettingRefuses(t *testing.T) {
	f := func(x float64, want string) {
		t.Helper()
		s := newBetting(t, 0.05)
		if err := s.Add(x); err == nil || err.Error() != want || s.Units() != 0 {
			t.Errorf("%v, %d units", err, s.Units())
		}
	}
	f(-0.1, "cannot count a share of -0.1: it lies in [0, 1]")
	f(1.5, "cannot count a share of 1.5: it lies in [0, 1]")
	f(math.NaN(), "cannot count a share of NaN: it lies in [0, 1]")
	f(math.Inf(1), "cannot count a share of +Inf: it lies in [0, 1]")
	for _, alpha := range []float64{0, -1, 0.6, math.NaN(), math.Inf(1)} {
		if _, err := NewBetting(alpha); err == nil {
			t.Errorf("alpha %v is taken", alpha)
		}
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	b, a, random := newBetting(t, 0.05), newAsymptotic(t, 0.05, 20_000), rand.New(rand.NewPCG(6, 0))
	got := testing.AllocsPerRun(2000, func() {
		x := random.Float64()
		if b.Add(x) != nil || a.Add(x) != nil || b.Interval().Empty() || a.Interval().Empty() {
			t.Fatal("it is refused")
		}
	})
	if got != 0 {
		t.Errorf("%v allocations per unit", got)
	}
}

func BenchmarkBetting(b *testing.B) {
	f := func(name string, draw func(*rand.Rand) float64) {
		b.Run(name, func(b *testing.B) {
			s, random := newBetting(b, 0.025), rand.New(rand.NewPCG(1, 1))
			values := make([]float64, 20_000)
			for i := range values {
				values[i] = draw(random)
			}
			for i := 0; b.Loop(); i++ {
				if i == len(values) {
					s, i = newBetting(b, 0.025), 0
				}
				_ = s.Add(values[i])
			}
		})
	}
	f("zeros", func(*rand.Rand) float64 { return 0 })
	f("rare", func(r *rand.Rand) float64 { return math.Floor(r.Float64() + 0.002) })
	f("any", (*rand.Rand).Float64)
}
