package main

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"
)

// budgetRuns is the budget of a request as a multiple of a raw run of one row.
const budgetRuns = 7

// inTime is the share of requests that must be answered within the budget.
const inTime = 0.99

// loadRatio is the target: what the gateway serves of what the raw session can.
const loadRatio = 0.90

// rawSweeps measures what batches cost on the device without a server.
func (c *gpuCheck) rawSweeps() (any, error) {
	models, err := c.bundles()
	if err != nil {
		return nil, err
	}
	sweeps := map[string]*sweep{}
	c.result.Data = sweeps
	for _, model := range models {
		s := new(sweep)
		err := c.measure(s, "raw", "-model", c.modelFile(model), "-device", c.device, "-library-folders", c.folders,
			"-most", fmt.Sprint(c.most()), "-each", pick(c.bench, time.Second, 50*time.Millisecond).String(), "-slowest", pick(c.bench, 2*time.Second, 100*time.Millisecond).String())
		if err != nil {
			c.find(model, failed, "the raw session on %s: %v", c.device, err)
			continue
		}
		sweeps[model] = s
		best := s.fastest(math.Inf(1))
		c.find(model, passed, "1 row in %.3f ms; most rows/s in batches of %d: %s in %.3f ms",
			s.Points[0].P50/1e3, best.Rows, figure(best.perSecond()), best.P50/1e3)
		c.turnsFinding(model, s.Turns)
	}
	return sweeps, nil
}

// turnRatio is how much more two sizes by turns may take than each over and over.
const turnRatio = 1.5

func (c *gpuCheck) turnsFinding(model string, t *turns) {
	if t == nil {
		return
	}
	ratio := t.P50 / t.Apart
	text := fmt.Sprintf("a row and %d rows by turns take %.3f ms, %.2f of what they take each over and over", t.Rows, t.P50/1e3, ratio)
	if c.quick || c.device == "cpu" { // judges no times
		c.find(model+" turns", passed, "%s", text)
		return
	}
	c.judge(ratio <= turnRatio, model+" turns", "%s; %.2f is the most", text, turnRatio)
}

// perSecond is the rows that back-to-back batches of the size do.
func (p rawPoint) perSecond() float64 { return float64(p.Rows) / p.P50 * 1e6 }

