package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"sluice/batcher/sim"
)

// Load is an arrival process by its text, so that a report can say what was asked for.
type Load struct {
	Text     string
	Arrivals sim.Arrivals
}

// loadKinds is said when a text names none of them.
const loadKinds = "poisson:RATE, constant:RATE, gamma:RATE,cv=3, burst:RATE,times=4,on=200ms,every=2s, " +
	"step:RATE@10s,RATE, ramp:RATE..RATE@60s or sine:RATE,swing=0.5,period=24h"

// ParseLoad reads an arrival process. Rates are requests per second, 20k is 20000; a
// rate may be 0 as long as another is not. Every
// kind takes cv=, the coefficient of variation of the gaps (1, Poisson, if absent;
// constant has 0).
//
//	poisson:2000                        independent arrivals
//	constant:2000                       an even beat
//	gamma:2000,cv=3                     bursty gaps
//	burst:2000,times=4,on=200ms,every=2s  four times the rate for the first 200 ms of every 2 s
//	step:1000@10s,4000@5s,1000          one rate after the other; the last stays
//	ramp:1000..8000@60s                 straight from one rate to another, which stays
//	sine:2000,swing=0.5,period=24h      between half and one and a half times the rate
func ParseLoad(text string) (Load, error) {
	kind, rest, _ := strings.Cut(text, ":")
	p := loadParser{kind: kind, options: map[string]string{}}
	for _, part := range strings.Split(rest, ",") {
		if key, value, named := strings.Cut(part, "="); named {
			p.options[strings.TrimSpace(key)] = strings.TrimSpace(value)
		} else {
			p.plain = append(p.plain, strings.TrimSpace(part))
		}
	}
	l := Load{Text: text, Arrivals: sim.Arrivals{CV: 1}}
	if kind == "constant" {
		l.Arrivals.CV = 0
	}
	if kind == "gamma" && p.options["cv"] == "" {
		p.fail("gamma needs cv=, the variation of the gaps")
	}
	l.Arrivals.CV = p.number("cv", l.Arrivals.CV, 0, 100)
	l.Arrivals.Rate = p.profile()
	if p.err == nil && !p.some {
		p.fail("all its rates are 0: nothing would ever arrive")
	}
	for key := range p.options {
		p.fail("%s has no option %q", kind, key)
	}
	if p.err != nil {
		return Load{}, fmt.Errorf("cannot read the load %q: %w", text, p.err)
	}
	return l, nil
}

type loadParser struct {
	kind    string
	plain   []string
	options map[string]string // those not yet used
	some    bool              // a rate above 0
	err     error             // the first
}

// Bounds that keep the search for the next arrival short: it goes through a profile piece by
// piece.
const (
	leastRate  = 0.001
	leastPiece = time.Millisecond
)

