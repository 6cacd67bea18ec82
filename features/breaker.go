package features

import (
	"cmp"
	"time"

	"sluice/internal/clock"
)

// BreakerOptions say when a store is not asked any more.
type BreakerOptions struct {
	// Share of reads that fail or time out, of at least MinReads in Window, opens the breaker; 0.25 of 100 in 10 s if 0.
	Share    float64
	MinReads int
	Window   time.Duration
	// InARow is how many such reads one after another open it; 10 if 0. They must be of three rounds: reads that go on at the same
	// time all fail when the store, or this process, pauses once.
	InARow int
	// Sleep is how long it is open before a read tries again; 1 s if 0.
	Sleep time.Duration
}

func (o BreakerOptions) withDefaults() BreakerOptions {
	o.Share = cmp.Or(o.Share, 0.25)
	o.MinReads = cmp.Or(o.MinReads, 100)
	o.Window = cmp.Or(o.Window, 10*time.Second)
	o.InARow = cmp.Or(o.InARow, 10)
	o.Sleep = cmp.Or(o.Sleep, time.Second)
	return o
}

// BreakerState is what a breaker does with reads.
type BreakerState uint8

// The states: all reads go; none goes; one at a time goes, to see whether the store is well again.
const (
	Closed BreakerState = iota
	Open
	HalfOpen
)

// String names the state.
func (s BreakerState) String() string { return [...]string{"closed", "open", "half-open"}[s] }

// openRounds is of how many rounds bad reads in a row are at least that open a breaker.
const openRounds = 3

// closeAfter is how many probes in a row close a breaker. One alone may be luck: a store that comes back is slow at first.
const closeAfter = 3

// breaker decides whether a store is asked. Its decisions depend on its arguments alone, and the caller serialises
// the calls.
//
//	closed --(too many bad reads)--> open --(Sleep)--> half-open --(closeAfter good probes)--> closed
//	                                  ^                   |
//	                                  +----(a bad probe)--+
type breaker struct {
	opt   BreakerOptions
	state BreakerState
	// epoch counts the changes of state: a read that began before the last one says nothing of the store as it is now.
	epoch uint32
	// until is when an open breaker becomes half-open, and when a probe that has not been heard of is given up.
	until clock.Instant

	began     clock.Instant // the newer half of the window
	now, past tally
	inARow    int // bad reads while closed, good probes while half-open
	// rounds are those of the bad reads in a row. A read is of a new one if it began when the first of the last one had been heard of.
	rounds int
	round  clock.Instant
}

type tally struct{ reads, bad int }

// allow tells whether a read may begin, and the epoch to report it with.
func (b *breaker) allow(now clock.Instant) (epoch uint32, ok bool) {
	if b.state == Closed {
		return b.epoch, true
	}
	if now < b.until {
		return b.epoch, false
	}
	if b.state == Open {
		b.become(HalfOpen)
	}
	b.until = now.Add(b.opt.Sleep)
	return b.epoch, true
}

// report takes what came of a read that began at an instant.
func (b *breaker) report(now clock.Instant, epoch uint32, began clock.Instant, good bool) {
	switch {
	case epoch != b.epoch:
	case b.state == HalfOpen && !good:
		b.open(now)
	case b.state == HalfOpen:
		b.until = now // the next probe may begin
		if b.inARow++; b.inARow == closeAfter {
			b.become(Closed)
			b.began, b.now, b.past = now, tally{}, tally{}
		}
	case b.state == Closed:
		b.count(now, began, good)
	}
}

// pass takes a read that tells nothing: the next probe may begin.
func (b *breaker) pass(now clock.Instant, epoch uint32) {
	if epoch == b.epoch && b.state == HalfOpen {
		b.until = now
	}
}

func (b *breaker) count(now, began clock.Instant, good bool) {
	if half := b.opt.Window / 2; now.Sub(b.began) >= half {
		b.past = b.now
		if now.Sub(b.began) >= 2*half {
			b.past = tally{}
		}
		b.began, b.now = now, tally{}
	}
	b.now.reads++
	if good {
		b.inARow, b.rounds = 0, 0
		return
	}
	b.now.bad++
	b.inARow++
	if b.rounds == 0 || began >= b.round {
		b.rounds++
		b.round = now
	}
	reads, bad := b.now.reads+b.past.reads, b.now.bad+b.past.bad
	if b.inARow >= b.opt.InARow && b.rounds >= min(openRounds, b.opt.InARow) || reads >= b.opt.MinReads && float64(bad) >= b.opt.Share*float64(reads) {
		b.open(now)
	}
}

func (b *breaker) open(now clock.Instant) {
	b.become(Open)
	b.until = now.Add(b.opt.Sleep)
}

func (b *breaker) become(s BreakerState) {
	b.state = s
	b.epoch++
	b.inARow, b.rounds = 0, 0
}
