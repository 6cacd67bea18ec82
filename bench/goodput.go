package main

import (
	"fmt"
	"time"
)

// Goodput is a model whose weights exceed the caches, within a budget of 20 ms: how much of
// what this machine could answer in time is answered in time.
type Goodput struct {
	// Ratio is the median of the turns'.
	Ratio   float64      `json:"ratio"`
	RawBest rawPoint     `json:"raw_best"`
	Rate    float64      `json:"rate_per_s"`
	Turns   []turn       `json:"turns"`
	Search  []openResult `json:"search"`
}

// turn compares the gateway with what the machine could do at that moment: both change with
// the neighbours that a machine has.
type turn struct {
	// Ratio is Sluice.Good / Oracle.
	Ratio float64 `json:"ratio"`
	// Oracle is cores / (CPU of a row in the best batch that fits the budget + the
	// ceiling's CPU per request + the generator's), as if no part ever waited.
	Oracle  float64    `json:"oracle_per_s"`
	CPURow  float64    `json:"raw_cpu_us_per_row"`
	Ceiling openResult `json:"ceiling"`
	Sluice  openResult `json:"sluice"`
}

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
	first, err := b.openRun(limit, r, float64(b.cores)*1e6/(out.RawBest.CPURow+30), openConns, length, goodputBudget)
	if err != nil {
		return err
	}
	best, err := b.search(gateway, r, oracle(b.cores, out.RawBest.CPURow, first), goodputBudget, length)
	if err != nil {
		return err
	}
	out.Rate, out.Search = best.rate, best.runs
	for range 2*b.repeats() - 1 {
		var t turn
		row, err := b.rawRun("large", out.RawBest.Rows, time.Second)
		if err != nil {
			return err
		}
		t.CPURow = row.Points[0].CPURow
		if t.Ceiling, err = b.openRun(limit, r, out.Rate, openConns, length/2, goodputBudget); err != nil {
			return err
		}
		if t.Sluice, err = b.openRun(gateway, r, out.Rate, openConns, length, goodputBudget); err != nil {
			return err
		}
		t.Oracle = oracle(b.cores, t.CPURow, t.Ceiling)
		t.Ratio = round(t.Sluice.Good/t.Oracle, 3)
		out.Turns = append(out.Turns, t)
	}
	out.Ratio = medianOf(out.Turns, func(t turn) float64 { return t.Ratio })
	b.result.Goodput = out
	return nil
}

// summit is the rate at which a gateway answers most in time.
type summit struct {
	rate, good float64
	runs       []openResult
}

// search looks for the summit around an estimate of the capacity.
func (b *bench) search(p *process, r request, estimate float64, budget, length time.Duration) (summit, error) {
	var top summit
	shares := []float64{0.8, 0.88, 0.95, 1.05, 1.2}
	if b.quick {
		shares = []float64{0.9, 1.05}
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
	return top, nil
}

// peak is the summit, measured again: the best of several is too good by chance.
func (b *bench) peak(p *process, r request, estimate float64, budget, length time.Duration) (summit, error) {
	top, err := b.search(p, r, estimate, budget, length)
	if err != nil {
		return top, err
	}
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
