package plan

import (
	"fmt"
	"slices"
	"time"

	"sluice/internal/traffic"
)

// Check is an objective and what became of it.
type Check struct {
	Objective string `json:"objective"`
	Held      bool   `json:"held"`
	// Value is the figure, for people.
	Value string `json:"value"`
	// Part is, of an objective about a percentile or attainment, the part of the requests that
	// met it.
	Part *float64 `json:"part,omitempty"`
	// Sure is false if there were too few requests to tell.
	Sure bool `json:"sure"`
}

// bounded are the figures of an outcome, and whether the bound of each is from below.
var bounded = map[string]bool{
	"attainment": true, "goodput": true, "offered": true, "unserved": false, "err": false, "rejected": false,
	"p": false, "ok.p": false, "mean": false, "ok.mean": false, "max": false, "ok.max": false,
}

// ParseObjectives reads conditions (see traffic.ParseCondition) that are separated by commas. An
// outcome has these figures:
//
//	attainment>=0.99    part of all requests answered within their budgets; or 99%
//	p99<20ms            99 % of all requests answered within 20 ms; p50, p90, p95, p99.9 ...
//	ok.p99<20ms         99 % of the answers within 20 ms
//	goodput>=4000       answers in time per second; offered counts all requests
//	unserved<1%         part of all requests refused or dropped; err is the same, as a number too
//	rejected<1%         those refused on arrival
//	max<100ms           the slowest answer; mean
//
// A percentile is of all requests and not of the answered ones: a fleet that refuses
// everything has quick answers and holds nothing.
func ParseObjectives(text string) ([]traffic.Condition, error) {
	all, err := traffic.ParseConditions(text)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		below, known := bounded[c.Figure]
		switch {
		case !known:
			err = fmt.Errorf("a simulation has no figure %q; it has attainment, goodput, offered, unserved, err, rejected, max, mean and percentiles such as p99 and ok.p99", c.Name())
		case c.Seconds > 0:
			err = fmt.Errorf("a simulation holds no figure by the second: leave out \"for %ds\"", c.Seconds)
		case below != c.FromBelow():
			err = fmt.Errorf("%s is bounded from %s", c.Name(), map[bool]string{true: "below, with > or >=", false: "above, with < or <="}[below])
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the objective %q: %w", c.Text, err)
		}
	}
	return all, nil
}

// check holds an outcome to an objective.
func check(c traffic.Condition, out *Outcome) Check {
	k := Check{Objective: c.Text, Sure: true}
	arrived, answered := uint64(out.Arrived), out.latencies.n
	latency := func(d time.Duration) {
		k.Held, k.Value = c.Holds(float64(d)/float64(time.Millisecond)), d.Round(time.Microsecond).String()
	}
	count := func(n int) {
		part := float64(n) / float64(max(out.Arrived, 1))
		k.Held, k.Value = c.Holds(part), percent(part)
		if c.Kind == traffic.Count && !c.Share {
			k.Held, k.Value = c.Holds(float64(n)), fmt.Sprint(n)
		}
	}
	switch c.Figure {
	case "attainment":
		k.Held, k.Value, k.Part = c.Holds(out.Attainment), percent(out.Attainment), &out.Attainment
	case "goodput":
		k.Held, k.Value = c.Holds(out.Goodput), fmt.Sprintf("%.0f/s", out.Goodput)
	case "offered":
		k.Held, k.Value = c.Holds(out.Offered), fmt.Sprintf("%.0f/s", out.Offered)
	case "unserved", "err":
		count(out.Dropped + out.Refused)
	case "rejected":
		count(out.Refused)
	case "max", "ok.max":
		latency(out.Latency.Max)
	case "mean", "ok.mean":
		latency(out.Latency.Mean)
	case "p":
		k.quantile(c, out, arrived)
	case "ok.p":
		k.quantile(c, out, answered)
	}
	return k
}

// quantile holds the latencies to an objective about n requests.
func (k *Check) quantile(c traffic.Condition, out *Outcome, n uint64) {
	part := float64(out.latencies.within(c.Limit())) / float64(max(n, 1))
	k.Part, k.Value, k.Sure = &part, "not reached: too few are answered", n >= leastFor(c.Quantile)
	if d, ok := out.latencies.quantile(c.Quantile, n); ok {
		k.Held, k.Value = c.Holds(float64(d)/float64(time.Millisecond)), d.Round(10*time.Microsecond).String()
	}
}

// Held reports whether all checks were held, by enough requests to tell.
func Held(checks []Check) bool {
	return !slices.ContainsFunc(checks, func(c Check) bool { return !c.Held || !c.Sure })
}

func checkAll(objectives []traffic.Condition, out *Outcome) []Check {
	var checks []Check
	for _, o := range objectives {
		checks = append(checks, check(o, out))
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
