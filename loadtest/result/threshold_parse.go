package result

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ParseThreshold reads a condition that a run is held against:
//
//	p99<10ms             a percentile of the response latency: p50, p90, p99.9 ...; also mean, max, min
//	service.p99<8ms      of another clock: response, service, lag, pacer, refusals
//	p99<20ms for 5s      fails only if it is broken for five seconds in a row
//	achieved>=99%        part of what was scheduled that was sent in time; also goodput, sent, offered: >=480/s
//	err<0.1%             part of all scheduled requests without a right answer, rejected ones among them
//	failed==0            those that got neither a right answer nor an honest no (429, 503)
//	rejected<5%          one outcome, in per cent or as a number: wrong, client_err, server_err,
//	                     timeout, refused, unsent, lost, extra
//	cpu.target<1.5       cores; also cpu.tool; rss.target<500MiB
//
// Latencies are of right answers: a condition on errors belongs beside one on latency.
func ParseThreshold(text string) (Condition, error) {
	p := parser{text: text}
	c, err := p.condition()
	if err != nil {
		return Condition{}, fmt.Errorf("cannot read the threshold %q: %w", text, err)
	}
	return c, nil
}

// ParseAbort reads a condition that ends a run early. It is held against the seconds that
// have passed, so it can only name figures that a second has. Without "for", a number or share
// of requests is of the run so far, and anything else of the last second.
func ParseAbort(text string) (Condition, error) {
	c, err := ParseThreshold(text)
	if err == nil && c.metric.second == nil {
		err = fmt.Errorf("cannot end a run by %q: a second has no %s; it has %s", text, c.name(), seriesNames())
	}
	return c, err
}

// name is the figure's, with its percentile.
func (c Condition) name() string {
	if c.quantile > 0 {
		return strings.TrimSuffix(c.metric.name, "p") + QuantileName(c.quantile)
	}
	return c.metric.name
}

// parser knows where in its text a part begins, for the sentences of its errors.
type parser struct{ text string }

// fault names the column, counted in characters from 1, where a part begins.
func (p parser) fault(at int, format string, args ...any) error {
	return fmt.Errorf("column %d: %s", utf8.RuneCountInString(p.text[:at])+1, fmt.Sprintf(format, args...))
}

func (p parser) condition() (c Condition, err error) {
	at := strings.IndexAny(p.text, "<>=!")
	if at < 0 {
		return c, p.fault(len(p.text), "a comparison is missing: use a form such as p99<10ms, achieved>=99%% or wrong==0")
	}
	c.Text = strings.TrimSpace(p.text)
	if c.metric, c.quantile, err = p.metric(p.text[:at]); err != nil {
		return c, err
	}
	for _, op := range []string{"<=", ">=", "==", "<", ">"} {
		if strings.HasPrefix(p.text[at:], op) {
			c.op = op
			break
		}
	}
	switch {
	case c.op == "":
		return c, p.fault(at, "%q is not a comparison; use <, <=, >, >= or ==", p.text[at:at+1])
	case c.op == "==" && c.metric.kind != count:
		return c, p.fault(at, "%s is never equal to a number; use <, <=, > or >=", c.name())
	}
	at += len(c.op)
	bound, length, stretch := strings.Cut(p.text[at:], " for ")
	if err = p.bound(&c, at, bound); err != nil || !stretch {
		return c, err
	}
	return c, p.stretch(&c, at+len(bound)+len(" for "), length)
}

func (p parser) metric(text string) (metric, float64, error) {
	name := strings.TrimSpace(text)
	if name == "" {
		return metric{}, 0, p.fault(0, "a figure is missing before the comparison: use one of %s", metricNames())
	}
	at := strings.Index(text, name)
	if m := percentileForm.FindStringSubmatch(name); m != nil {
		// The exponent, and not a division, makes 99.9 the very 0.999 that is asked for elsewhere.
		q, err := strconv.ParseFloat(m[2]+"e-2", 64)
		if err != nil || !(q > 0 && q < 1) {
			return metric{}, 0, p.fault(at, "%q is not a percentile between p0 and p100, such as p99.9", name)
		}
		if f, ok := find(m[1] + "p"); ok {
			f.second = percentiles[strings.TrimPrefix(m[1], "response.")+QuantileName(q)]
			return f, q, nil
		}
	} else if f, ok := find(name); ok && !strings.HasSuffix(name, "p") {
		return f, 0, nil
	}
	return metric{}, 0, p.fault(at, "there is no figure %q; use one of %s", name, metricNames())
}

