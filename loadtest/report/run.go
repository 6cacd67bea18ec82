package report

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/traffic"
	"sluice/loadtest/result"
)

// bare is a URL without the scheme that goes without saying.
func bare(url string) string { return strings.TrimPrefix(url, "http://") }

func targets(r *result.Result) part {
	p := part{Title: "Target", Table: pairs()}
	for i, t := range r.Targets {
		name := "target"
		if len(r.Targets) > 1 {
			name = "target " + side(i)
		}
		p.Table.pair(name, bare(t.URL), t.Server, optional("pid %d", t.PID), sameHost(r))
		p.Table.pair("model", t.Model, prefixed("version ", t.Version), t.Protocol)
		p.Table.pair("digest", t.Digest)
		for _, in := range t.Inputs {
			p.Table.pair("input", in)
		}
		if len(t.Versions) > 0 {
			p.Table.pair("versions", "answers came from "+counts(t.Versions))
		}
	}
	return p
}

// side names one of several: A, B, ...
func side(i int) string { return string(rune('A' + i%26)) }

func sameHost(r *result.Result) string {
	if r.Env.SameHost {
		return "on the same host as the load tester"
	}
	return ""
}

func optional(format string, n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(format, n)
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func counts(all []result.Count) string {
	var parts []string
	for _, c := range all {
		parts = append(parts, fmt.Sprintf("%s (%s)", c.Name, count(c.N)))
	}
	return strings.Join(parts, ", ")
}

func load(r *result.Result) part {
	l := &r.Load
	p := part{Title: "Load", Table: pairs()}
	if l.Expression == "" && l.Duration == 0 {
		return p
	}
	length := ""
	if l.Duration > 0 {
		length = "measured for " + seconds(l.Duration)
	}
	if l.Warmup > 0 {
		length += " after " + seconds(l.Warmup) + " of warm-up, which is left out"
	}
	p.Table.pair("load", l.Expression, strings.TrimSpace(length))
	p.Table.pair("from", "seed "+fmt.Sprint(l.Seed), optional("%d payload variants", l.Variants), optional("at most %d connections", l.Conns))
	p.Table.pair("schedule", prefixed("SHA-256 ", l.SHA256))
	if l.Closed {
		p.Table.pair("loop", "closed: each connection sends when its answer has come, so a slow target is asked less; this is not how users behave")
	}
	if r.Ledger.Scheduled > 0 {
		p.Table.pair("offered", rate(l.Offered)+" as scheduled")
		p.Table.pair("sent", rate(l.Sent)+", "+percent(l.Achieved)+" of the schedule within the window")
		p.Table.pair("good", rate(l.Good)+" with status 200 and not wrong")
		p.Table.pair("late", some(l.Late, "request", "requests")+" written more than 1 ms after the intended instant")
	}
	return p
}

func validity(r *result.Result) part {
	switch {
	case !measured(r):
		return part{}
	case r.Validity.Valid:
		return part{Title: "Validity", Lines: []string{"valid: the load tester and its host kept up, so the figures are about the target"}}
	}
	return part{Title: "Validity", Lines: []string{"INVALID: the figures are not about the target; the reasons are at the top"}}
}

const (
	responseNote = "response counts from the instant at which the request was meant to be sent: it holds every wait that a slow target causes. It is the one to quote."
	serviceNote  = "service counts from the last byte written: what a client sees that sends late when the target is slow. It is there to compare with tools that count so."
)

func latencies(r *result.Result) part {
	p := part{Title: "Latency of good answers"}
	if r.Response.N == 0 && r.Service.N == 0 {
		if r.Ledger.Scheduled > 0 {
			p.Lines = []string{"there is no good answer, so there is no latency"}
		}
		return p
	}
	p.Table.Head = []string{"", "response", "95 % interval", "service", "95 % interval"}
	for _, q := range parts(&r.Response, &r.Service) {
		a, ai := cell(&r.Response, q)
		b, bi := cell(&r.Service, q)
		p.Table.add(traffic.QuantileName(q), a, ai, b, bi)
	}
	p.Table.add("max", ms(r.Response.Max), "", ms(r.Service.Max), "")
	p.Table.add("mean", ms(r.Response.Mean), "", ms(r.Service.Mean), "")
	p.Table.add("answers", count(r.Response.N), "", count(r.Service.N), "")
	p.Notes = []string{responseNote, serviceNote}
	if f := r.Refusals; f != nil && f.N > 0 {
		tail := ""
		if v, ok := f.At(0.99); ok {
			tail = ms(v.Ms) + " at p99, "
		}
		p.Notes = append(p.Notes, fmt.Sprintf("Answers 429 and 503 took %s on average, %s%s at most (%s).", ms(f.Mean), tail, ms(f.Max), some(f.N, "answer", "answers")))
	}
	return p
}

// parts are the quantiles that any of the clocks gives or refuses, ascending.
func parts(clocks ...*result.Latency) (all []float64) {
	for _, c := range clocks {
		for _, v := range c.Quantiles {
			all = append(all, v.Q)
		}
		for _, v := range c.Refused {
			all = append(all, v.Q)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// cell is a quantile with its interval, or how many samples it would need.
func cell(l *result.Latency, q float64) (value, bounds string) {
	if v, ok := l.At(q); ok {
		return ms(v.Ms), interval(v.Lo, v.Hi, digits)
	}
	if need, ok := l.Needs(q); ok {
		return none, "needs " + count(need)
	}
	return none, none
}

func lags(r *result.Result) part {
	p := part{Title: "Lag behind the schedule"}
	if r.Lag.N == 0 && r.PacerLag.N == 0 {
		return p
	}
	p.Table.Head = []string{"", "all", "the load tester's own"}
	for _, q := range parts(&r.Lag, &r.PacerLag) {
		cell := func(l *result.Latency) string {
			if v, ok := l.At(q); ok {
				return lag(v.Ms)
			}
			return none
		}
		p.Table.add(traffic.QuantileName(q), cell(&r.Lag), cell(&r.PacerLag))
	}
	p.Table.add("max", lag(r.Lag.Max), lag(r.PacerLag.Max))
	p.Notes = []string{"Lag is what lies between the intended instant and the last byte written. What is not the load tester's own is waiting for a free connection, which a slow target causes."}
	return p
}

func stages(r *result.Result) part {
	p := part{Title: "Where the response latency goes"}
	sum := 0.0
	for _, s := range r.Stages {
		sum += s.Mean
	}
	tails := tailsGiven(r)
	for _, s := range r.Stages {
		p99 := none
		if tails {
			p99 = lag(s.P99)
		}
		p.Table.add(s.Name, lag(s.Mean), share(s.Mean, sum), lag(s.P50), p99)
	}
	if len(r.Stages) > 0 {
		p.Table.Head = []string{"stage", "mean", "of it", "p50", "p99"}
		p.Table.add("sum", lag(sum), "", "", "")
		p.Notes = []string{"Means add up to the mean response latency; quantiles do not."}
	}
	return p
}

// tailsGiven says whether the p99 of the stages are given: all are 0 where there are too few answers.
func tailsGiven(r *result.Result) bool {
	return slices.ContainsFunc(r.Stages, func(s result.Stage) bool { return s.P99 != 0 })
}

func share(part, whole float64) string {
	if whole <= 0 {
		return none
	}
	return percent(part / whole)
}
