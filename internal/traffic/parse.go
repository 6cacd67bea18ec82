package traffic

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds of an expression.
const (
	maxRate    = 1e8
	leastRate  = 0.001
	maxWorkers = 20_000
	leastPiece = time.Millisecond
	longest    = 366 * 24 * time.Hour
	leastSpeed = 0.001
	mostSpeed  = 1e6
	mostCV     = 100
)

// kinds is said when a text names none of them.
const kinds = "poisson:RATE, constant:RATE, gamma:RATE,cv=3, step:RATE@10s,RATE@10s, ramp:RATE..RATE@60s, " +
	"burst:base=RATE,peak=RATE,on=200ms,every=5s, sine:mean=RATE,amp=RATE,period=60s, trace:FILE or closed:WORKERS"

// Parse reads a load expression; the package comment lists them. The error is a sentence
// that names the expression, the part of it, and what is possible.
func Parse(expr string) (Load, error) {
	kind, rest, _ := strings.Cut(expr, ":")
	l := Load{text: expr, cv: 1}
	if kind == "trace" {
		return l, l.named(l.parseTrace(rest))
	}
	p := parser{kind: kind, options: map[string]string{}}
	p.split(rest)
	switch kind {
	case "poisson", "gamma":
		l.profile = steady(p.rate())
	case "constant":
		l.profile, l.cv = steady(p.rate()), 0
	case "step":
		l.profile, l.natural = p.steps()
	case "ramp":
		l.profile, l.natural = p.ramp()
	case "burst":
		l.profile = p.burst()
	case "sine":
		l.profile = p.sine()
	case "closed":
		l.closed = p.closed()
	default:
		return Load{}, l.named(fmt.Errorf("there is no kind %q; use %s", kind, kinds))
	}
	if l.profile != nil {
		l.cv = p.variation(l.cv)
	}
	if err := p.finish(l.profile != nil); err != nil {
		return Load{}, l.named(err)
	}
	return l, nil
}

func (l *Load) named(err error) error {
	if err == nil {
		return nil
	}
	text := l.text
	*l = Load{}
	return fmt.Errorf("cannot read the load %q: %w", text, err)
}

// parseTrace reads FILE[,speed=2]. A file's name may hold commas.
func (l *Load) parseTrace(rest string) error {
	l.file, l.speed = rest, 1
	if at := strings.LastIndexByte(rest, ','); at >= 0 && strings.Contains(rest[at:], "=") {
		key, value, _ := strings.Cut(rest[at+1:], "=")
		if strings.TrimSpace(key) != "speed" {
			return fmt.Errorf("trace has no option %q; it has speed", key)
		}
		speed, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(speed >= leastSpeed && speed <= mostSpeed) {
			return fmt.Errorf("speed=%s is not a number from %g to %g", value, leastSpeed, mostSpeed)
		}
		l.file, l.speed = rest[:at], speed
	}
	if l.file == "" {
		return errors.New("trace takes a file, as in trace:arrivals.jsonl")
	}
	return nil
}

type parser struct {
	kind    string
	plain   []string
	options map[string]string // those not yet used
	some    bool              // a rate above 0
	err     error             // the first
}

func (p *parser) split(rest string) {
	for _, part := range strings.Split(rest, ",") {
		key, value, named := strings.Cut(part, "=")
		if key = strings.TrimSpace(key); !named {
			p.plain = append(p.plain, key)
			continue
		}
		if _, twice := p.options[key]; twice {
			p.fail("%s= comes twice", key)
		}
		p.options[key] = strings.TrimSpace(value)
	}
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

func (p *parser) finish(rated bool) error {
	if p.err == nil && rated && !p.some {
		p.fail("all its rates are 0: nothing would ever arrive")
	}
	for key := range p.options {
		p.fail("%s has no option %q", p.kind, key)
	}
	return p.err
}

// rate is the one plain value, which must be above 0.
func (p *parser) rate() float64 {
	if len(p.plain) != 1 || p.plain[0] == "" {
		p.fail("%s takes one rate, as in %s:500", p.kind, p.kind)
		return 0
	}
	rate := p.parseRate(p.plain[0])
	if rate == 0 {
		p.fail("%q is not a rate above 0", p.plain[0])
	}
	return rate
}

// named is the rate that is given by a name, or as the one plain value.
func (p *parser) named(key string) float64 {
	text, plain := p.take(key), len(p.plain) > 0 && p.plain[0] != ""
	switch {
	case text != "" && plain || len(p.plain) > 1 || text == "" && !plain:
		p.fail("%s takes one rate, as in %s:500 or %s:%s=500", p.kind, p.kind, p.kind, key)
		return 0
	case text != "":
		return p.parseRate(text)
	}
	return p.parseRate(p.plain[0])
}

func (p *parser) parseRate(text string) float64 {
	digits, factor := strings.TrimSuffix(text, "/s"), 1.0
	if k, ok := strings.CutSuffix(digits, "k"); ok {
		digits, factor = k, 1000
	}
	rate, err := strconv.ParseFloat(digits, 64)
	if rate *= factor; err != nil || rate != 0 && !(rate >= leastRate && rate <= maxRate) {
		p.fail("%q is not a rate from %g to 100 million requests per second, such as 500, 500/s or 1.5k", text, leastRate)
		return 0
	}
	p.some = p.some || rate > 0
	return rate
}

func (p *parser) take(key string) string {
	text := p.options[key]
	delete(p.options, key)
	return text
}

func (p *parser) number(key string, otherwise, least, most float64) float64 {
	text := p.take(key)
	if text == "" {
		return otherwise
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= least && v <= most) {
		p.fail("%s=%s is not between %g and %g", key, text, least, most)
		return otherwise
	}
	return v
}

func (p *parser) duration(key string, otherwise time.Duration) time.Duration {
	text := p.take(key)
	if text == "" {
		return otherwise
	}
	return p.parseDuration(key+"="+text, text)
}

func (p *parser) parseDuration(part, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < leastPiece || d > longest {
		p.fail("%s is not a length of time from %v to a year, such as 200ms or 10s", part, leastPiece)
		return leastPiece
	}
	return d
}