// percentileForm is a clock, if not the response's, and a percentile of it.
var percentileForm = regexp.MustCompile(`^([a-z]+\.)?p([0-9]+\.?[0-9]*)$`)

func find(name string) (metric, bool) {
	for _, m := range metrics {
		if m.name == name {
			return m, true
		}
	}
	return metric{}, false
}

func (p parser) bound(c *Condition, at int, text string) (err error) {
	value := strings.TrimSpace(text)
	if value == "" {
		return p.fault(len(p.text), "a bound is missing behind %s", c.op)
	}
	at += strings.Index(text, value)
	digits, percent := strings.CutSuffix(value, "%")
	digits = strings.TrimSpace(digits)
	c.share = percent && c.metric.kind == count
	switch {
	case c.metric.kind == latency:
		var d time.Duration
		if d, err = time.ParseDuration(strings.ReplaceAll(value, " ", "")); err != nil || d < 0 {
			return p.fault(at, "%q is not a latency; write it with its unit, such as 10ms, 200us or 1.5s", value)
		}
		c.bound = float64(d) / float64(time.Millisecond)
		return nil
	case c.metric.kind == part || c.share:
		c.bound, err = strconv.ParseFloat(digits, 64)
		if percent {
			c.bound /= 100
		}
		if err != nil || !(c.bound >= 0 && c.bound <= 1) {
			return p.fault(at, "%q is not a part of all requests, such as 99%%", value)
		}
		return nil
	case c.metric.kind == count:
		n, err := strconv.ParseInt(value, 10, 64)
		if c.bound = float64(n); err != nil || n < 0 {
			return p.fault(at, "%q is not a number of requests; write a whole number, or a part of them as 0.1%%", value)
		}
		return nil
	case c.metric.kind == size:
		return p.size(c, at, value)
	}
	if c.metric.kind == rate {
		digits = strings.TrimSpace(strings.TrimSuffix(digits, "/s"))
	}
	c.bound, err = strconv.ParseFloat(digits, 64)
	if err != nil || percent || !(c.bound >= 0) || math.IsInf(c.bound, 0) {
		return p.fault(at, "%q is not a number of %s", value, map[kind]string{rate: "requests per second, such as 480/s", cores: "cores, such as 1.5"}[c.metric.kind])
	}
	return nil
}

func (p parser) size(c *Condition, at int, value string) error {
	units := []struct {
		suffix string
		bytes  float64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"GB", 1e9}, {"MB", 1e6}}
	for _, u := range units {
		if digits, ok := strings.CutSuffix(value, u.suffix); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
			if c.bound = v * u.bytes; err == nil && v >= 0 && !math.IsInf(c.bound, 0) {
				return nil
			}
		}
	}
	return p.fault(at, "%q is not a size such as 500MiB, 1.5GiB, 500MB or 2GB", value)
}

// stretch reads the length behind "for".
func (p parser) stretch(c *Condition, at int, text string) error {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || d < time.Second || d%time.Second != 0 || d > 24*time.Hour {
		return p.fault(at, "%q is not a number of seconds such as 5s", strings.TrimSpace(text))
	}
	if c.metric.second == nil {
		return p.fault(0, "a second has no %s; with \"for\" use one of %s", c.name(), seriesNames())
	}
	c.seconds = int(d / time.Second)
	return nil
}

// metricNames lists what can be named, once each.
func metricNames() string {
	names := []string{"p50, p99.9 ..., mean, max, min, those with service., lag., pacer. or refusals. before them"}
	for _, m := range metrics {
		if m.clock == nil {
			names = append(names, m.name)
		}
	}
	return strings.Join(names, ", ")
}

// seriesNames lists what a second has.
func seriesNames() string {
	names := []string{"p50, p90, p99, max, service.p99, lag.p99"}
	for _, m := range metrics {
		if m.clock == nil && m.second != nil {
			names = append(names, m.name)
		}
	}
	return strings.Join(names, ", ")
}
