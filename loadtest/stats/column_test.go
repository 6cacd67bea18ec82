package stats

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/loadtest/result"
)

const ms = time.Millisecond

func TestLatencyOfKnownSamples(t *testing.T) {
	var c Column
	for i := 1000; i >= 1; i-- {
		c.Add(time.Duration(i)*10*ms, time.Duration(i)*time.Microsecond)
	}
	l := c.Latency(10*time.Second, Options{})
	if l.N != 1000 || math.Abs(l.Mean-0.5005) > 1e-12 || l.Min != 0.001 || l.Max != 1 {
		t.Errorf("got %d samples, mean %v, from %v to %v", l.N, l.Mean, l.Min, l.Max)
	}
	for q, want := range map[float64]float64{0.5: 0.5, 0.9: 0.9, 0.95: 0.95, 0.99: 0.99} {
		if got, ok := l.At(q); !ok || got.Ms != want || got.Lo > want || got.Hi < want || got.Hi == 0 {
			t.Errorf("%v: %+v %v, want %v", q, got, ok, want)
		}
	}
	if _, ok := l.At(0.999); ok || !reflect.DeepEqual(l.Refused, []result.Refusal{{Q: 0.999, Need: 4603}}) {
		t.Errorf("p99.9 of 1,000 samples is given: %+v", l.Refused)
	}
	if h, err := DecodeHistogram(&l); err != nil || h.h.TotalCount() != 1000 {
		t.Errorf("histogram: %v", err)
	}
}

func TestQuantilesBeginWithTheirLeastNumberOfSamples(t *testing.T) {
	f := func(n int, given ...float64) {
		t.Helper()
		var c Column
		for range n {
			c.Add(0, ms)
		}
		l := c.Latency(time.Second, Options{})
		var got []float64
		for _, q := range l.Quantiles {
			got = append(got, q.Q)
		}
		if !slices.Equal(got, given) || len(got)+len(l.Refused) != len(DefaultQuantiles) {
			t.Errorf("%d samples: %v, want %v; refused %v", n, got, given, l.Refused)
		}
	}
	f(0)
	f(6)
	f(7, 0.5)
	f(44, 0.5, 0.9)
	f(458, 0.5, 0.9, 0.95)
	f(459, 0.5, 0.9, 0.95, 0.99)
	f(4602, 0.5, 0.9, 0.95, 0.99)
	f(4603, 0.5, 0.9, 0.95, 0.99, 0.999)
}

func TestLatenciesAboveTheHistogramAreCounted(t *testing.T) {
	var c Column
	c.Add(0, time.Hour)
	c.Add(0, ms)
	if l := c.Latency(time.Second, Options{}); l.Clamped != 1 || l.Max != 3.6e6 {
		t.Errorf("got %+v", l)
	}
}

func TestQuantilesAreMerged(t *testing.T) {
	if got := Quantiles(0.97, 0.99, 0.25); !slices.Equal(got, []float64{0.25, 0.5, 0.9, 0.95, 0.97, 0.99, 0.999}) {
		t.Errorf("got %v", got)
	}
	if got := Quantiles(); !slices.Equal(got, DefaultQuantiles) {
		t.Errorf("got %v", got)
	}
}

func TestNearestRank(t *testing.T) {
	f := func(q float64, n, want int64) {
		t.Helper()
		if got := rank(q, n); got != want {
			t.Errorf("rank of %v in %d: %d, want %d", q, n, got, want)
		}
	}
	f(0.5, 1, 1)
	f(0.5, 2, 1)
	f(0.5, 3, 2)
	f(0.99, 100, 99)
	f(0.99, 101, 100)
	f(0.999, 1000, 999)
	f(0.999, 10_000_000, 9_990_000)
	f(0.07, 100, 7) // 7.000000000000001 in floating point
	f(0, 5, 1)
	f(1, 5, 5)
}

func TestTooFewBlocksGiveNoInterval(t *testing.T) {
	f := func(length time.Duration, want bool) {
		t.Helper()
		var c Column
		for i := range 1000 {
			c.Add(length*time.Duration(i)/1000, time.Duration(i)*ms)
		}
		l := c.Latency(length, Options{Quantiles: []float64{0.5}})
		q, ok := l.At(0.5)
		if !ok || (q.Hi > 0) != want {
			t.Errorf("%v: %+v", length, q)
		}
	}
	f(4900*ms, false)
	f(5*time.Second, true)
	f(900*time.Second, true) // blocks of three seconds
}

func TestTheSameSeedGivesTheSameInterval(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var c Column
	for i := range 20_000 {
		c.Add(time.Duration(i)*ms, time.Duration(random.ExpFloat64()*float64(ms)))
	}
	a, b := c.Latency(20*time.Second, Options{Seed: 1}), c.Latency(20*time.Second, Options{Seed: 1})
	if !reflect.DeepEqual(a, b) {
		t.Error("two summaries of the same differ")
	}
	other := c.Latency(20*time.Second, Options{Seed: 2})
	if reflect.DeepEqual(a.Quantiles, other.Quantiles) {
		t.Error("the seed changes nothing")
	}
}

