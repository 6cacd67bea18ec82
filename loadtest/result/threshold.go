package result

import (
	"fmt"
	"slices"
	"strings"
)

// Condition is a threshold as it was read: a bound on one figure of a run.
type Condition struct {
	// Text is the expression.
	Text   string
	metric metric
	// quantile is of a percentile, from 0 to 1; 0 of any other figure.
	quantile float64
	op       string // <, <=, >, >= or ==
	// bound is in the figure's unit: milliseconds, requests, requests per second, cores,
	// bytes, or a part of one.
	bound float64
	share bool // of a count: as a part of all scheduled requests
	// seconds is the "for": broken for so many in a row; 0 holds the run's own figure against the bound.
	seconds int
}

// kind is what a figure is, and so in which unit its bound is written.
type kind uint8

const (
	latency kind = iota
	part         // from 0 to 1
	count
	rate
	cores
	size
)

// metric is a figure that a condition can name.
type metric struct {
	name string // as it is written, a percentile as p
	kind kind
	// of reads it from a result; ok is false if it was not measured. A percentile has none.
	of func(r *Result) (v float64, ok bool)
	// clock is the latency that mean, max, min and percentiles are of; nil of any other figure.
	clock func(r *Result) *Latency
	// second reads it from a second of the series; nil if a second does not have it. ok is
	// false if nothing was there to be measured.
	second func(s *Second) (v float64, ok bool)
}

// Check holds a finished run against the condition. What was not measured, or not by enough
// samples, is not held: a condition never passes because there is nothing to see.
func (c Condition) Check(r *Result) Threshold {
	t := Threshold{Expression: c.Text}
	if c.seconds > 0 {
		t.Value, t.Pass = c.checkSeries(r.complete())
		return t
	}
	v, why := c.value(r)
	if why != "" {
		t.Value = why
		return t
	}
	t.Value, t.Pass = c.told(v), c.holds(v)
	return t
}

// CheckAll holds a finished run against every condition.
func CheckAll(conditions []Condition, r *Result) []Threshold {
	var all []Threshold
	for _, c := range conditions {
		all = append(all, c.Check(r))
	}
	return all
}

// value is the run's own figure, or a sentence that says why there is none.
func (c Condition) value(r *Result) (v float64, why string) {
	if c.metric.clock != nil {
		return c.latency(r)
	}
	v, ok := c.metric.of(r)
	switch {
	case !ok:
		return 0, "not measured"
	case !c.share:
		return v, ""
	case r.Ledger.Scheduled == 0:
		return 0, "nothing was scheduled"
	}
	return v / float64(r.Ledger.Scheduled), ""
}

func (c Condition) latency(r *Result) (v float64, why string) {
	l := c.metric.clock(r)
	if l == nil || l.N == 0 {
		return 0, "no sample"
	}
	if c.quantile == 0 {
		v, _ = c.metric.of(r)
		return v, ""
	}
	if q, ok := l.At(c.quantile); ok {
		return q.Ms, ""
	}
	if need, ok := l.needs(c.quantile); ok {
		return 0, fmt.Sprintf("n too small: %s samples, %s needed", Thousands(l.N), Thousands(need))
	}
	return 0, "not measured"
}

func (l *Latency) needs(q float64) (int64, bool) {
	for _, f := range l.Refused {
		if f.Q == q {
			return f.Need, true
		}
	}
	return 0, false
}

func (c Condition) holds(v float64) bool {
	switch c.op {
	case "<":
		return v < c.bound
	case "<=":
		return v <= c.bound
	case ">":
		return v > c.bound
	case ">=":
		return v >= c.bound
	default:
		return v == c.bound
	}
}

// told is a figure for people, with as many digits as tell it from the bound.
func (c Condition) told(v float64) string {
	const usual, most = 3, 12
	for digits := usual; ; digits++ {
		text := c.format(v, digits)
		if v == c.bound || digits == most || text != c.format(c.bound, digits) {
			return text
		}
	}
}

func (c Condition) format(v float64, digits int) string {
	switch {
	case c.metric.kind == latency:
		return milliseconds(v, digits)
	case c.metric.kind == part || c.share:
		return percent(v, digits)
	case c.metric.kind == count:
		return Thousands(int64(v))
	case c.metric.kind == rate:
		return significant(v, digits+1) + "/s"
	case c.metric.kind == cores:
		return significant(v, digits) + " cores"
	default:
		return significant(v/(1<<20), digits) + " MiB"
	}
}

// Quantiles are those that the conditions need of the whole run, ascending, each once.
func Quantiles(conditions []Condition) []float64 {
	var all []float64
	for _, c := range conditions {
		if c.quantile > 0 && c.seconds == 0 {
			all = append(all, c.quantile)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Shortage is a quantile that a condition needs and that the run is too short for.
type Shortage struct {
	Name string // of the quantile, with its clock
	N    int64  // requests that were scheduled
	Need int64
}

// Shortages lists quantiles that conditions need and that the run could not have given even
// if every request had been answered. Where enough was scheduled and too little came back, the
// target is at fault and the condition merely fails.
func Shortages(conditions []Condition, r *Result) []Shortage {
	var all []Shortage
	for _, c := range conditions {
		if c.quantile == 0 || c.seconds > 0 {
			continue
		}
		need, refused := c.metric.clock(r).needs(c.quantile)
		name := strings.TrimSuffix(c.metric.name, "p") + QuantileName(c.quantile)
		s := Shortage{name, r.Ledger.Scheduled, need}
		if refused && s.N < s.Need && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
