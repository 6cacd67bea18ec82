package plan

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sluice/internal/cost"
	"sluice/internal/traffic"
)

// Question is a study and what is to be said about it.
type Question struct {
	Study      Study
	Objectives []traffic.Condition
	// Kind, if not "", asks for the smallest number of these devices, up to Most, that
	// holds the objectives.
	Kind string
	Most int
	// Factors, if any, ask for the outcome at these multiples of the load.
	Factors []float64
}

// Schema names the form of an Answer in JSON.
const Schema = "sluice-plan/1"

// Answer is what a question comes to.
type Answer struct {
	Schema  string `json:"schema"`
	Verdict string `json:"verdict"`
	// Held is whether the objectives hold, of the fleet that was found if one was looked
	// for; nil without objectives.
	Held   *bool   `json:"held,omitempty"`
	Checks []Check `json:"checks,omitempty"`
	Inputs Inputs  `json:"inputs"`
	// Outcome is that of the fleet that was found, of the largest that was tried if none
	// holds, of the study's own without a search.
	Outcome *Outcome `json:"outcome"`
	Search  *Search  `json:"search,omitempty"`
	// Sweeps are of the outcome's fleet and, after a search, of the one that is one device
	// smaller.
	Sweeps []*Sweep `json:"sweeps,omitempty"`
}

// Inputs says what was simulated.
type Inputs struct {
	Loads    []string      `json:"loads,omitempty"`
	Trace    string        `json:"trace,omitempty"`
	Models   []ModelInput  `json:"models"`
	Costs    []CostInput   `json:"costs"`
	Warmup   time.Duration `json:"warmup_ns"`
	Overhead time.Duration `json:"overhead_ns"`
	Noise    string        `json:"noise"`
}

// ModelInput is a model as it was simulated.
type ModelInput struct {
	Name     string        `json:"name"`
	Budget   time.Duration `json:"budget_ns"`
	MaxBatch int           `json:"max_batch"`
}

// CostInput is a table that was used.
type CostInput struct {
	Kind  string     `json:"kind"`
	Model string     `json:"model"`
	Curve cost.Curve `json:"curve"`
	// Best is the batch with the highest throughput, BestRows its rows per second.
	Best     int     `json:"best_batch"`
	BestRows float64 `json:"best_rows_per_s"`
}

// Ask answers a question.
func Ask(ctx context.Context, q Question) (*Answer, error) {
	a := &Answer{Schema: Schema, Inputs: q.Study.inputs()}
	fleet := q.Study
	var err error
	if q.Kind != "" {
		if a.Search, err = fleet.Smallest(ctx, q.Kind, q.Most, q.Objectives); err != nil {
			return nil, err
		}
		n := a.Search.Smallest
		if n < 0 {
			n = q.Most
		}
		fleet = fleet.WithCount(q.Kind, n)
		a.Outcome = a.Search.Probe(n).outcome
	} else if a.Outcome, err = fleet.Run(ctx); err != nil {
		return nil, err
	}
	if len(q.Objectives) > 0 {
		a.Checks = checkAll(q.Objectives, a.Outcome)
		held := Held(a.Checks) && (a.Search == nil || a.Search.Smallest >= 0)
		a.Held = &held
	}
	a.Verdict = a.verdict()
	if len(q.Factors) == 0 {
		return a, nil
	}
	fleets := []Study{fleet}
	if n := fleet.Count(q.Kind); q.Kind != "" && n > 0 {
		if fewer := fleet.WithCount(q.Kind, n-1); fewer.Validate() == nil {
			fleets = append(fleets, fewer)
		}
	}
	for _, s := range fleets {
		sweep, err := s.Sweep(ctx, q.Factors)
		if err != nil {
			return nil, err
		}
		a.Sweeps = append(a.Sweeps, sweep)
	}
	return a, nil
}