// figure is a number per second for people.
func figure(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// fastest is the point of the most rows per second among those that take at most limit, in
// microseconds; the first if none does.
func (s *sweep) fastest(limit float64) rawPoint {
	best := s.Points[0]
	for _, p := range s.Points {
		if p.P50 <= limit && p.perSecond() > best.perSecond() {
			best = p
		}
	}
	return best
}

// loadResult is what the gateway does for one model on the device alone.
type loadResult struct {
	BudgetMillis float64 `json:"budget_ms"`
	// RawInBudget is the raw session's best among the batches that take no longer than the
	// budget, RawBest the best of all, in rows/s.
	RawInBudget float64 `json:"raw_in_budget_per_s"`
	RawBest     float64 `json:"raw_best_per_s"`
	// Ratio and RatioOfBest are the good answers of the best run as shares of those.
	Ratio       float64 `json:"ratio"`
	RatioOfBest float64 `json:"ratio_of_best"`
	// Best is the run at the highest rate that held; null if none did.
	Best *openResult `json:"best"`
	// Probes are all runs, in order.
	Probes []openResult `json:"probes"`
	// Rows are the rows that each device ran during the best run.
	Rows map[string]float64 `json:"rows_by_device,omitempty"`
	// GPU are the driver's figures during the best run; empty where there are none.
	GPU map[string]reading `json:"gpu,omitempty"`
}

// load finds the highest rate at which the gateway answers in time, for each model.
func (c *gpuCheck) load() (any, error) {
	var sweeps map[string]*sweep
	if !c.data("raw", &sweeps) || len(sweeps) == 0 {
		return nil, fmt.Errorf("without the raw session's times no budget is known")
	}
	results := map[string]*loadResult{}
	c.result.Data = results
	models, err := c.bundles()
	if err != nil {
		return nil, err
	}
	for _, model := range models {
		if sweeps[model] == nil {
			c.find(model, failed, "the raw session's times are missing")
			continue
		}
		r, err := c.loadModel(model, sweeps[model])
		if err != nil {
			c.find(model, failed, "%v", err)
		}
		if r != nil {
			results[model] = r
		}
	}
	return results, nil
}

func (c *gpuCheck) loadModel(model string, s *sweep) (*loadResult, error) {
	budget := c.budget(s)
	out := &loadResult{
		BudgetMillis: millis(budget), RawInBudget: round(s.fastest(micros(budget)).perSecond(), 1),
		RawBest: round(s.fastest(math.Inf(1)).perSecond(), 1),
	}
	gateway, err := c.start(model, false)
	if err != nil {
		return out, err
	}
	defer func() {
		gateway.stop()
		c.keep(gateway, "gateway-"+model+".log")
	}()
	to, err := c.ask(gateway, model, budget)
	if err != nil {
		return out, err
	}
	first, err := askOnce(gateway.addr, to.wire)
	if err != nil {
		return out, err
	}
	device, _ := deviceOf(first.header)
	c.judge(first.status == http.StatusOK && device == c.device, model+" device", "the first answer has status %d and comes from %q", first.status, device)
	probe := func(rate float64, length time.Duration) (openResult, error) {
		one, err := c.generate(to, rate, c.warm(), length, budget)
		out.Probes = append(out.Probes, one)
		return one, err
	}
	tries, confirms := pick(c.bench, 8, 2), pick(c.bench, 6, 2)
	out.Best, err = highestRate(c.bound(out), tries, confirms, pick(c.bench, 5*time.Second, time.Second), probe, func(rate float64) (openResult, error) {
		return c.watched(gateway, out, func() (openResult, error) { return probe(rate, pick(c.bench, 20*time.Second, 2*time.Second)) })
	})
	if err != nil {
		return out, err
	}
	c.loadFinding(model, out)
	return out, nil
}

// budget is in whole microseconds, as the request says it. A quick look is at the script, on
// a machine that may be busy, and has time.
func (c *gpuCheck) budget(s *sweep) time.Duration {
	budget := time.Duration(math.Round(budgetRuns*s.Points[0].P50)) * time.Microsecond
	if c.quick {
		budget = max(budget, 100*time.Millisecond)
	}
	return budget
}

// quickRate bounds the load of a quick look, in requests per second, and quickShare of what
// the session can do: enough to see that answers come.
const (
	quickRate  = 1000
	quickShare = 0.3
)

// bound is the rate near which the search begins.
func (c *gpuCheck) bound(r *loadResult) float64 {
	if c.quick {
		return min(quickShare*r.RawInBudget, quickRate)
	}
	return r.RawInBudget
}

func (c *gpuCheck) loadFinding(model string, out *loadResult) {
	b := out.Best
	if b == nil {
		outcome := failed
		if c.quick { // judges no times
			outcome = skipped
		}
		c.find(model+" load", outcome, "no rate was found at which %.0f %% of the answers come within %.3f ms", 100*inTime, out.BudgetMillis)
		return
	}
	out.Ratio, out.RatioOfBest = round(b.Good/out.RawInBudget, 3), round(b.Good/out.RawBest, 3)
	text := fmt.Sprintf("%s rows/s within %.3f ms, %s: %.2f of the raw session's %s in batches within the budget, %.2f of its best %s",
		figure(b.Good), out.BudgetMillis, b.tail(), out.Ratio, figure(out.RawInBudget), out.RatioOfBest, figure(out.RawBest))
	if !b.Valid {
		text += "; INVALID to the load tester, so it may be about that or the machine: " + strings.Join(b.Reasons, "; ")
	}
	// The target is a GPU's: on the CPU the gateway shares the cores with the session.
	if c.quick || c.device == "cpu" {
		c.find(model+" load", passed, "%s", text)
		return
	}
	c.judge(out.Ratio >= loadRatio, model+" load", "%s; the target is %.2f", text, loadRatio)
}

// highestRate searches for the highest rate that holds, in requests per second, near one
// that cannot be passed by much; nil if none holds. A rate found by short runs must also
// hold in a long one.
func highestRate(bound float64, tries, confirms int, length time.Duration, probe func(float64, time.Duration) (openResult, error), confirm func(float64) (openResult, error)) (*openResult, error) {
	low, high := 0.0, 1.2*bound
	for rate := 0.85 * bound; tries > 0 && high-low > 0.02*bound; tries-- {
		r, err := probe(rate, length)
		if err != nil {
			return nil, err
		}
		if holds(&r) {
			low = rate
		} else {
			high = rate
		}
		rate = (low + high) / 2
	}
	for rate := low; low > 0 && confirms > 0; confirms-- {
		r, err := confirm(rate)
		if err != nil || holds(&r) {
			return &r, err
		}
		rate *= 0.97
	}
	return nil, nil
}

// holds tells whether the server was good enough at a rate.
func holds(r *openResult) bool {
	good := r.Good / math.Max(r.Offered, 1e-9)
	return r.Requests > 0 && good >= inTime && r.Lost == 0
}

// tail is the 99th percentile for people.
func (r *openResult) tail() string {
	if r.P99 == 0 {
		return fmt.Sprintf("no p99 of %d requests", r.Requests)
	}
	return fmt.Sprintf("p99 %.3f ms", r.P99)
}
