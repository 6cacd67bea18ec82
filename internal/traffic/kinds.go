package traffic

import (
	"strconv"
	"strings"
	"time"
)

// The kinds whose rate varies, and the closed loop. What is wrong is kept in the parser, so
// what they return then does not matter.

func (p *parser) steps() (profile, time.Duration) {
	var rates, lengths []float64
	var whole time.Duration
	for i, part := range p.plain {
		rate, length, timed := strings.Cut(part, "@")
		if part == "" || !timed && i < len(p.plain)-1 {
			p.fail("the step %q is not a rate with its length, as in step:500@10s,2k@10s", part)
		}
		rates = append(rates, p.parseRate(rate))
		lengths = append(lengths, 0)
		if timed {
			d := p.parseDuration("the length "+strconv.Quote(length), length)
			lengths[i] = d.Seconds()
			if whole += d; whole > longest {
				p.fail("the steps are longer than a year")
				return nil, 0
			}
		} else {
			whole = 0 // without an end
		}
	}
	if len(rates) == 0 {
		p.fail("step takes rates with their lengths, as in step:500@10s,2k@10s")
		return nil, 0
	}
	return newSteps(rates, lengths), whole
}

func (p *parser) ramp() (profile, time.Duration) {
	var span, length string
	var timed bool
	if len(p.plain) == 1 {
		span, length, timed = strings.Cut(p.plain[0], "@")
	}
	from, to, two := strings.Cut(span, "..")
	if !timed || !two {
		p.fail("ramp takes two rates and a length, as in ramp:100..2000@60s")
		return nil, 0
	}
	d := p.parseDuration("the length "+strconv.Quote(length), length)
	return ramp{p.parseRate(from), p.parseRate(to), d.Seconds()}, d
}

func (p *parser) burst() profile {
	b := burst{base: p.named("base")}
	peak := p.take("peak")
	factor := p.number("times", 4, 1, 1e6)
	if b.high = b.base * factor; peak != "" {
		b.high = p.parseRate(peak)
	} else if b.high > maxRate {
		p.fail("%g times the base is more than 100 million requests per second", factor)
	}
	on, every := p.duration("on", 200*time.Millisecond), p.duration("every", 2*time.Second)
	if on >= every {
		p.fail("a burst of %v does not fit into a period of %v: on= must be below every=", on, every)
	}
	b.on, b.every = on.Seconds(), every.Seconds()
	return b
}

func (p *parser) sine() profile {
	s := sine{mean: p.named("mean")}
	amp, swing := p.take("amp"), p.number("swing", 0.5, 0, 1)
	if s.amp = s.mean * swing; amp != "" {
		if s.amp = p.parseRate(amp); s.amp > s.mean {
			p.fail("amp=%s is more than the mean: the rate would fall below 0", amp)
		}
	}
	if s.mean+s.amp > maxRate {
		p.fail("its highest rate is more than 100 million requests per second")
	}
	if s.mean == 0 {
		p.fail("sine needs a mean rate above 0")
	}
	s.period = p.duration("period", 24*time.Hour).Seconds()
	return s
}

// variation is what the gaps have: cv=, or the word for it.
func (p *parser) variation(otherwise float64) float64 {
	word, text := p.take("arrivals"), p.options["cv"]
	cv := p.number("cv", otherwise, 0, mostCV)
	switch {
	case p.kind == "gamma" && text == "":
		p.fail("gamma needs cv=, the variation of the gaps")
	case word != "" && text != "":
		p.fail("arrivals=%s and cv=%s say the same thing: use one of them", word, text)
	case word == "constant":
		return 0
	case word == "poisson":
		return 1
	case word != "":
		p.fail("arrivals=%s is not one of poisson and constant", word)
	}
	return cv
}

func (p *parser) closed() Closed {
	var c Closed
	var err error
	if len(p.plain) == 1 {
		c.Workers, err = strconv.Atoi(p.plain[0])
	}
	if len(p.plain) != 1 || err != nil || c.Workers < 1 || c.Workers > maxWorkers {
		p.fail("closed takes a number of workers from 1 to %d, as in closed:8: each has a connection", maxWorkers)
	}
	text := p.take("think")
	if text == "" {
		return c
	}
	kind, length, _ := strings.Cut(text, ":")
	d, err := time.ParseDuration(length)
	if err != nil || d <= 0 || d > time.Hour || kind != "exp" && kind != "const" {
		p.fail("think=%s is not exp:TIME or const:TIME with a time up to an hour, such as exp:5ms", text)
	}
	c.Think = Think{Mean: d, Exponential: kind == "exp"}
	return c
}
