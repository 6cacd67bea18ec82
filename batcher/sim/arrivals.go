package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Arrivals is a renewal process whose rate may change over time. Gaps between arrivals
// are Gamma distributed with coefficient of variation CV: 1 is Poisson, more is
// burstier, 0 is an even beat.
type Arrivals struct {
	Rate Profile
	CV   float64
}

// Profile is a rate over time, constant in pieces.
type Profile interface {
	// At returns the rate per second at t and when it changes next.
	At(t time.Duration) (perSecond float64, until time.Duration)
}

const forever = time.Duration(math.MaxInt64)

// Constant is a rate per second that never changes.
type Constant float64

// At implements Profile.
func (c Constant) At(time.Duration) (float64, time.Duration) { return float64(c), forever }

// Step is a rate per second that holds until an instant.
type Step struct {
	Rate  float64
	Until time.Duration
}

// Steps are rates one after the other; the last holds for ever.
type Steps []Step

// At implements Profile.
func (s Steps) At(t time.Duration) (float64, time.Duration) {
	for _, step := range s[:len(s)-1] {
		if t < step.Until {
			return step.Rate, step.Until
		}
	}
	return s[len(s)-1].Rate, forever
}

// Bursts is a base rate with a peak rate for the first On of each period.
type Bursts struct {
	Base, Peak float64
	On, Every  time.Duration
}

// At implements Profile.
func (b Bursts) At(t time.Duration) (float64, time.Duration) {
	begun := t - t%b.Every
	if t-begun < b.On {
		return b.Peak, begun + b.On
	}
	return b.Base, begun + b.Every
}

// after draws the instant of the arrival that follows one at t.
func (a Arrivals) after(t time.Duration, rng *rand.Rand) time.Duration {
	// The gap is drawn for a rate of one; it is used up by the rate's integral.
	work := unitGap(a.CV, rng)
	for {
		rate, until := a.Rate.At(t)
		if until == forever && rate <= 0 {
			return forever
		}
		need := work / rate * float64(time.Second)
		if until == forever || need <= float64(until-t) {
			return t + time.Duration(need)
		}
		work -= rate * (until - t).Seconds()
		t = until
	}
}

// unitGap draws from a Gamma distribution of mean 1.
func unitGap(cv float64, rng *rand.Rand) float64 {
	switch cv {
	case 0:
		return 1
	case 1:
		return rng.ExpFloat64()
	}
	shape := 1 / (cv * cv)
	return gamma(shape, rng) / shape
}

// gamma draws from a Gamma distribution of scale 1 (Marsaglia and Tsang, 2000).
func gamma(shape float64, rng *rand.Rand) float64 {
	boost := 1.0
	if shape < 1 {
		boost = math.Pow(1-rng.Float64(), 1/shape)
		shape++
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return boost * d * v
		}
	}
}
