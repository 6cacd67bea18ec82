package traffic

import "math"

// profile is a rate over time by its integral. Times are in seconds.
type profile interface {
	// expected is the integral of the rate from 0 to t: how many arrivals there are by
	// then on average.
	expected(t float64) float64
	// when is the inverse of expected: the first instant by which n are expected. It
	// is +Inf if they never are.
	when(n float64) float64
	// warm is the rate of a warm-up before the profile begins: that of its start, or of
	// its calm part, and never 0.
	warm() float64
	// peak is the highest rate.
	peak() float64
}

// steady is one rate.
type steady float64

func (r steady) expected(t float64) float64 { return times(float64(r), t) }
func (r steady) when(n float64) float64     { return n / float64(r) }
func (r steady) warm() float64              { return float64(r) }
func (r steady) peak() float64              { return float64(r) }

// steps are rates one after the other; the last has no end.
type steps []step

type step struct {
	rate  float64
	begin float64 // instant
	count float64 // expected before it
}

func newSteps(rates, lengths []float64) steps {
	s := make(steps, len(rates))
	var at, count float64
	for i, rate := range rates {
		s[i] = step{rate, at, count}
		at += lengths[i]
		count += times(rate, lengths[i])
	}
	return s
}

func (s steps) expected(t float64) float64 {
	i := len(s) - 1
	for i > 0 && s[i].begin > t {
		i--
	}
	return s[i].count + times(s[i].rate, t-s[i].begin)
}

func (s steps) when(n float64) float64 {
	i := 0
	for i < len(s)-1 && (s[i].rate == 0 || n > s[i+1].count) {
		i++
	}
	if n <= s[i].count {
		return s[i].begin
	}
	return s[i].begin + (n-s[i].count)/s[i].rate // +Inf for a last rate of 0
}

func (s steps) warm() float64 {
	for _, step := range s {
		if step.rate > 0 {
			return step.rate
		}
	}
	return 0 // not reached: a load has a rate above 0
}

func (s steps) peak() (most float64) {
	for _, step := range s {
		most = max(most, step.rate)
	}
	return most
}

// ramp goes straight from one rate to another, which stays.
type ramp struct{ from, to, length float64 }

func (r ramp) slope() float64 { return (r.to - r.from) / r.length }

func (r ramp) expected(t float64) float64 {
	if t <= r.length {
		return times(r.from, t) + times(times(r.slope(), t)/2, t)
	}
	return times((r.from+r.to)/2, r.length) + times(r.to, t-r.length)
}

func (r ramp) when(n float64) float64 {
	all := times((r.from+r.to)/2, r.length)
	switch {
	case n <= 0:
		return 0
	case n > all:
		return r.length + (n-all)/r.to
	}
	// The root of from·t + slope·t²/2 = n in the form that loses no digits for a slope near 0.
	root := math.Sqrt(max(0, times(r.from, r.from)+times(2*r.slope(), n)))
	return min(2*n/(r.from+root), r.length)
}

func (r ramp) warm() float64 {
	if r.from > 0 {
		return r.from
	}
	return r.to / 2
}

func (r ramp) peak() float64 { return max(r.from, r.to) }

// burst is a peak at the beginning of each period, and a base rate between.
type burst struct{ base, high, on, every float64 }

func (b burst) within(t float64) float64 {
	return times(b.high, min(t, b.on)) + times(b.base, max(0, t-b.on))
}

func (b burst) expected(t float64) float64 {
	whole := math.Floor(t / b.every)
	return times(whole, b.within(b.every)) + b.within(min(b.every, max(0, t-times(whole, b.every))))
}

func (b burst) when(n float64) float64 {
	each, first := b.within(b.every), times(b.high, b.on)
	whole := math.Floor(n / each)
	begun, rest := times(whole, b.every), max(0, n-times(whole, each))
	switch {
	case rest == 0:
		return begun
	case rest <= first || b.base == 0:
		return begun + min(rest/b.high, b.on)
	}
	return begun + min(b.on+(rest-first)/b.base, b.every)
}

func (b burst) warm() float64 {
	if b.base > 0 {
		return b.base
	}
	return b.within(b.every) / b.every
}

func (b burst) peak() float64 { return max(b.base, b.high) }

// sine swings around a mean, beginning on its way up.
type sine struct{ mean, amp, period float64 }

func (s sine) expected(t float64) float64 {
	whole := math.Floor(t / s.period)
	turn := min(1, max(0, t/s.period-whole))
	return times(whole, times(s.mean, s.period)) + s.within(turn)
}

// within is the integral over a part of a period, from 0 to 1.
func (s sine) within(turn float64) float64 {
	return times(s.period, times(s.mean, turn)+times(s.amp/(2*math.Pi), 1-cosine(turn)))
}

// when solves for the part of the period by Newton's steps, and by halves where these would
// leave what is known to hold the root: the rate may be 0 there.
func (s sine) when(n float64) float64 {
	each := times(s.mean, s.period)
	whole := math.Floor(n / each)
	rest := max(0, n-times(whole, each))
	low, high, turn := 0.0, 1.0, rest/each
	for range 64 {
		miss := s.within(turn) - rest
		if miss == 0 {
			break
		}
		if miss > 0 {
			high = turn
		} else {
			low = turn
		}
		next := turn - miss/times(s.period, s.mean+times(s.amp, cosine(turn+0.75)))
		if !(next > low && next < high) {
			next = (low + high) / 2
		}
		if math.Abs(next-turn) < 1e-16 {
			break
		}
		turn = next
	}
	return times(whole+turn, s.period)
}

func (s sine) warm() float64 { return s.mean }
func (s sine) peak() float64 { return s.mean + s.amp }

// warmed is a profile after a warm-up at one rate.
type warmed struct {
	profile
	length float64
}

func (w warmed) expected(t float64) float64 {
	sum := times(w.warm(), min(t, w.length))
	if t > w.length {
		sum += w.profile.expected(t - w.length)
	}
	return sum
}

func (w warmed) when(n float64) float64 {
	before := times(w.warm(), w.length)
	if n <= before {
		return n / w.warm()
	}
	return w.length + w.profile.when(n-before)
}

// scaled is a profile whose time passes faster, with more arrivals in the same time.
type scaled struct {
	profile
	speed, scale float64
}

func (s scaled) expected(t float64) float64 {
	return times(s.profile.expected(times(t, s.speed)), s.scale)
}
func (s scaled) when(n float64) float64 { return s.profile.when(n/s.scale) / s.speed }
func (s scaled) warm() float64          { return times(times(s.profile.warm(), s.speed), s.scale) }
func (s scaled) peak() float64          { return times(times(s.profile.peak(), s.speed), s.scale) }
