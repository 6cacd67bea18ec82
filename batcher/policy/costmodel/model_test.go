package costmodel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/clock"
	"sluice/internal/cost"
)

const ms = time.Millisecond

func line(maxBatch int, base, perRow time.Duration) cost.Curve {
	var c cost.Curve
	for _, b := range cost.Sizes(maxBatch) {
		l := base + time.Duration(b)*perRow
		c = append(c, cost.Point{Rows: b, P50: l, P95: l})
	}
	return c
}

func TestPredictionIsTheSeed(t *testing.T) {
	curve := line(64, ms, ms/10)
	c := New(64, nil, curve, 50*time.Microsecond)
	for b := 1; b <= 64; b++ {
		if got, want := c.Latency(b), curve.At(b)+50*time.Microsecond; got < want || got > want+1 {
			t.Errorf("latency(%d) = %v, want %v", b, got, want)
		}
	}
	padded := New(12, []int{4, 16}, curve, 0)
	f := func(rows, bucket int) {
		t.Helper()
		if got := padded.Bucket(rows); got != bucket {
			t.Errorf("bucket(%d) = %d, want %d", rows, got, bucket)
		}
		if got := padded.Latency(rows); got != curve.At(bucket) {
			t.Errorf("latency(%d) = %v, want that of %d rows, %v", rows, got, bucket, curve.At(bucket))
		}
	}
	f(1, 4)
	f(4, 4)
	f(5, 16)
	f(12, 16)
}

func TestSeedSpreadIsTheFirstSpeed(t *testing.T) {
	c := New(1, nil, cost.Curve{{Rows: 1, P50: 10 * ms, P95: 12 * ms}}, 0)
	if got := c.Latency(1); got != 12*ms {
		t.Errorf("predicts %v, want the seed's 95th percentile of 12ms", got)
	}
}

// runs feeds n runs of b rows at ratio times the curve.
func runs(c *Model, curve cost.Curve, n, b int, ratio float64) {
	for range n {
		c.Observe(0, b, time.Duration(float64(curve.At(b))*ratio), false)
	}
}

func TestStepsOfSpeed(t *testing.T) {
	curve := line(32, 2*ms, ms/4)
	f := func(name string, feed func(c *Model), b int, low, high float64) {
		t.Helper()
		c := New(32, nil, curve, 0)
		runs(c, curve, 40, b, 1)
		feed(c)
		if got := float64(c.Latency(b)) / float64(curve.At(b)); got < low || got > high {
			t.Errorf("%s: predicts %.3f of the curve, want %.3f to %.3f", name, got, low, high)
		}
	}
	f("steady", func(*Model) {}, 8, 1, 1.001)
	f("one outlier of 10 changes less than 5 %", func(c *Model) { runs(c, curve, 1, 8, 10) }, 8, 1, 1.05)
	f("one run at 2 changes less than 10 %", func(c *Model) { runs(c, curve, 1, 8, 2) }, 8, 1, 1.1)
	f("a step of 1.5 is seen within 5 batches", func(c *Model) { runs(c, curve, 5, 8, 1.5) }, 8, 1.45, 1.7)
	f("a step of 10 within 6", func(c *Model) { runs(c, curve, 6, 8, 10) }, 8, 9.5, 15)
	f("an outlier among mildly slow runs changes little", func(c *Model) {
		for _, ratio := range []float64{1.2, 1.2, 1000, 1.2, 1.3} {
			runs(c, curve, 1, 8, ratio)
		}
	}, 8, 1, 1.3)
	f("three outliers of 1000 triple", func(c *Model) { runs(c, curve, 3, 8, 1000) }, 8, 3, 3.5)
	f("a second mode in a quarter of the runs counts", func(c *Model) {
		for range 40 {
			runs(c, curve, 3, 8, 1)
			runs(c, curve, 1, 8, 5)
		}
	}, 8, 2.5, 6)
	f("one outlier in twenty is not", func(c *Model) {
		for range 40 {
			runs(c, curve, 19, 8, 1)
			runs(c, curve, 1, 8, 5)
		}
	}, 8, 1, 1.05)
	f("a lasting step of 1.5 does not count twice", func(c *Model) { runs(c, curve, 60, 8, 1.5) }, 8, 1.49, 1.6)
	f("and is over two rings after it ends", func(c *Model) {
		runs(c, curve, 40, 8, 1.5)
		runs(c, curve, 2*ringSize, 8, 1)
	}, 8, 0.99, 1.05)
	f("a step of 10 is over two rings after it ends", func(c *Model) {
		runs(c, curve, 10, 8, 10)
		runs(c, curve, 2*ringSize, 8, 1)
	}, 8, 0.99, 1.6)
	f("getting faster is learned", func(c *Model) { runs(c, curve, 200, 8, 0.5) }, 8, 0.49, 0.55)
}

func TestProbeReplacesTheSpeed(t *testing.T) {
	curve := line(8, ms, ms)
	c := New(8, nil, curve, 0)
	runs(c, curve, 6, 4, 10)
	before := c.Latency(1)
	c.Observe(0, 1, curve.At(1), true)
	if after := c.Latency(1); after > before/3 {
		t.Errorf("after a fast probe the prediction is %v, was %v", after, before)
	}
}

