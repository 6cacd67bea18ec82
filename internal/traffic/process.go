package traffic

import (
	"math"
	"math/rand/v2"
	"time"
)

// Never is the instant of an arrival that does not come.
const Never = time.Duration(math.MaxInt64)

// Process draws the instants at which a load's requests arrive, one after the other. A rate that
// varies is followed by inversion of its integral (E. Çinlar, Introduction to Stochastic
// Processes, 1975, section 4.7): with the expected count by t as the time, a process of any
// rate is one of rate 1. An even beat is at the middle of each expected arrival.
type Process struct {
	profile profile
	cv      float64
	rng     *rand.Rand
	n       float64 // expected arrivals by the last one
	last    time.Duration
}

// Start begins the arrivals of a drawn load. The same generator may draw more beside them.
func (l Load) Start(rng *rand.Rand) *Process {
	p := &Process{profile: l.profile, cv: l.cv, rng: rng}
	if l.cv == 0 {
		p.n = -0.5
	}
	return p
}

// Next returns the next instant; Never if the rate is 0 from some time on.
func (p *Process) Next() time.Duration {
	const most = 1e9 // seconds, some thirty years
	p.n += p.gap()
	seconds := p.profile.when(p.n)
	if !(seconds < most) {
		return Never
	}
	p.last = max(p.last, time.Duration(times(seconds, 1e9))) // rounding may not turn the order round
	return p.last
}

// gap draws from a Gamma distribution of mean 1.
func (p *Process) gap() float64 {
	switch p.cv {
	case 0:
		return 1
	case 1:
		return exponential(p.rng)
	}
	shape := 1 / times(p.cv, p.cv)
	return gamma(shape, p.rng) / shape
}
