package loadtest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"sluice/internal/traffic"
	"sluice/loadtest/load"
	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/search"
	"sluice/loadtest/stats"
)

// CapacityOptions are those of a search for the highest rate that holds an objective.
type CapacityOptions struct {
	Options
	// Search says what is to hold, and how it is searched for. Its Seed, OnProbe and Recover are set here.
	Search search.Options
	// Warmup comes before each probe and confirmation, for the target's queue to find its length; 0 is 1 s.
	Warmup time.Duration
	// NoRecovery leaves out how long the target takes to recover.
	NoRecovery bool
}

const probeWarmup = time.Second

// Capacity searches for the highest rate that a target holds an objective at.
func Capacity(ctx context.Context, o CapacityOptions) (*result.Result, *Detail, error) {
	o.defaults()
	o.Warmup = cmp.Or(o.Warmup, probeWarmup)
	c := &capacity{o: &o}
	opt := o.Search
	opt.Seed, opt.OnProbe = o.Seed, c.told
	if !o.NoRecovery {
		opt.Recover = c.recovery
	}
	err := search.Check(opt) // before the target is bothered
	if err != nil {
		return nil, nil, usage(err)
	}
	if c.aim, err = prepare(ctx, &o.Options, o.Target); err != nil {
		return nil, nil, err
	}
	o.View.Note(fmt.Sprintf("searching for the highest rate that holds %s; it takes about %v", o.Search.Objective.Text, search.Plan(opt).Round(time.Second)))
	began := time.Now()
	found, err := search.Find(ctx, opt, c.probe)
	if found == nil {
		return nil, nil, usage(err)
	}
	interrupted := ctx.Err() != nil
	if err != nil && !interrupted {
		return nil, nil, err
	}
	return c.result(found, began, interrupted), nil, nil
}

// capacity is a search under way.
type capacity struct {
	o    *CapacityOptions
	aim  *aim
	last *measured
	shot *shot
	// wrong and extra answers of all runs.
	wrong, extra int64
}

func (c *capacity) told(p result.Probe, left time.Duration) {
	c.o.View.Note(fmt.Sprintf("%-8s %7.0f/s  %-12s p99 %8.3f ms  %s; about %v left", p.Phase, p.Rate, p.Outcome, p.P99, p.Why, left.Round(time.Second)))
}

// shoot loads the target at a rate that may change once.
func (c *capacity) shoot(ctx context.Context, expression, phase string, seed uint64, warmup, length time.Duration) (*measured, error) {
	l, err := traffic.Parse(expression)
	if err != nil {
		return nil, err
	}
	s := &shot{aims: []*aim{c.aim}, window: stats.Window{From: warmup, To: warmup + length}, seed: seed, quantiles: stats.DefaultQuantiles}
	schedule, err := load.Draw(l, load.Options{Seed: seed, Length: s.window.To, Variants: c.aim.variants()})
	if err != nil {
		return nil, err
	}
	s.arrivals, s.sha = schedule.Arrivals, schedule.SHA256
	s.phase = phase
	m, err := fire(ctx, &c.o.Options, s, expression)
	if err != nil {
		return nil, err
	}
	c.last, c.shot = m, s
	c.wrong += m.summary.Ledger.Wrong
	c.extra += m.summary.Ledger.Extra
	if m.stopped {
		return nil, context.Canceled
	}
	return m, nil
}

func (c *capacity) probe(ctx context.Context, rate float64, seed uint64, length time.Duration, phase string) (search.Measured, error) {
	m, err := c.shoot(ctx, fmt.Sprintf("poisson:%g", rate), fmt.Sprintf("%s at %.4g/s", phase, rate), seed, c.o.Warmup, length)
	if err != nil {
		return search.Measured{}, err
	}
	out := search.Measured{Good: m.summary.Load.Good, ToolCPU: m.resources.Tool.PacerCores, TargetCores: float64(environment(&c.o.Options, nil).Cores)}
	if t := m.resources.Target; t != nil {
		out.TargetCPU = t.Cores
	}
	l := m.summary.Ledger
	out.Errors, out.Rejected, out.Wrong = l.Scheduled-l.OK, l.Rejected, l.Wrong
	out.Blocks = make([]search.Block, int(math.Ceil(m.window.Length().Seconds())))
	for i := range m.samples {
		s := &m.samples[i]
		if !m.holds(s) {
			continue
		}
		b := &out.Blocks[(s.Intended-m.window.From)/time.Second]
		b.N++
		if !s.Right() || s.Response() > c.o.Search.Objective.Limit {
			b.Over++
		}
	}
	for _, b := range out.Blocks {
		out.N += b.N
		out.Over += b.Over
	}
	p50, _ := m.summary.Response.At(0.5)
	p99, _ := m.summary.Response.At(0.99)
	out.P50, out.P99 = p50.Ms, p99.Ms
	v := result.Judge(m.facts)
	out.Valid, out.Reasons = v.Valid, v.Reasons
	return out, nil
}

