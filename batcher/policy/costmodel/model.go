// Package costmodel predicts what a batch of a model costs on a device, and learns it from the runs.
// It is part of the state machine: pure, and its methods are serialised by the caller.
package costmodel

import (
	"math"
	"slices"
	"sort"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
)

const (
	ringSize     = 32
	learnRate    = 0.05            // of the table, per batch
	slowRatio    = 1.25            // a run this much over the table counts as slow
	slowRuns     = 3               // so many in a row are a change of speed
	outlierRatio = 3               // a run this much over the prediction is an outlier
	outlierCost  = 10              // outliers count once they come as three in a row or
	outlierMost  = 30              // more than one in ten
	staleAfter   = 2 * time.Second // without runs the speed is forgotten
	marginStep   = 0.05            // added when too many requests are late
	marginRelax  = 0.01            // taken off per period when not
	marginMost   = 0.5
	tailMost     = 1.35 // of the mean
)

// Model predicts the latency of a batch of one model on one device, from sealing
// to outputs ready. The table is the typical latency by batch size, seeded by the warm-up
// sweep, moved slowly by runs, never falling in rows. The last 32 runs against the table
// say how far off it is at the moment, both as a ratio and as a difference:
//
//	stretched(rows) = table + min(table * (ratio-1), difference)
//
// A throttled device shows in both alike. A processor that is taken away for
// milliseconds is a ratio of hundreds on a run of 20 us, and multiplying that into a run
// of 64 rows would refuse the traffic of seconds; as a difference it does no harm.
//
// There are two predictions. Mean stretches by the mean of the ring: it is for sums over
// several batches and for throughput. Latency is L, which a deadline is held against: it
// stretches by the 95th percentile (two slow runs raise it, one does not, and it falls as
// they leave the ring), but is at most 1.35 times the mean: with a tail that is heavier,
// planning for it would cost more requests than meeting it. L contains the device's gap,
// a margin, which answers requests that are late all the same, and a reach, by which it covers 19
// of 20 runs of microseconds. Mean contains a reserve, which answers promises that were broken.
//
// An outlier is a hiccup of the machine and teaches nothing, unless outliers keep coming;
// then each counts as the threshold that it has passed. So three in a row at most triple
// a prediction, while a device that has really become ten times slower is followed
// within a few runs.
//
// The ring holds latencies, not ratios: with ratios a lasting change would count twice
// while the table follows it, once in the table and once in the ring.
type Model struct {
	rows    []int     // the table's batch sizes, ascending
	table   []float64 // nanoseconds
	known   []bool    // measured or seeded
	segment []int32   // by batch size: index of the table entry at or above it
	stepped bool      // batches are padded to a size of the table

	ring    [ringSize]run
	filled  int
	at      int
	slow    int // slow runs in a row
	wild    int // outliers of late: see outlierCost
	recent  [slowRuns]run
	high    stretch // 95th percentile of the ring
	pace    stretch // mean of the ring
	worst   stretch // largest of the ring
	speed   float64 // of the device's usual one; the table and the ring hold what runs take at 1
	slowed  float64 // 1/speed: predictions are many and a division is slow
	margin  float64
	reach   float64 // added to the bound, in nanoseconds; see learnReach
	gap     float64
	reserve float64 // part of a mean that sums are taken to last longer; see Keep
	lastRun clock.Instant
	covered uint64 // runs within their prediction
	runs    uint64
	skew    float64 // median of what runs take of their mean; 0 until there was one

	says    []said // by rows: these are asked for many times between two runs
	changes uint32
}

// said is what the model says of a batch size until the next change.
type said struct {
	latency, idle time.Duration
	usual         float64
	change        uint32
}

type run struct {
	rows int
	took float64
}

// stretch is how runs differ from the table.
type stretch struct{ ratio, extra float64 }

func (s stretch) of(typical float64) float64 {
	if s.ratio <= 1 {
		return typical * s.ratio
	}
	return typical + min(typical*(s.ratio-1), max(s.extra, 0))
}

// New makes a model for batches of up to so many rows, or of the given sizes, ascending, to which they are
// padded. The seed is what warm-up measured; without one the first runs are predicted to cost nothing. The
// gap is added to each prediction.
func New(maxBatch int, sizes []int, seed cost.Curve, gap time.Duration) *Model {
	c := &Model{stepped: len(sizes) > 0, high: stretch{1, 0}, pace: stretch{1, 0}, worst: stretch{1, 0}, speed: 1, slowed: 1, gap: float64(gap)}
	seed = slices.Clone(seed).Monotone()
	if c.stepped {
		c.rows = slices.Clone(sizes)
	} else {
		c.rows = cost.Sizes(maxBatch)
		for _, p := range seed {
			if p.Rows <= maxBatch {
				c.rows = append(c.rows, p.Rows)
			}
		}
		slices.Sort(c.rows)
	}
	c.rows = slices.Compact(c.rows)
	c.table, c.known = make([]float64, len(c.rows)), make([]bool, len(c.rows))
	c.segment = make([]int32, c.rows[len(c.rows)-1]+1)
	c.says, c.changes = make([]said, len(c.segment)), 1
	for b := range c.segment {
		c.segment[b] = int32(sort.SearchInts(c.rows, b))
	}
	if len(seed) > 0 {
		for i, b := range c.rows {
			c.table[i], c.known[i] = max(float64(seed.At(b)), 1), true
		}
		c.seedRing(seed)
	}
	return c
}

