package telemetry

import (
	"math"
	"sync/atomic"
	"time"
)

// perOctave is the buckets between a power of two and the next: Prometheus' schema 3,
// whose bounds grow by 9 %.
const (
	perOctave    = 8
	nativeSchema = 3
)

// scale is the range of a histogram. Values of 2^low and less fall into the zero
// bucket, values above 2^high into the last one.
type scale struct {
	low, high int
	// unit is what one of a cell's sum is worth: sums are kept as integers.
	unit float64
	// classic are the exponents of the powers of two that older scrapers see as buckets.
	// Being bounds of native buckets, they are exact.
	classic []int
}

var (
	// 1 µs to 64 s, summed in nanoseconds.
	durations = &scale{low: -20, high: 6, unit: 1e-9, classic: []int{-14, -12, -11, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 2, 4}}
	// 1 to 4096 rows.
	batchRows = &scale{low: -1, high: 12, unit: 1, classic: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12}}
	// A 64th to 64 times what was predicted, summed in millionths.
	ratios = &scale{low: -6, high: 6, unit: 1e-6, classic: []int{-2, -1, 0, 1, 2, 3}}
)

func (s *scale) buckets() int { return (s.high-s.low)*perOctave + 1 }

// size is the cells that a histogram of this scale takes: its sum, then its buckets.
func (s *scale) size() int { return s.buckets() + 1 }

// octaveBounds are the mantissas of 2^(i/8), the bounds inside an octave.
var octaveBounds = func() (bounds [perOctave]uint64) {
	for i := range bounds {
		bounds[i] = math.Float64bits(math.Exp2(float64(i)/perOctave)) & mantissaBits
	}
	return bounds
}()

const (
	mantissaBits = 1<<52 - 1
	exponentBias = 1023
)

// index is the bucket of a value. Bucket i > 0 holds what is above the bound of i-1 and
// not above 2^(low + i/8); bucket 0 holds all that is smaller, negative or not a number.
func (s *scale) index(v float64) int {
	if !(v > 0) {
		return 0
	}
	b := math.Float64bits(v)
	octave := int(b>>52) - exponentBias - s.low
	if octave < 0 {
		return 0
	}
	// How many of the octave's eight bounds are below the mantissa.
	mantissa, below := b&mantissaBits, 0
	if mantissa > octaveBounds[3] {
		below = 4
	}
	if mantissa > octaveBounds[below+1] {
		below += 2
	}
	if mantissa > octaveBounds[below] {
		below++
	}
	if mantissa > octaveBounds[below] { // only where seven are
		below++
	}
	return min(octave*perOctave+below, s.buckets()-1)
}

// observeDuration adds to the histogram that begins at the cell.
func observeDuration(shard []atomic.Uint64, cell int, d time.Duration) {
	d = max(d, 0)
	shard[cell].Add(uint64(d))
	shard[cell+1+durations.index(float64(d)*1e-9)].Add(1)
}

// reading is a histogram summed over its shards.
type reading struct {
	scale   *scale
	sum     uint64
	buckets []uint64
}

func (c *cells) read(s *scale, cell int) reading {
	r := reading{scale: s, sum: c.sum(cell), buckets: make([]uint64, s.buckets())}
	for i := range r.buckets {
		r.buckets[i] = c.sum(cell + 1 + i)
	}
	return r
}

func (r reading) count() (n uint64) {
	for _, b := range r.buckets {
		n += b
	}
	return n
}

// upTo is how many values were not above 2^exponent.
func (r reading) upTo(exponent int) (n uint64) {
	for _, b := range r.buckets[:min((exponent-r.scale.low)*perOctave+1, len(r.buckets))] {
		n += b
	}
	return n
}