// A target is overloaded for so long, and then has so long to recover.
const (
	overloadLength = 5 * time.Second
	recoveryLength = 20 * time.Second
)

// recovery drives the target at a rate that it does not hold, drops to one that it does, and
// returns how many seconds pass until a second of requests holds the objective again.
func (c *capacity) recovery(ctx context.Context, high, low float64) (float64, error) {
	expression := fmt.Sprintf("step:%g@%v,%g@%v", high, overloadLength, low, recoveryLength)
	m, err := c.shoot(ctx, expression, fmt.Sprintf("recovery at %.4g/s", low), c.o.Seed, overloadLength, recoveryLength)
	if err != nil {
		return 0, err
	}
	took, held := recovered(m.samples, m.window, &c.o.Search.Objective)
	if !held {
		c.o.View.Note(fmt.Sprintf("the target did not recover within %v", recoveryLength))
	}
	return took.Seconds(), nil
}

// recovered is how long after a window's start a second of requests begins that holds an
// objective, in steps of a tenth of a second; the window's whole length and false if none does.
func recovered(samples []sample.Sample, w stats.Window, o *result.Objective) (took time.Duration, held bool) {
	const step, second = 100 * time.Millisecond, 10
	n := make([]struct{ all, bad int }, w.Length()/step)
	for i := range samples {
		s := &samples[i]
		at := int((s.Intended - w.From) / step)
		if s.Intended < w.From || at >= len(n) {
			continue
		}
		n[at].all++
		if !s.Right() || s.Response() > o.Limit {
			n[at].bad++
		}
	}
	for from := 0; from+second <= len(n); from++ {
		all, bad := 0, 0
		for _, k := range n[from : from+second] {
			all, bad = all+k.all, bad+k.bad
		}
		if allowed := (1 - o.Quantile) * float64(all); all > 0 && float64(bad) <= allowed+1e-9 { // 1-0.9 is a little below 0.1
			return time.Duration(from) * step, true
		}
	}
	return w.Length(), false
}

// result sums the search up. Its latencies, ledger, resources and series are of the last run,
// but wrong and extra answers are of all.
func (c *capacity) result(found *result.Capacity, began time.Time, interrupted bool) *result.Result {
	var r *result.Result
	if c.last == nil {
		r = &result.Result{Schema: result.Schema, Command: "capacity", Argv: c.o.Argv, Env: environment(&c.o.Options, []*aim{c.aim}), Targets: []result.Target{c.aim.describe()}}
	} else {
		r = c.last.result(&c.o.Options, c.shot, "capacity")
	}
	r.Start, r.Interrupted = began.UTC().Format(time.RFC3339Nano), interrupted
	r.Load.Expression, r.Load.SHA256 = "poisson, searched", ""
	r.Capacity = found
	r.Verify.Wrong = c.wrong
	r.Validity.Valid = true
	if found.Limit == "generator" && found.Capacity == 0 {
		r.Validity = result.Validity{Reasons: []string{"the load tester was the limit at every rate: give it a core of its own"}}
	}
	if found.Capacity == 0 && r.Validity.Valid && !interrupted {
		r.Thresholds = []result.Threshold{{Expression: found.Objective, Value: "held at no rate"}}
	}
	r.Ledger.Extra = c.extra
	r.Ledger.Close()
	r.Exit = result.ExitStatus(r)
	r.Verdict = result.Verdict(r)
	return r
}