// seedRing makes the seed's 95th percentile the speed until runs have replaced it.
func (c *Model) seedRing(seed cost.Curve) {
	var spread []float64
	for _, p := range seed {
		if p.P50 > 0 && p.P95 > p.P50 {
			spread = append(spread, float64(p.P95)/float64(p.P50))
		}
	}
	ratio := 1.0
	if len(spread) > 0 {
		slices.Sort(spread)
		ratio = spread[len(spread)/2]
	}
	c.fill(1)
	for i := range 2 {
		c.ring[i].took *= ratio
	}
	c.refresh()
}

// fill makes the whole ring say one ratio.
func (c *Model) fill(ratio float64) {
	for i := range c.ring {
		c.ring[i] = run{c.rows[0], c.table[0] * ratio}
	}
	c.filled, c.at, c.slow = ringSize, 0, 0
	c.refresh()
}

// Bucket is the size that a batch of that many rows runs at.
func (c *Model) Bucket(rows int) int {
	if c.stepped {
		return c.rows[c.segment[rows]]
	}
	return rows
}

// typical is the table's latency in nanoseconds.
func (c *Model) typical(rows int) float64 {
	i := int(c.segment[rows])
	if b := c.rows[i]; b == rows || c.stepped || i == 0 {
		return c.table[i]
	}
	low, high := c.rows[i-1], c.rows[i]
	return c.table[i-1] + (c.table[i]-c.table[i-1])*float64(rows-low)/float64(high-low)
}

// ahead is the mean without the gap, bound L without it; both in nanoseconds, at the usual speed.
func (c *Model) ahead(rows int) float64 { return c.pace.of(c.typical(rows)) }

func (c *Model) bound(rows int) float64 {
	t := c.typical(rows)
	mean := c.pace.of(t)
	return min(max(c.high.of(t), mean), tailMost*mean) * (1 + c.margin)
}

// Mean predicts a batch among many.
func (c *Model) Mean(rows int) time.Duration {
	return time.Duration(math.Ceil(c.say(rows).usual * (1 + c.reserve)))
}

// usual is the mean without the reserve: how large batches should be does not depend on what was broken.
func (c *Model) usual(rows int) time.Duration {
	return time.Duration(math.Ceil(c.ahead(rows)*c.slowed + c.gap))
}

// Latency is L: the prediction for one batch, high rather than low.
func (c *Model) Latency(rows int) time.Duration { return c.say(rows).latency }

func (c *Model) say(rows int) *said {
	b := &c.says[rows]
	if b.change != c.changes {
		t := c.typical(rows)
		mean := c.pace.of(t)
		*b = said{time.Duration(math.Ceil(c.bound(rows)*c.slowed + c.gap + c.reach)), time.Duration(min(t, mean) + c.gap), mean*c.slowed + c.gap, c.changes}
	}
	return b
}

// Wake forgets a slow speed after a long rest: whatever slowed the device may be over,
// and the first runs will tell. It reports whether it has.
func (c *Model) Wake(now clock.Instant) bool {
	if c.filled == 0 || c.high.ratio <= 1 || now.Sub(c.lastRun) < staleAfter {
		return false
	}
	last := c.ring[(c.at+ringSize-1)%ringSize]
	c.fill(max(1, min(c.high.ratio, c.against(last).ratio)))
	return true
}

// Widen adds to the margin, which answers requests that are late all the same.
func (c *Model) Widen() { c.setMargin(min(c.margin+marginStep, marginMost)) }

// Relax takes from it.
func (c *Model) Relax() { c.setMargin(max(c.margin-marginRelax, 0)) }

func (c *Model) setMargin(margin float64) {
	if margin != c.margin {
		c.margin = margin
		c.changes++
	}
}

// Stats are what a Model knows of itself.
type Stats struct {
	Curve         cost.Curve // the table as it stands, with the bounds as P95
	Speed         float64    // how many times the table slow runs take
	Runs, Covered uint64     // runs, and those within their bound
}

// Stats returns them.
func (c *Model) Stats() Stats {
	s := Stats{Speed: c.high.ratio, Runs: c.runs, Covered: c.covered, Curve: make(cost.Curve, len(c.rows))}
	for i, b := range c.rows {
		s.Curve[i] = cost.Point{Rows: b, P50: time.Duration(c.table[i]), P95: c.Latency(b)}
	}
	return s
}

// Runs is how many runs the model has seen.
func (c *Model) Runs() uint64 { return c.runs }

// Slow reports whether runs take much longer than the table says.
func (c *Model) Slow() bool { return c.high.ratio > slowRatio }

// Sizes are the batch sizes of the table, ascending. They are the model's.
func (c *Model) Sizes() []int { return c.rows }

// Stepped reports whether batches are padded to a size of the table.
func (c *Model) Stepped() bool { return c.stepped }

// Idle is the table's latency with the gap, or what the last runs took where they were quicker.
func (c *Model) Idle(rows int) time.Duration { return c.say(rows).idle }