func TestSpeedIsForgottenAfterARest(t *testing.T) {
	curve := line(8, ms, ms)
	c := New(8, nil, curve, 0)
	runs(c, curve, 3, 4, 2.5)
	c.Observe(0, 4, curve.At(4), false)
	slow := c.Latency(4)
	c.Wake(clock.Instant(staleAfter - 1))
	if got := c.Latency(4); got != slow {
		t.Errorf("forgot too early: %v, was %v", got, slow)
	}
	c.Wake(clock.Instant(staleAfter))
	if got := c.Latency(4); got > curve.At(4)*6/5 {
		t.Errorf("still predicts %v, was %v", got, slow)
	}
}

func TestMarginWidensAndRelaxes(t *testing.T) {
	c := New(8, nil, line(8, ms, ms), 0)
	c.Widen()
	if got, want := c.Latency(1), 2100*time.Microsecond; got < want || got > want+1 {
		t.Errorf("widened to %v, want %v", got, want)
	}
	for range 20 {
		c.Widen()
	}
	if c.margin > marginMost {
		t.Errorf("margin %g", c.margin)
	}
	for range 100 {
		c.Relax()
	}
	if c.margin != 0 {
		t.Errorf("margin %g after relaxing", c.margin)
	}
}

// Without a seed the model must find the sizes that pay, not stay with the first it saw.
func TestLearnsWithoutASeed(t *testing.T) {
	curve := line(32, 10*ms, ms/10)
	c := New(32, nil, nil, 0)
	for range 200 {
		b := c.Best(0)
		c.Observe(0, b, curve.At(b), false)
	}
	if got := c.Best(0); got != 32 {
		t.Errorf("best size is %d, want 32", got)
	}
	for _, b := range []int{1, 5, 32} {
		c.Observe(0, b, curve.At(b), false)
		if got := float64(c.Latency(b)) / float64(curve.At(b)); got < 0.9 || got > 1.3 {
			t.Errorf("latency(%d) is %.2f of the truth", b, got)
		}
	}
}

// Whatever runs report, the table never falls, predictions do not lie below it, and
// predictions never fall with the rows.
func TestModelStaysMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		curve := line(24, ms, ms/8)
		var sizes []int
		if rapid.Bool().Draw(t, "padded") {
			sizes = []int{1, 4, 8, 24}
		}
		if rapid.Bool().Draw(t, "unseeded") {
			curve = nil
		}
		c := New(24, sizes, curve, 0)
		for range rapid.IntRange(1, 100).Draw(t, "runs") {
			b := rapid.IntRange(1, 24).Draw(t, "rows")
			took := time.Duration(rapid.IntRange(1, 1e9).Draw(t, "took"))
			c.Observe(0, b, took, rapid.IntRange(0, 9).Draw(t, "probe") == 0)
			if !slices.IsSorted(c.table) {
				t.Fatalf("table %v falls", c.table)
			}
			for b := 1; b <= 24; b++ {
				if math.IsNaN(c.bound(b)) || c.Latency(b) < 0 || b > 1 && c.Latency(b) < c.Latency(b-1) {
					t.Fatalf("latency(%d) = %v, bound %g", b, c.Latency(b), c.bound(b))
				}
			}
		}
	})
}

// With noisy runs the prediction covers nearly all and is not far above them.
func TestCoverage(t *testing.T) {
	curve := line(32, 2*ms, ms/4)
	c := New(32, nil, curve, 0)
	rng := rand.New(rand.NewPCG(1, 2))
	over := 0.0
	const n = 5000
	for range n {
		b := 1 + rng.IntN(32)
		took := float64(curve.At(b)) * math.Exp(0.02*rng.NormFloat64())
		over += float64(c.Latency(b)) / took / n
		c.Observe(0, b, time.Duration(took), false)
	}
	if share := float64(c.covered) / n; share < 0.93 || over > 1.06 {
		t.Errorf("%.3f of the runs are within the prediction, which is %.3f of them on average", share, over)
	}
}

func TestBestAndSmallest(t *testing.T) {
	a100 := cost.Curve{{Rows: 1, P50: 2128e3}, {Rows: 2, P50: 2194e3}, {Rows: 4, P50: 2759e3}, {Rows: 8, P50: 3895e3}, {Rows: 16, P50: 5793e3}, {Rows: 32, P50: 11193e3}}
	falling := append(slices.Clone(a100), cost.Point{Rows: 64, P50: 25200e3})
	best := func(curve cost.Curve, maxBatch int, limit time.Duration, want int) {
		t.Helper()
		if got := New(maxBatch, nil, curve, 0).Best(limit); got != want {
			t.Errorf("best within %v = %d, want %d", limit, got, want)
		}
	}
	best(a100, 32, 0, 32)
	best(falling, 64, 0, 32)
	best(a100, 32, 12500*time.Microsecond, 32)
	best(a100, 32, 7500*time.Microsecond, 21)
	best(a100, 32, 2*ms, 1)
	best(line(16, 0, ms), 16, 0, 1) // no gain from batching
	if got := New(32, []int{1, 8, 32}, a100, 0).Best(7 * ms); got != 8 {
		t.Errorf("best padded size = %d, want 8", got)
	}

	smallest := func(rate float64, want int) {
		t.Helper()
		c := New(32, nil, a100, 0)
		got := c.Smallest(rate, 32)
		brute := 32
		for b := 32; b >= 1; b-- {
			if float64(b)/c.Latency(b).Seconds() >= headroom*rate {
				brute = b
			}
		}
		if got != want || brute != want {
			t.Errorf("smallest for %v rows/s = %d, want %d (%d by brute force)", rate, got, want, brute)
		}
	}
	smallest(0, 1)
	smallest(440, 1)
	smallest(800, 2)
	smallest(1500, 5)
	smallest(2000, 9)
	smallest(1e6, 32)
}
