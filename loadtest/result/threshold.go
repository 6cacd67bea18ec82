package result

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/traffic"
)

// Condition is a condition on a run, with what measures it.
type Condition struct {
	traffic.Condition
	metric metric
}

// metric is how a run has a figure.
type metric struct {
	// of reads it from a result; ok is false if it was not measured. A percentile has none.
	of func(r *Result) (v float64, ok bool)
	// clock is the latency that mean, max, min and percentiles are of; nil of any other figure.
	clock func(r *Result) *Latency
	// second reads it from a second of the series; nil if a second does not have it. ok is
	// false if nothing was there to be measured.
	second func(s *Second) (v float64, ok bool)
}

// ParseThreshold reads a condition that a run is held against; see traffic.ParseCondition.
func ParseThreshold(text string) (Condition, error) {
	parsed, err := traffic.ParseCondition(text)
	c := Condition{parsed, metrics[parsed.Figure]}
	if c.Quantile > 0 {
		c.metric.second = percentiles[strings.TrimPrefix(c.Name(), "response.")]
	}
	if err == nil && c.Seconds > 0 && !c.BySecond() {
		err = fmt.Errorf("column 1: a second has no %s; with \"for\" use one of %s", c.Name(), seriesNames())
	}
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
	if err == nil && !c.BySecond() {
		err = fmt.Errorf("cannot end a run by %q: a second has no %s; it has %s", text, c.Name(), seriesNames())
	}
	return c, err
}

// BySecond reports whether a second of a run tells the figure: only then can Aborts hold it.
func (c Condition) BySecond() bool { return c.metric.second != nil }

// Check holds a finished run against the condition. What was not measured, or not by enough
// samples, is not held: a condition never passes because there is nothing to see.
func (c Condition) Check(r *Result) Threshold {
	t := Threshold{Expression: c.Text}
	if c.Seconds > 0 {
		t.Value, t.Pass = c.checkSeries(r.Whole())
		return t
	}
	v, why := c.value(r)
	if why != "" {
		t.Value = why
		return t
	}
	t.Value, t.Pass = c.told(v), c.Holds(v)
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
	case !c.Share:
		return v, ""
	case r.Ledger.Scheduled == 0:
		return 0, "nothing was scheduled"
	}
	return v / float64(r.Ledger.Scheduled), ""
}

func (c Condition) latency(r *Result) (v float64, why string) {
	l := c.metric.clock(r)
	if l.N == 0 {
		return 0, "no sample"
	}
	if c.Quantile == 0 {
		v, _ = c.metric.of(r)
		return v, ""
	}
	if q, ok := l.At(c.Quantile); ok {
		return q.Ms, ""
	}
	if need, ok := l.Needs(c.Quantile); ok {
		return 0, fmt.Sprintf("n too small: %s samples, %s needed", Thousands(l.N), Thousands(need))
	}
	if missed := r.Ledger.Scheduled - r.Ledger.OK; l == &r.Every && float64(missed) > (1-c.Quantile)*float64(l.N) {
		return 0, fmt.Sprintf("not reached: %s of %s requests have no right answer", Percent(float64(missed)/float64(l.N)), Thousands(l.N))
	}
	return 0, "not measured"
}

// told is a figure for people, with as many digits as tell it from the bound.
func (c Condition) told(v float64) string {
	const usual, most = 3, 12
	for digits := usual; ; digits++ {
		text := c.format(v, digits)
		if v == c.Bound || digits == most || text != c.format(c.Bound, digits) {
			return text
		}
	}
}

func (c Condition) format(v float64, digits int) string {
	switch {
	case c.Kind == traffic.Latency:
		return milliseconds(v, digits)
	case c.Kind == traffic.Part || c.Share:
		return percent(v, digits)
	case c.Kind == traffic.Count:
		return Thousands(int64(v))
	case c.Kind == traffic.Rate:
		return significant(v, digits+1) + "/s"
	case c.Kind == traffic.Cores:
		return significant(v, digits) + " cores"
	default:
		return significant(v/(1<<20), digits) + " MiB"
	}
}

// Quantiles are those that the conditions need of the whole run, ascending, each once.
func Quantiles(conditions []Condition) []float64 {
	var all []float64
	for _, c := range conditions {
		if c.Quantile > 0 && c.Seconds == 0 {
			all = append(all, c.Quantile)
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
		if c.Quantile == 0 || c.Seconds > 0 {
			continue
		}
		need, refused := c.metric.clock(r).Needs(c.Quantile)
		s := Shortage{c.Name(), r.Ledger.Scheduled, need}
		if refused && s.N < s.Need && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
