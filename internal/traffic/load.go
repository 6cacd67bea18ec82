package traffic

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Load says when requests arrive. The zero value is none.
type Load struct {
	text    string
	profile profile // nil for a trace and in a closed loop
	cv      float64 // coefficient of variation of the gaps: 1 is Poisson, 0 an even beat
	natural time.Duration
	closed  Closed // with Workers > 0
	file    string // of a trace
	speed   float64
}

// Steady is arrivals at one rate per second, with gaps of a coefficient of variation: 1 is a
// Poisson process, 0 an even beat.
func Steady(rate, cv float64) Load {
	return Load{text: fmt.Sprintf("gamma:%g,cv=%g", rate, cv), profile: steady(rate), cv: cv}
}

// String is the expression as it was given.
func (l Load) String() string { return l.text }

// Drawn reports whether arrivals are drawn from a rate. Those of a trace are recorded, a closed
// loop has none that are known in advance, and the zero Load has none.
func (l Load) Drawn() bool { return l.profile != nil }

// Natural is how long the load lasts by itself: the steps up to a last one with an end, a
// ramp. It is 0 where the expression does not say, as for a steady rate and a trace.
func (l Load) Natural() time.Duration { return l.natural }

// Trace returns the file that a trace is in, and how many times as fast as recorded it comes.
func (l Load) Trace() (file string, speed float64, ok bool) { return l.file, l.speed, l.file != "" }

// Closed returns what a closed loop is made of; ok is false for any other load.
func (l Load) Closed() (c Closed, ok bool) { return l.closed, l.closed.Workers > 0 }

// Expected is how many arrivals a load draws on average within a length of time: the
// integral of its rate. It is 0 for a trace and in a closed loop, whose rates nobody knows.
func (l Load) Expected(length time.Duration) float64 {
	if l.profile == nil {
		return 0
	}
	return l.profile.expected(length.Seconds())
}

// Peak is the highest rate of a load that is drawn.
func (l Load) Peak() float64 {
	if l.profile == nil {
		return 0
	}
	return l.profile.peak()
}

// Warmed returns a drawn load whose profile begins only after a warm-up. The rate until then is
// that at the start of the profile, the mean of a sine, the base of bursts.
func (l Load) Warmed(length time.Duration) Load {
	if length > 0 {
		l.profile = warmed{l.profile, length.Seconds()}
	}
	return l
}

// Scaled returns a drawn load whose time passes faster by a factor, and that has as many more
// arrivals in the same time.
func (l Load) Scaled(speed, scale float64) Load {
	if speed != 1 || scale != 1 {
		l.profile = scaled{l.profile, speed, scale}
	}
	return l
}

// Closed is a closed loop: workers that each send a request, wait for its answer, think, and
// send the next.
type Closed struct {
	Workers int
	Think   Think
}

// Think is how long a worker waits between an answer and its next request. The zero value
// is not at all.
type Think struct {
	Mean time.Duration
	// Exponential draws each time from an exponential distribution; else it is always the mean.
	Exponential bool
}

// Draw returns the next wait.
func (t Think) Draw(rng *rand.Rand) time.Duration {
	if !t.Exponential {
		return t.Mean
	}
	return time.Duration(exponential(rng) * float64(t.Mean))
}
