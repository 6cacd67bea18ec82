// Package load draws the schedule of a load test from a load expression, and describes recorded
// traffic by the same words. It owns the form of a schedule; the load tester and its self-test
// call it. It keeps no state and starts no goroutine.
//
// A schedule is drawn whole before a run, from its seed alone. Invariants:
//   - Arrivals are sorted, none before 0, none at or after the length. (A trace without a
//     length of its own ends with its last arrival, which is still in.) A trace begins with
//     its first arrival.
//   - The same expression, seed and options give the same arrivals, and so the same
//     SHA-256, on every machine.
//   - Instants and variants come from separate streams of the seed: more variants do not move
//     the instants.
package load

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"time"

	"sluice/internal/traffic"
	"sluice/loadtest/engine"
)

// MaxArrivals is the most arrivals of a schedule: 16 bytes each, 800 MB in all.
const MaxArrivals = 50_000_000

// MaxRate is the highest rate that is sent.
const MaxRate = 1e6

const (
	longest    = 366 * 24 * time.Hour
	leastPiece = time.Millisecond
	leastRate  = 0.001
)

// MaxVariants is how many variants an arrival can name.
const MaxVariants = 1 << 16

// Options are what a schedule depends on beside its expression.
type Options struct {
	Seed uint64
	// Length is that of the whole schedule, the warm-up included. 0 is for a trace only: all of it.
	Length time.Duration
	// Warmup is the beginning of Length in which the rate is one: that at the start of the
	// profile, the mean of a sine, the base of bursts. The profile begins behind it. A trace is
	// not moved: its first arrivals are its warm-up.
	Warmup time.Duration
	// Variants is how many there are to draw from, uniformly; 0 is 1.
	Variants int
	// Models are those that the caller has requests for. If there are any, a trace of JSON
	// lines gives its Kinds, and an arrival of another model is an error. Without, a trace gives
	// its instants alone.
	Models []string
}

// Schedule is all that will be sent, drawn in advance.
type Schedule struct {
	Arrivals []engine.Arrival
	// SHA256 is the hash of the arrivals, in hexadecimal; see Hash.
	SHA256 string
	// Length is how long it is: what was asked for, or the instant of the last arrival of
	// a trace that ends before.
	Length time.Duration
	// Kinds are the different requests of a trace, if the caller named its models. The
	// Variant of an arrival is then the index of its kind, until Assign.
	Kinds []Kind
}

// Draw draws the schedule of a load. It fails in a closed loop, which has no schedule; beyond
// MaxArrivals and MaxRate; if nothing arrives within the length; and where a trace cannot be read.
func Draw(l traffic.Load, o Options) (*Schedule, error) {
	_, closed := l.Closed()
	switch {
	case closed:
		return nil, fmt.Errorf("%q is a closed loop and has no schedule", l)
	case l.Peak() > MaxRate:
		return nil, fmt.Errorf("the highest rate of %q is %g per second, and the load tester sends at most a million: lower it", l, l.Peak())
	case o.Variants > MaxVariants:
		return nil, fmt.Errorf("%d variants are more than the %d that a schedule can name", o.Variants, MaxVariants)
	case o.Length < 0 || o.Length > longest || o.Warmup < 0 || o.Length > 0 && o.Warmup >= o.Length:
		return nil, fmt.Errorf("a schedule of %v with a warm-up of %v is not possible: use a length up to a year, and a shorter warm-up", o.Length, o.Warmup)
	}
	s := &Schedule{Length: o.Length}
	var err error
	switch path, speed, recorded := l.Trace(); {
	case recorded:
		err = replay(s, path, speed, o)
	case !l.Drawn():
		err = errors.New("there is no load to draw from")
	case o.Length == 0:
		err = fmt.Errorf("the schedule of %q needs a length", l)
	default:
		err = s.draw(l.Warmed(o.Warmup), o)
	}
	if err != nil {
		return nil, err
	}
	if len(s.Arrivals) == 0 {
		return nil, fmt.Errorf("%q has no arrival within %v: use a longer run or a higher rate", l, s.Length)
	}
	if s.Kinds == nil && o.Variants > 1 {
		rng := stream(o.Seed, variantStream)
		for i := range s.Arrivals {
			s.Arrivals[i].Variant = uint16(below(rng, o.Variants))
		}
	}
	s.SHA256 = Hash(s.Arrivals)
	return s, nil
}

func (s *Schedule) draw(l traffic.Load, o Options) error {
	all := l.Expected(o.Length)
	if all > MaxArrivals {
		return fmt.Errorf("%q over %v is %.0f arrivals; a schedule has at most %d: use a shorter run or a lower rate", l, o.Length, all, MaxArrivals)
	}
	s.Arrivals = make([]engine.Arrival, 0, int(all+6*math.Sqrt(all))+16)
	p := l.Start(stream(o.Seed, gapStream))
	for at := p.Next(); at < o.Length; at = p.Next() {
		s.Arrivals = append(s.Arrivals, engine.Arrival{At: at})
	}
	return nil
}

// Streams of a seed.
const (
	gapStream = iota + 1
	variantStream
	_ // was of targets
	spreadStream
)

func stream(seed, which uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, which)) }

// below draws a whole number below n, which is at most 65536, so that the difference between
// the likelihoods of two numbers is below 2^-48 and no draw needs to be refused.
func below(rng *rand.Rand, n int) uint64 {
	high, _ := bits.Mul64(rng.Uint64(), uint64(n))
	return high
}

// Span is a range of payload variants.
type Span struct{ First, N int }

// Assign replaces the kind of each arrival, as its Variant, by one of the payload variants
// that stand for the kind, drawn uniformly. There is one span for each of Kinds. It is called
// once, and hashes the arrivals anew.
func (s *Schedule) Assign(seed uint64, spans []Span) error {
	if len(spans) != len(s.Kinds) || len(spans) == 0 {
		return fmt.Errorf("%d spans of payloads are not one for each of %d kinds of requests", len(spans), len(s.Kinds))
	}
	for i, span := range spans {
		if span.First < 0 || span.N < 1 || span.First+span.N > MaxVariants {
			return fmt.Errorf("the payloads of kind %d are %d from %d on; there must be one, and none above %d", i, span.N, span.First, MaxVariants-1)
		}
	}
	rng := stream(seed, spreadStream)
	for i := range s.Arrivals {
		span := spans[s.Arrivals[i].Variant]
		s.Arrivals[i].Variant = uint16(span.First) + uint16(below(rng, span.N))
	}
	s.SHA256 = Hash(s.Arrivals)
	return nil
}

// Hash is the SHA-256 of arrivals in hexadecimal. Each is 12 bytes: the instant in
// nanoseconds (8 bytes), the variant (2), both little-endian, the target (1) and the group (1).
func Hash(arrivals []engine.Arrival) string {
	hash := sha256.New()
	var block [12 * 1024]byte
	n := 0
	for _, a := range arrivals {
		binary.LittleEndian.PutUint64(block[n:], uint64(a.At))
		binary.LittleEndian.PutUint16(block[n+8:], a.Variant)
		block[n+10], block[n+11] = a.Target, a.Group
		if n += 12; n == len(block) {
			hash.Write(block[:])
			n = 0
		}
	}
	hash.Write(block[:n])
	return hex.EncodeToString(hash.Sum(nil))
}
