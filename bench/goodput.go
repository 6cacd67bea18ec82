package main

import (
	"fmt"
	"time"
)

// Goodput is a model whose weights exceed the caches, within a budget of 20 ms: how much of
// what this machine could answer in time is answered in time.
type Goodput struct {
	// Ratio is Best / Oracle.
	Ratio float64 `json:"ratio"`
	Best  float64 `json:"best_per_s"`
	// Oracle is cores / (CPU of a row in the best batch that fits the budget + the
	// ceiling's CPU per request + the generator's), as if no part ever waited.
	Oracle  float64      `json:"oracle_per_s"`
	RawBest rawPoint     `json:"raw_best"`
	Ceiling openResult   `json:"ceiling"`
	Rate    float64      `json:"rate_per_s"`
	Runs    []openResult `json:"runs"`
}

const (
	goodputBudget = 20 * time.Millisecond
	openConns     = 512
)

func (b *bench) goodput() error {
	if err := largeNetwork.Write(b.bundle("large"), "1"); err != nil {
		return err
	}
	rows, err := b.sweep("large")
	if err != nil {
		return err
	}
	b.retire("mlp")
	gateway, err := b.sluice("large")
	if err != nil {
		return err
	}
	defer b.retire("large")
	r := binaryRequest("large").within(int(goodputBudget / time.Millisecond))
	limit, err := b.ceilingFor(r, gateway)
	if err != nil {
		return err
	}
	defer limit.stop()
	out := &Goodput{RawBest: rows.cheapest(micros(goodputBudget))}
	length := b.pick(4*time.Second, 2*time.Second)
	estimate := float64(b.cores) * 1e6 / (out.RawBest.CPURow + 30)
	if out.Ceiling, err = b.openRun(limit, r, estimate, openConns, length, goodputBudget); err != nil {
		return err
	}
	out.Oracle = round(float64(b.cores)*1e6/(out.RawBest.CPURow+out.Ceiling.ServerCPU+out.Ceiling.CPU), 0)
	best, err := b.peak(gateway, r, out.Oracle, goodputBudget, length)
	if err != nil {
		return err
	}
	out.Runs, out.Rate, out.Best = best.runs, best.rate, best.good
	out.Ratio = round(out.Best/out.Oracle, 3)
	b.result.Goodput = out
	return nil
}

// summit is the rate at which a gateway answers most in time.
type summit struct {
	rate, good float64
	runs       []openResult
}

// peak looks for the summit around an estimate of the capacity, and confirms it.
func (b *bench) peak(p *process, r request, estimate float64, budget, length time.Duration) (summit, error) {
	var top summit
	shares := []float64{0.8, 0.88, 0.95, 1.05, 1.2}
	if b.quick {
		shares = []float64{0.85, 1.05}
	}
	for _, share := range shares {
		run, err := b.openRun(p, r, share*estimate, openConns, length, budget)
		if err != nil {
			return top, err
		}
		top.runs = append(top.runs, run)
		if run.Good > top.good {
			top.good, top.rate = run.Good, share*estimate
		}
	}
	if top.good == 0 {
		return top, fmt.Errorf("no request of %d was answered within %v: %+v", top.runs[0].Requests, budget, top.runs[0])
	}
	// The best of several is too good by chance: measure its rate again.
	var again []openResult
	for range b.repeats() {
		run, err := b.openRun(p, r, top.rate, openConns, length, budget)
		if err != nil {
			return top, err
		}
		again = append(again, run)
	}
	top.runs = append(top.runs, again...)
	top.good = medianOf(again, func(r openResult) float64 { return r.Good })
	if top.good == 0 {
		return top, fmt.Errorf("of %d requests at a rate that went well before, none was answered within %v: %+v", again[0].Requests, budget, again[0])
	}
	return top, nil
}
