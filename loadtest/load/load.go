package load

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Load is a parsed expression. The zero value is none.
type Load struct {
	text    string
	profile profile // nil for a trace and in a closed loop
	even    bool    // an even beat, not a Poisson process
	natural time.Duration
	closed  Closed // with Workers > 0
	file    string // of a trace
	speed   float64
}

// String is the expression as it was given.
func (l Load) String() string { return l.text }

// Natural is how long the load lasts by itself: the steps up to a last one with an end, a
// ramp. It is 0 where the expression does not say, as for a steady rate and a trace.
func (l Load) Natural() time.Duration { return l.natural }

// Trace returns the file that a trace is in.
func (l Load) Trace() (file string, ok bool) { return l.file, l.file != "" }

// Closed returns what a closed loop is made of; ok is false for a load with a schedule.
func (l Load) Closed() (c Closed, ok bool) { return l.closed, l.closed.Workers > 0 }

// Expected is how many arrivals a load draws on average within a length of time: the
// integral of its rate. It is 0 for a trace and in a closed loop, whose rates nobody knows.
func (l Load) Expected(length time.Duration) float64 {
	if l.profile == nil {
		return 0
	}
	return l.profile.expected(length.Seconds())
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

// String is the think time as an expression has it; "" for none.
func (t Think) String() string {
	switch {
	case t.Mean == 0:
		return ""
	case t.Exponential:
		return fmt.Sprintf("exp:%v", t.Mean)
	}
	return fmt.Sprintf("const:%v", t.Mean)
}