func (s Study) inputs() Inputs {
	in := Inputs{Warmup: s.Warmup, Overhead: s.Overhead}
	for _, t := range s.Traffic {
		in.Loads = append(in.Loads, fmt.Sprintf("%s: %s", t.Model, t.Load))
	}
	if s.Trace != nil {
		in.Trace = fmt.Sprintf("%d arrivals in %v", len(s.Trace.Arrivals), s.Trace.Length.Round(time.Millisecond))
	}
	var all []cost.Curve
	for _, m := range s.all() {
		in.Models = append(in.Models, ModelInput{m.Name, m.Budget, m.MaxBatch})
		for _, g := range s.Fleet {
			if c := s.Costs.of(g.Kind, m.Name); len(c) > 0 {
				best := c.Best(min(m.MaxBatch, c[len(c)-1].Rows), 0) // what was measured
				in.Costs = append(in.Costs, CostInput{g.Kind, m.Name, c, best, c.RowsPerSecond(best)})
				all = append(all, c)
			}
		}
	}
	noise := measuredNoise(all)
	if s.Noise != nil {
		noise = *s.Noise
	}
	in.Noise = fmt.Sprintf("log-normal, sigma %.3f; %.2g of the runs take %.3g times as long", noise.Sigma, noise.HiccupShare, max(noise.HiccupTimes, 1))
	return in
}

// Devices says how many of a kind in words: 1 GPU, 2 GPUs, 3 cuda.
func Devices(kind string, n int) string {
	switch kind {
	case "gpu", "cpu":
		name := strings.ToUpper(kind)
		if n != 1 {
			name += "s"
		}
		return fmt.Sprintf("%d %s", n, name)
	default:
		return fmt.Sprintf("%d %s", n, kind)
	}
}

// Fleet says what a fleet consists of.
func Fleet(groups []Group) string {
	var parts []string
	for _, g := range groups {
		text := Devices(g.Kind, g.Count)
		if g.Lanes > 1 {
			text += fmt.Sprintf(" of %d lanes", g.Lanes)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " + ")
}

// at says what load the verdict is about.
func (o *Outcome) at() string {
	text := fmt.Sprintf("at %.0f requests/s", o.Offered)
	if x := o.Scale * o.Speed; x != 1 {
		text += fmt.Sprintf(" (%.4gx)", x)
	}
	return text
}

func (a *Answer) verdict() string {
	o := a.Outcome
	var texts []string
	for _, c := range a.Checks {
		texts = append(texts, c.Objective)
	}
	objectives := strings.Join(texts, " and ")
	switch {
	case a.Search != nil:
		return a.Search.verdict(objectives, o)
	case a.Held != nil && *a.Held:
		return fmt.Sprintf("%s: %s %s: %s", Fleet(o.Fleet), objectives+" holds", o.at(), told(a.Checks, o.Attainment))
	case a.Held != nil:
		return fmt.Sprintf("%s: %s %s: %s", Fleet(o.Fleet), objectives+" does not hold", o.at(), told(a.Checks, o.Attainment))
	case o.Latency.P99 == nil:
		return fmt.Sprintf("%s: %s of the requests in time %s", Fleet(o.Fleet), percent(o.Attainment), o.at())
	default:
		return fmt.Sprintf("%s: %s of the requests in time %s, goodput %.0f/s, p99 %v", Fleet(o.Fleet), percent(o.Attainment), o.at(),
			o.Goodput, o.Latency.P99.Round(10*time.Microsecond))
	}
}

func (s *Search) verdict(objectives string, o *Outcome) string {
	if s.Smallest < 0 {
		p := s.Probe(s.Most)
		return fmt.Sprintf("not even %s hold %s %s: %s", Devices(s.Kind, s.Most), objectives, o.at(), told(p.Checks, p.Attainment))
	}
	verb := "hold"
	if s.Smallest == 1 {
		verb = "holds"
	}
	text := fmt.Sprintf("%s %s %s %s", Devices(s.Kind, s.Smallest), verb, objectives, o.at())
	for i := range s.Probes {
		if p := &s.Probes[i]; p.Count == s.Smallest-1 && !p.Held {
			verb = "do"
			if p.Count == 1 {
				verb = "does"
			}
			return fmt.Sprintf("%s; %s %s not: %s", text, Devices(s.Kind, p.Count), verb, told(p.Checks, p.Attainment))
		}
	}
	return text
}

// told is what decides: the part in time, or the value of the first objective that fails.
func told(checks []Check, attained float64) string {
	for _, c := range checks {
		switch {
		case c.Held:
		case c.Part != nil:
			return percent(*c.Part) + " in time"
		default:
			name, _, _ := strings.Cut(strings.ReplaceAll(c.Objective, ">", "<"), "<")
			return strings.TrimSpace(name) + " is " + c.Value
		}
	}
	return percent(attained) + " in time"
}
