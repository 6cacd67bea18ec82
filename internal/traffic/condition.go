package traffic

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind is what a figure is, and so in which unit its bound is written.
type Kind uint8

// Kinds of figures. A Part is from 0 to 1; a Count may be bounded as a part of all requests.
const (
	Latency Kind = iota
	Part
	Count
	Rate
	Cores
	Size
)

// Condition is a bound on one figure of what came of a load.
type Condition struct {
	// Text is the expression.
	Text string
	// Figure is the name as it is written, without the number of a percentile: p, ok.p, service.max, err.
	Figure string
	Kind   Kind
	// Quantile is of a percentile, from 0 to 1; 0 of any other figure.
	Quantile float64
	Op       string // <, <=, >, >= or ==
	// Bound is in the figure's unit: milliseconds, requests, requests per second, cores,
	// bytes, or a part of one.
	Bound float64
	Share bool // of a Count: as a part of all requests
	// Seconds is the "for": broken for so many in a row; 0 holds the figure of the whole against the bound.
	Seconds int
}

// clocks are the latencies that mean, max, min and percentiles may be of. "" and response. are
// the time from the intended start to the answer, ok. the same of right answers alone.
var clocks = []string{"", "response.", "ok.", "service.", "lag.", "pacer.", "refusals."}

// figures are all others, in the order in which errors list them.
var figures = []struct {
	name string
	kind Kind
}{
	{"achieved", Part},
	{"goodput", Rate},
	{"sent", Rate},
	{"offered", Rate},
	{"err", Count},
	{"failed", Count},
	{"wrong", Count},
	{"rejected", Count},
	{"client_err", Count},
	{"server_err", Count},
	{"timeout", Count},
	{"refused", Count},
	{"unsent", Count},
	{"lost", Count},
	{"extra", Count},
	{"cpu.target", Cores},
	{"cpu.tool", Cores},
	{"rss.target", Size},
	{"attainment", Part},
	{"unserved", Part},
}

// ParseCondition reads one condition:
//
//	p99<10ms             a percentile of the latency: p50, p90, p99.9 ...; a request without a right
//	                     answer is slower than any. Also mean, max, min, which are of right answers
//	ok.p99<10ms          of right answers alone
//	service.p99<8ms      of another clock: service, lag, pacer, refusals
//	p99<20ms for 5s      fails only if it is broken for five seconds in a row
//	attainment>=99%      part of all requests with a right answer within their budget
//	unserved<1%          part of all requests without an answer
//	achieved>=99%        part of what was scheduled that was sent in time
//	goodput>=480/s       right answers; also sent and offered
//	err<0.1%             part of all requests without a right answer, rejected ones among them
//	failed==0            those that got neither a right answer nor an honest no (429, 503)
//	rejected<5%          one outcome, in per cent or as a number: wrong, client_err, server_err,
//	                     timeout, refused, unsent, lost, extra
//	cpu.target<1.5       cores; also cpu.tool; rss.target<500MiB
//
// Who measures may not have all of these. The error names the column.
func ParseCondition(text string) (c Condition, err error) {
	p := reading{text}
	at := strings.IndexAny(text, "<>=!")
	if at < 0 {
		return c, p.fault(len(text), "a comparison is missing: use a form such as p99<10ms, achieved>=99%% or wrong==0")
	}
	c.Text = strings.TrimSpace(text)
	if err = p.figure(&c, text[:at]); err != nil {
		return c, err
	}
	for _, op := range []string{"<=", ">=", "==", "<", ">"} {
		if strings.HasPrefix(text[at:], op) {
			c.Op = op
			break
		}
	}
	switch {
	case c.Op == "":
		return c, p.fault(at, "%q is not a comparison; use <, <=, >, >= or ==", text[at:at+1])
	case c.Op == "==" && c.Kind != Count:
		return c, p.fault(at, "%s is never equal to a number; use <, <=, > or >=", c.Name())
	}
	at += len(c.Op)
	bound, length, stretch := strings.Cut(text[at:], " for ")
	if err = p.bound(&c, at, bound); err != nil || !stretch {
		return c, err
	}
	return c, p.stretch(&c, at+len(bound)+len(" for "), length)
}

// ParseConditions reads conditions that are separated by commas.
func ParseConditions(text string) (all []Condition, err error) {
	at := 0
	for _, part := range strings.Split(text, ",") {
		c, err := ParseCondition(part)
		if err != nil {
			return nil, fmt.Errorf("cannot read %q, which begins at column %d of the objective %q: %w", part, at+1, text, err)
		}
		all = append(all, c)
		at += len(part) + 1
	}
	return all, nil
}

// Name is the figure's, with its percentile.
func (c Condition) Name() string {
	if c.Quantile > 0 {
		return strings.TrimSuffix(c.Figure, "p") + QuantileName(c.Quantile)
	}
	return c.Figure
}

// QuantileName is how people call a quantile: p99.9 for 0.999.
func QuantileName(q float64) string {
	return "p" + strconv.FormatFloat(q*100, 'g', 10, 64)
}

// FromBelow reports whether the bound is one from below: the figure may not be less.
func (c Condition) FromBelow() bool { return c.Op[0] == '>' }

