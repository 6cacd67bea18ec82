package result

import (
	"fmt"

	"sluice/internal/traffic"
)

// state is what a second says of a condition.
type state uint8

const (
	held state = iota
	broken
	silent // nothing was there to be measured
)

// in is what a second says. A latency that nobody can tell because requests were sent and too
// few answers were right is broken: a target that stands still does not hold its bound.
func (c Condition) in(s *Second) (float64, state) {
	v, ok := c.metric.second(s)
	if !ok {
		if c.Kind == traffic.Latency && s.Offered > 0 {
			return 0, broken
		}
		return 0, silent
	}
	if c.Share {
		v /= float64(s.ended())
	}
	if c.Holds(v) {
		return v, held
	}
	return v, broken
}

// stretch is a run of seconds in each of which a condition is broken.
type stretch struct {
	from    float64
	seconds int
	worst   float64
	told    bool // worst is a measured figure
}

// longest finds the longest stretch; seen is how many seconds said anything.
func (c Condition) longest(series []Second) (longest stretch, seen int) {
	var now stretch
	for i := range series {
		v, st := c.in(&series[i])
		if st != silent {
			seen++
		}
		if st != broken {
			now = stretch{}
			continue
		}
		if now.seconds == 0 {
			now.from = series[i].T
		}
		now.seconds++
		if _, ok := c.metric.second(&series[i]); ok && (!now.told || c.worse(v, now.worst)) {
			now.worst, now.told = v, true
		}
		if now.seconds > longest.seconds {
			longest = now
		}
	}
	return longest, seen
}

func (c Condition) worse(a, b float64) bool {
	if c.FromBelow() {
		return a < b
	}
	return a > b
}

// checkSeries holds a series against a condition with "for". A run shorter than the stretch
// could not have broken it, and so does not hold it.
func (c Condition) checkSeries(series []Second) (value string, pass bool) {
	l, seen := c.longest(series)
	switch {
	case seen == 0:
		return "not measured", false
	case len(series) < c.Seconds:
		return fmt.Sprintf("only %d whole seconds were measured", len(series)), false
	case l.seconds == 0:
		return "held in every second", true
	}
	value = fmt.Sprintf("broken for %d s from %.0f s on", l.seconds, l.from)
	if l.told {
		value += ", at worst " + c.told(l.worst)
	} else {
		value += ": too few right answers"
	}
	return value, l.seconds < c.Seconds
}

// Whole is the series without a last second that is not whole: what a part of a second counts
// would be taken for low rates.
func (r *Result) Whole() []Second {
	n := len(r.Series)
	const rounding = 1e-3
	for n > 0 && r.Load.Duration > 0 && r.Series[n-1].T+1 > r.Load.Duration+rounding {
		n--
	}
	return r.Series[:n]
}

// Aborts says which conditions (of ParseAbort) the whole seconds so far give reason to end
// the run for.
func Aborts(conditions []Condition, series []Second) []Threshold {
	var all []Threshold
	for _, c := range conditions {
		if value, over := c.aborts(series); over {
			all = append(all, Threshold{Expression: c.Text, Value: value, Abort: true})
		}
	}
	return all
}

func (c Condition) aborts(series []Second) (value string, over bool) {
	switch {
	case len(series) == 0:
		return "", false
	case c.Seconds == 0 && c.Kind == traffic.Count:
		return c.soFar(series)
	case c.Seconds == 0:
		c.Seconds, series = 1, series[len(series)-1:]
	}
	if l, _ := c.longest(series); l.seconds < c.Seconds {
		return "", false
	}
	value, _ = c.checkSeries(series)
	return value, true
}

// soFar adds up requests over all seconds.
func (c Condition) soFar(series []Second) (string, bool) {
	var n, all float64
	for i := range series {
		v, _ := c.metric.second(&series[i])
		n += v
		all += float64(series[i].ended())
	}
	if c.Share {
		n /= max(all, 1)
	}
	// A bound from below is not broken by a run that has only begun.
	return c.told(n) + " so far", !c.FromBelow() && !c.Holds(n)
}