// Intervals hold the true quantile about as often as they say, also where samples of a second
// resemble each other; the interval that takes samples for independent does not.
func TestIntervalsCoverTheTruth(t *testing.T) {
	const runs, seconds, rate = 100, 60, 50
	f := func(name string, draw func(random *rand.Rand, level float64) float64, truth, low, high float64) (width float64) {
		t.Helper()
		random := rand.New(rand.NewPCG(7, 7))
		covered := 0
		for run := range runs {
			var c Column
			for s := range seconds {
				level := random.NormFloat64()
				for i := range rate {
					c.Add(time.Duration(s)*time.Second+time.Duration(i)*20*ms, time.Duration(draw(random, level)*float64(ms)))
				}
			}
			l := c.Latency(seconds*time.Second, Options{Quantiles: []float64{0.9}, Resamples: 300, Seed: uint64(run)})
			q, _ := l.At(0.9)
			width += (q.Hi - q.Lo) / runs
			if q.Lo <= truth && truth <= q.Hi {
				covered++
			}
		}
		if share := float64(covered) / runs; share < low || share > high {
			t.Errorf("%s: %.3f of the intervals hold the truth, want %v to %v", name, share, low, high)
		}
		return width
	}
	const z90 = 1.2815515655446004
	alone := f("independent", func(r *rand.Rand, _ float64) float64 { return math.Exp(r.NormFloat64()) }, math.Exp(z90), 0.90, 0.99)
	// Half of the variance is of the second: the distribution of a sample is the same.
	bursts := f("bursts", func(r *rand.Rand, level float64) float64 {
		return math.Exp((r.NormFloat64() + level) / math.Sqrt2)
	}, math.Exp(z90), 0.88, 0.99)
	if bursts < 3*alone {
		t.Errorf("intervals are %.3f ms wide with bursts and %.3f ms without; that is what an interval for independent samples does", bursts, alone)
	}
}

func TestBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64Range(0, 1<<50).Draw(t, "v")
		k := bucketOf(v)
		if m := middle(k); math.Abs(m-float64(v)) > 0.0005*float64(v)+0.5 {
			t.Fatalf("%d is in the bucket of %v", v, m)
		}
		if bucketOf(v+1) < k {
			t.Fatalf("the bucket of %d is above that of %d", v, v+1)
		}
	})
	if bucketOf(-5) != 0 {
		t.Error("a negative latency has a bucket of its own")
	}
}

// A resample's counts are those of its blocks put together.
func TestResamplesAgainstTheirSamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.IntRange(5, 700).Draw(t, "seconds")
		n := rapid.IntRange(1, 200).Draw(t, "n")
		ns, second := make([]int64, n), make([]int32, n)
		for i := range ns {
			ns[i] = rapid.Int64Range(0, 1<<36).Draw(t, "ns")
			second[i] = int32(rapid.IntRange(0, seconds).Draw(t, "second")) // one more: the rest of a second
		}
		b := newBlocks(ns, second, seconds)
		if b.n < minBlocks || b.n > maxBlocks {
			t.Fatalf("%d seconds in %d blocks", seconds, b.n)
		}
		weight := make([]uint32, b.n)
		for i := range weight {
			weight[i] = uint32(rapid.IntRange(0, 3).Draw(t, "weight"))
		}
		row := rapid.IntRange(0, len(b.bucket)-1).Draw(t, "row")
		per := (seconds + maxBlocks - 1) / maxBlocks
		var want uint64
		for i, v := range ns {
			if bucketOf(v) <= b.bucket[row] {
				want += uint64(weight[min(int(second[i])/per, b.n-1)])
			}
		}
		if got := b.within(row, weight); got != want {
			t.Fatalf("%d samples, want %d", got, want)
		}
	})
}

func TestSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, 2047, 2048, 5000}).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		bits := rapid.IntRange(0, 62).Draw(t, "bits")
		random := rand.New(rand.NewPCG(seed, 1))
		v := make([]int64, n)
		for i := range v {
			v[i] = random.Int64N(1<<bits) - 1<<bits/2
		}
		want := slices.Clone(v)
		slices.Sort(want)
		if sortLatencies(v); !slices.Equal(v, want) {
			t.Fatalf("%d numbers of %d bits are not sorted", n, bits)
		}
	})
	extremes := make([]int64, 4096)
	for i := range extremes {
		extremes[i] = []int64{math.MaxInt64, math.MinInt64, 0, -1}[i%4]
	}
	if sortLatencies(extremes); !slices.IsSorted(extremes) {
		t.Error("the extremes are not sorted")
	}
}

func BenchmarkSort(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	v := make([]int64, 1_000_000)
	for i := range v {
		v[i] = int64(math.Exp(random.NormFloat64()) * 2e6)
	}
	for name, sort := range map[string]func([]int64){"radix": sortLatencies, "comparisons": slices.Sort[[]int64]} {
		b.Run(name, func(b *testing.B) {
			w := make([]int64, len(v))
			for b.Loop() {
				copy(w, v)
				sort(w)
			}
		})
	}
}