// Holds reports whether a figure, in the unit of the bound, keeps to it.
func (c Condition) Holds(v float64) bool {
	switch c.Op {
	case "<":
		return v < c.Bound
	case "<=":
		return v <= c.Bound
	case ">":
		return v > c.Bound
	case ">=":
		return v >= c.Bound
	default:
		return v == c.Bound
	}
}

// Limit is the bound of a latency.
func (c Condition) Limit() time.Duration {
	return time.Duration(math.Round(c.Bound * float64(time.Millisecond)))
}

// reading knows where in its text a part begins, for the sentences of its errors.
type reading struct{ text string }

// fault names the column, counted in characters from 1, where a part begins.
func (p reading) fault(at int, format string, args ...any) error {
	return fmt.Errorf("column %d: %s", utf8.RuneCountInString(p.text[:at])+1, fmt.Sprintf(format, args...))
}

func (p reading) figure(c *Condition, text string) error {
	name := strings.TrimSpace(text)
	if name == "" {
		return p.fault(0, "a figure is missing before the comparison: use one of %s", Figures())
	}
	at := strings.Index(text, name)
	if m := percentileForm.FindStringSubmatch(name); m != nil && slices.Contains(clocks, m[1]) {
		// The exponent, and not a division, makes 99.9 the very 0.999 that is asked for elsewhere.
		q, err := strconv.ParseFloat(m[2]+"e-2", 64)
		if err != nil || !(q > 0 && q < 1) {
			return p.fault(at, "%q is not a percentile between p0 and p100, such as p99.9", name)
		}
		c.Figure, c.Quantile = m[1]+"p", q
		return nil
	}
	c.Figure = name
	for _, f := range figures {
		if f.name == name {
			c.Kind = f.kind
			return nil
		}
	}
	for _, of := range []string{"mean", "max", "min"} {
		if clock, ok := strings.CutSuffix(name, of); ok && slices.Contains(clocks, clock) {
			return nil
		}
	}
	return p.fault(at, "there is no figure %q; use one of %s", name, Figures())
}

// percentileForm is a clock, if one is named, and a percentile of it.
var percentileForm = regexp.MustCompile(`^([a-z]+\.)?p([0-9]+\.?[0-9]*)$`)

// Figures lists what can be named.
func Figures() string {
	names := []string{"p50, p99.9 ..., mean, max, min, those with ok., service., lag., pacer. or refusals. before them"}
	for _, f := range figures {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

func (p reading) bound(c *Condition, at int, text string) (err error) {
	value := strings.TrimSpace(text)
	if value == "" {
		return p.fault(len(p.text), "a bound is missing behind %s", c.Op)
	}
	at += strings.Index(text, value)
	digits, percent := strings.CutSuffix(value, "%")
	digits = strings.TrimSpace(digits)
	c.Share = percent && c.Kind == Count
	switch {
	case c.Kind == Latency:
		var d time.Duration
		if d, err = time.ParseDuration(strings.ReplaceAll(value, " ", "")); err != nil || d < 0 {
			return p.fault(at, "%q is not a latency; write it with its unit, such as 10ms, 200us or 1.5s", value)
		}
		c.Bound = float64(d) / float64(time.Millisecond)
		return nil
	case c.Kind == Part || c.Share:
		c.Bound, err = strconv.ParseFloat(digits, 64)
		if percent {
			c.Bound /= 100
		}
		if err != nil || !(c.Bound >= 0 && c.Bound <= 1) {
			return p.fault(at, "%q is not a part of all requests, such as 99%%", value)
		}
		return nil
	case c.Kind == Count:
		n, err := strconv.ParseInt(value, 10, 64)
		if c.Bound = float64(n); err != nil || n < 0 {
			return p.fault(at, "%q is not a number of requests; write a whole number, or a part of them as 0.1%%", value)
		}
		return nil
	case c.Kind == Size:
		return p.size(c, at, value)
	}
	if c.Kind == Rate {
		digits = strings.TrimSpace(strings.TrimSuffix(digits, "/s"))
	}
	c.Bound, err = strconv.ParseFloat(digits, 64)
	if err != nil || percent || !(c.Bound >= 0) || math.IsInf(c.Bound, 0) {
		return p.fault(at, "%q is not a number of %s", value, map[Kind]string{Rate: "requests per second, such as 480/s", Cores: "cores, such as 1.5"}[c.Kind])
	}
	return nil
}

func (p reading) size(c *Condition, at int, value string) error {
	units := []struct {
		suffix string
		bytes  float64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"GB", 1e9}, {"MB", 1e6}}
	for _, u := range units {
		if digits, ok := strings.CutSuffix(value, u.suffix); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
			if c.Bound = v * u.bytes; err == nil && v >= 0 && !math.IsInf(c.Bound, 0) {
				return nil
			}
		}
	}
	return p.fault(at, "%q is not a size such as 500MiB, 1.5GiB, 500MB or 2GB", value)
}

// stretch reads the length behind "for".
func (p reading) stretch(c *Condition, at int, text string) error {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || d < time.Second || d%time.Second != 0 || d > 24*time.Hour {
		return p.fault(at, "%q is not a number of seconds such as 5s", strings.TrimSpace(text))
	}
	c.Seconds = int(d / time.Second)
	return nil
}
