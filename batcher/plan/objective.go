package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Objective is a bound on one figure of an outcome.
type Objective struct {
	Text string
	// metric is attainment, goodput, unserved, max or a quantile such as p99.
	metric   string
	quantile float64
	above    bool // the figure must be at least the bound, else below it
	strict   bool
	bound    float64 // nanoseconds of a latency
}

// Check is an objective and what became of it.
type Check struct {
	Objective string `json:"objective"`
	Held      bool   `json:"held"`
	// Value is the figure, for people.
	Value string `json:"value"`
	// Part is, of an objective about latency or attainment, the part of all requests that
	// met it.
	Part *float64 `json:"part,omitempty"`
	// Sure is false if there were too few requests to tell.
	Sure bool `json:"sure"`
}

// ParseObjectives reads bounds separated by commas:
//
//	attainment>=0.99    part of all requests answered within their budgets; or 99%
//	p99<20ms            99 % of all requests answered within 20 ms; p50, p90, p95, p99.9 ...
//	goodput>=4000       answers in time per second
//	unserved<1%         part of all requests refused or dropped
//	max<100ms           the slowest answer
//
// A quantile is of all requests and not of the answered ones: a fleet that refuses
// everything has quick answers and holds nothing.
func ParseObjectives(text string) ([]Objective, error) {
	var all []Objective
	for _, part := range strings.Split(text, ",") {
		o, err := parseObjective(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("cannot read the objective %q: %w", part, err)
		}
		all = append(all, o)
	}
	return all, nil
}

func parseObjective(text string) (Objective, error) {
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return Objective{}, fmt.Errorf("use a bound such as attainment>=0.99 or p99<20ms")
	}
	o := Objective{Text: text, metric: strings.TrimSpace(text[:at]), above: text[at] == '>', strict: true}
	value := text[at+1:]
	if rest, ok := strings.CutPrefix(value, "="); ok {
		value, o.strict = rest, false
	}
	value = strings.TrimSpace(value)
	var err error
	switch {
	case o.metric == "attainment" || o.metric == "unserved":
		o.bound, err = parsePart(value)
	case o.metric == "goodput":
		o.bound, err = strconv.ParseFloat(value, 64)
		if err != nil || !(o.bound >= 0) {
			err = fmt.Errorf("%q is not a number of requests per second", value)
		}
	case o.metric == "max" || strings.HasPrefix(o.metric, "p"):
		if o.metric != "max" {
			if o.quantile, err = strconv.ParseFloat(o.metric[1:], 64); err != nil || !(o.quantile > 0 && o.quantile < 100) {
				return Objective{}, fmt.Errorf("%q is not a percentile such as p99", o.metric)
			}
			o.quantile /= 100
		}
		var d time.Duration
		if d, err = time.ParseDuration(value); err != nil || d <= 0 {
			err = fmt.Errorf("%q is not a latency such as 20ms", value)
		}
		o.bound = float64(d)
	default:
		err = fmt.Errorf("there is no figure %q; use attainment, goodput, unserved, max or a percentile such as p99", o.metric)
	}
	if wantAbove := o.metric == "attainment" || o.metric == "goodput"; err == nil && wantAbove != o.above {
		err = fmt.Errorf("%s is bounded from %s", o.metric, map[bool]string{true: "below, with > or >=", false: "above, with < or <="}[wantAbove])
	}
	return o, err
}

func parsePart(text string) (float64, error) {
	digits, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, fmt.Errorf("%q is not a part such as 0.99 or 99%%", text)
	}
	return v, nil
}

// Check holds an outcome to the objective.
func (o Objective) Check(out *Outcome) Check {
	c := Check{Objective: o.Text, Sure: true}
	arrived := uint64(out.Arrived)
	switch o.metric {
	case "attainment":
		c.Held, c.Value, c.Part = o.holds(out.Attainment), percent(out.Attainment), &out.Attainment
	case "goodput":
		c.Held, c.Value = o.holds(out.Goodput), fmt.Sprintf("%.0f/s", out.Goodput)
	case "unserved":
		part := float64(out.Dropped+out.Refused) / float64(max(out.Arrived, 1))
		c.Held, c.Value = o.holds(part), percent(part)
	case "max":
		c.Held, c.Value = o.holds(float64(out.Latency.Max)), out.Latency.Max.Round(time.Microsecond).String()
	default:
		part := float64(out.latencies.within(time.Duration(o.bound))) / float64(max(arrived, 1))
		c.Part, c.Value, c.Sure = &part, "not reached: too few are answered", arrived >= leastFor(o.quantile)
		if d, ok := out.latencies.quantile(o.quantile, arrived); ok {
			c.Held, c.Value = o.holds(float64(d)), d.Round(10*time.Microsecond).String()
		}
	}
	return c
}

func (o Objective) holds(v float64) bool {
	switch {
	case v == o.bound:
		return !o.strict
	case o.above:
		return v > o.bound
	default:
		return v < o.bound
	}
}

// Held reports whether all checks were held, by enough requests to tell.
func Held(checks []Check) bool {
	return !slices.ContainsFunc(checks, func(c Check) bool { return !c.Held || !c.Sure })
}

func checkAll(objectives []Objective, out *Outcome) []Check {
	var checks []Check
	for _, o := range objectives {
		checks = append(checks, o.Check(out))
	}
	return checks
}

func percent(part float64) string {
	switch {
	case part > 0.9995 && part < 1:
		return fmt.Sprintf("%.3f %%", min(part*100, 99.999))
	case part > 0.9 && part < 1:
		return fmt.Sprintf("%.2f %%", part*100)
	default:
		return fmt.Sprintf("%.1f %%", part*100)
	}
}
