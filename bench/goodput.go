package main

import (
	"fmt"
	"time"
)

// Goodput is a model whose weights exceed the caches, within a budget of 20 ms: how much of
// what this machine could answer in time is answered in time.
type Goodput struct {
	// Ratio is that at the offered rate at which the gateway does best: for each rate the
	// median of the turns, so that a lucky run does not count.
	Ratio float64 `json:"ratio"`
	// Share is that rate as a share of the oracle.
	Share   float64  `json:"share"`
	RawBest rawPoint `json:"raw_best"`
	Turns   []turn   `json:"turns"`
}

// turn compares the gateway with what the machine could do at that moment: both change with
// the neighbours that a machine has, by a tenth within seconds. So each run of the gateway is
// held against the model's cost right before and right after it.
type turn struct {
	Ceiling openResult `json:"ceiling"`
	// CPURow is the cost of a row in the best batch that fits the budget: one more than runs.
	CPURow []float64 `json:"raw_cpu_us_per_row"`
	// Oracle is, for each run, cores / (CPU of a row + the ceiling's CPU per request + the
	// generator's), as if no part ever waited.
	Oracle []float64 `json:"oracle_per_s"`
	// Sluice is one run for each of goodputShares.
	Sluice []openResult `json:"sluice"`
}

// ratio is the goodput at a rate as a share of the oracle.
func (t *turn) ratio(rate int) float64 { return round(t.Sluice[rate].Good/t.Oracle[rate], 3) }

// goodputShares are the offered rates as shares of the oracle.
var goodputShares = []float64{0.88, 0.94, 1, 1.06}

func oracle(cores int, row float64, ceiling openResult) float64 {
	return round(float64(cores)*1e6/(row+ceiling.ServerCPU+ceiling.CPU), 0)
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
	defer b.retire("large")
	gateway, limit, err := b.duel("large", binaryKind.within(goodputBudget))
	if err != nil {
		return err
	}
	defer limit.stop()
	out := &Goodput{RawBest: rows.cheapest(micros(goodputBudget))}
	estimate := float64(b.cores) * 1e6 / (out.RawBest.CPURow + 60)
	for range 2*b.repeats() - 1 {
		t, err := b.goodputTurn(limit, gateway.aim, out.RawBest.Rows, estimate)
		if err != nil {
			return err
		}
		out.Turns = append(out.Turns, t)
	}
	for i, share := range goodputShares {
		if ratio := medianOf(out.Turns, func(t turn) float64 { return t.ratio(i) }); ratio > out.Ratio {
			out.Ratio, out.Share = ratio, share
		}
	}
	b.result.Goodput = out
	return nil
}

// goodputTurn measures the oracle's parts and the gateway one right after the other.
func (b *bench) goodputTurn(limit, gateway aim, rows int, estimate float64) (t turn, err error) {
	length := pick(b, 4*time.Second, 2*time.Second)
	if t.Ceiling, err = b.openRun(limit, estimate, openConns, length/2, goodputBudget); err != nil {
		return t, err
	}
	before, err := b.rowCost(rows)
	if err != nil {
		return t, err
	}
	t.CPURow = append(t.CPURow, before)
	for _, share := range goodputShares {
		rate := share * oracle(b.cores, before, t.Ceiling)
		run, err := b.openRun(gateway, rate, openConns, length, goodputBudget)
		if err != nil {
			return t, err
		}
		after, err := b.rowCost(rows)
		if err != nil {
			return t, err
		}
		t.CPURow = append(t.CPURow, after)
		t.Oracle = append(t.Oracle, oracle(b.cores, (before+after)/2, t.Ceiling))
		t.Sluice = append(t.Sluice, run)
		before = after
	}
	return t, nil
}

// rowCost is what a row of the large model costs now, in microseconds of CPU.
func (b *bench) rowCost(rows int) (float64, error) {
	s, err := b.rawRun("large", rows, time.Second)
	if err != nil {
		return 0, err
	}
	return s.Points[0].CPURow, nil
}

// summit is the rate at which a gateway answers most in time.
type summit struct {
	rate, good float64
	runs       []openResult
}

// peak looks for the summit around an estimate of the capacity, and confirms it.
func (b *bench) peak(to aim, estimate float64, budget, length time.Duration) (summit, error) {
	var top summit
	for _, share := range pick(b, []float64{0.8, 0.88, 0.95, 1.05, 1.2}, []float64{0.85, 1.05}) {
		run, err := b.openRun(to, share*estimate, openConns, length, budget)
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
		run, err := b.openRun(to, top.rate, openConns, length, budget)
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