func (p *loadParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

func (p *loadParser) profile() sim.Profile {
	switch p.kind {
	case "poisson", "constant", "gamma":
		return sim.Constant(p.rate())
	case "burst":
		b := sim.Bursts{Base: p.rate()}
		b.Peak = b.Base * p.number("times", 4, 1, 1e6)
		if peak := p.take("peak"); peak != "" {
			b.Peak = p.parseRate(peak)
		}
		b.On, b.Every = p.duration("on", 200*time.Millisecond), p.duration("every", 2*time.Second)
		if b.On >= b.Every {
			p.fail("a burst of %v does not fit into a period of %v", b.On, b.Every)
		}
		return b
	case "step":
		return p.steps()
	case "ramp":
		return p.ramp()
	case "sine":
		base, swing, period := p.rate(), p.number("swing", 0.5, 0, 1), p.duration("period", 24*time.Hour)
		return sampled{step: max(period/pieces, leastPiece), at: func(t time.Duration) float64 {
			return base * (1 + swing*math.Sin(2*math.Pi*float64(t%period)/float64(period)))
		}}
	default:
		p.fail("there is no kind %q; use %s", p.kind, loadKinds)
		return nil
	}
}

func (p *loadParser) steps() sim.Profile {
	if len(p.plain) == 0 {
		p.fail("a step load looks like step:1000@10s,4000")
	}
	var steps sim.Steps
	var at time.Duration
	for i, part := range p.plain {
		rate, span, timed := strings.Cut(part, "@")
		if last := i == len(p.plain)-1; !timed && !last {
			p.fail("step %q needs its length, as in 1000@10s", part)
		}
		if timed {
			d, err := time.ParseDuration(span)
			if err != nil || d < leastPiece || d > maxLength {
				p.fail("%q is not a length of time, such as 10s", span)
			}
			at += d
		}
		steps = append(steps, sim.Step{Rate: p.parseRate(rate), Until: at})
	}
	return steps
}

func (p *loadParser) ramp() sim.Profile {
	if len(p.plain) != 1 {
		p.fail("a ramp looks like ramp:1000..8000@60s")
		return nil
	}
	span, length, timed := strings.Cut(p.plain[0], "@")
	from, to, two := strings.Cut(span, "..")
	d, err := time.ParseDuration(length)
	if !timed || !two || err != nil || d < leastPiece {
		p.fail("a ramp looks like ramp:1000..8000@60s")
		return nil
	}
	a, b := p.parseRate(from), p.parseRate(to)
	return sampled{step: max(d/pieces, leastPiece), end: d, at: func(t time.Duration) float64 {
		return a + (b-a)*min(1, float64(t)/float64(d))
	}}
}

// rate is the one plain value.
func (p *loadParser) rate() float64 {
	if base := p.take("base"); base != "" {
		p.plain = append(p.plain, base)
	}
	if len(p.plain) != 1 || p.plain[0] == "" {
		p.fail("%s takes one rate, as in %s:2000", p.kind, p.kind)
		return 0
	}
	return p.parseRate(p.plain[0])
}

func (p *loadParser) parseRate(text string) float64 {
	digits, factor := text, 1.0
	if k, ok := strings.CutSuffix(text, "k"); ok {
		digits, factor = k, 1000
	}
	rate, err := strconv.ParseFloat(digits, 64)
	if rate *= factor; err != nil || rate != 0 && !(rate >= leastRate && rate <= 1e8) {
		p.fail("%q is not a rate between %g and 100 million requests per second, or 0", text, leastRate)
	}
	p.some = p.some || rate > 0
	return rate
}

func (p *loadParser) take(key string) string {
	text := p.options[key]
	delete(p.options, key)
	return text
}

func (p *loadParser) number(key string, otherwise, least, most float64) float64 {
	text := p.take(key)
	if text == "" {
		return otherwise
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= least && v <= most) {
		p.fail("%s=%s is not between %g and %g", key, text, least, most)
	}
	return v
}

func (p *loadParser) duration(key string, otherwise time.Duration) time.Duration {
	text := p.take(key)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < leastPiece {
		p.fail("%s=%s is not a length of time from %v, such as 200ms", key, text, leastPiece)
		return otherwise
	}
	return d
}

// pieces is how many constant pieces stand for a smooth rate.
const pieces = 256

// sampled is a smooth rate as constant pieces; after end, if that is not 0, it stays.
type sampled struct {
	step, end time.Duration
	at        func(time.Duration) float64
}

const forever = time.Duration(math.MaxInt64)

// At implements sim.Profile.
func (s sampled) At(t time.Duration) (float64, time.Duration) {
	if s.end > 0 && t >= s.end {
		return s.at(s.end), forever
	}
	begun := t - t%s.step
	return s.at(begun + s.step/2), begun + s.step
}

// stretched is a profile at another speed and scale: times divided by speed, rates
// multiplied by both.
type stretched struct {
	sim.Profile
	speed, scale float64
}

// At implements sim.Profile.
func (s stretched) At(t time.Duration) (float64, time.Duration) {
	rate, until := s.Profile.At(time.Duration(float64(t) * s.speed))
	if until != forever {
		until = time.Duration(float64(until)/s.speed) + 1 // never t again
	}
	return rate * s.speed * s.scale, until
}
