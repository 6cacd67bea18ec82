package main

import (
	"fmt"
	"time"

	"sluice/internal/onnxgen"
)

// Overload is a model so heavy that HTTP costs nothing beside it, offered far more than it
// can do: goodput must stay, and refusals must come at once.
type Overload struct {
	Ratio3x float64 `json:"ratio_3x"`
	Ratio5x float64 `json:"ratio_5x"`
	// ShedP99 is the slower of the two rates' 99th percentiles of 429s.
	ShedP99  float64      `json:"shed_p99_ms"`
	Peak     float64      `json:"peak_per_s"`
	Depth    int          `json:"model_depth"`
	RawBest  rawPoint     `json:"raw_best"`
	Estimate float64      `json:"estimate_per_s"`
	At3x     openResult   `json:"at_3x"`
	At5x     openResult   `json:"at_5x"`
	Runs     []openResult `json:"runs"`
}

const (
	// overloadCapacity is what the heavy model is made to do, in rows per second of the
	// whole machine: so few that five times as many requests cost little to refuse, and to send.
	overloadCapacity = 300
	// overloadBudget is the budget that requests get unless they ask for another.
	overloadBudget = 100 * time.Millisecond
)

// heavyNetwork repeats one layer of 1 MB so often that the machine does about
// overloadCapacity rows a second.
func heavyNetwork(depth int) onnxgen.MLP {
	return onnxgen.MLP{Layers: []int{inputs, 512, 1}, Repeat: depth, Seed: 3}
}

func (b *bench) overload() error {
	depth, err := b.calibrate()
	if err != nil {
		return err
	}
	if err := heavyNetwork(depth).Write(b.bundle("heavy"), "1"); err != nil {
		return err
	}
	rows, err := b.sweep("heavy")
	if err != nil {
		return err
	}
	b.retire("mlp")
	defer b.retire("heavy")
	gateway, err := b.ask("heavy", binaryKind)
	if err != nil {
		return err
	}
	out := &Overload{Depth: depth, RawBest: rows.cheapest(micros(overloadBudget) / 2)}
	out.Estimate = round(float64(b.cores)*1e6/(out.RawBest.CPURow+30), 0)
	length := pick(b, 4*time.Second, 2*time.Second)
	top, err := b.peak(gateway.aim, out.Estimate, overloadBudget, length)
	if err != nil {
		return err
	}
	out.Runs, out.Peak = top.runs, top.good
	if out.At3x, err = b.openRun(gateway.aim, 3*top.good, openConns, 2*length, overloadBudget); err != nil {
		return err
	}
	if out.At5x, err = b.openRun(gateway.aim, 5*top.good, openConns, 2*length, overloadBudget); err != nil {
		return err
	}
	if out.At3x.ShedP99 == 0 || out.At5x.ShedP99 == 0 {
		return fmt.Errorf("too few refusals at 3 and 5 times the capacity for their 99th percentiles: %v and %v", out.At3x.Status, out.At5x.Status)
	}
	out.Peak = max(out.Peak, out.At3x.Good, out.At5x.Good)
	out.Ratio3x, out.Ratio5x = round(out.At3x.Good/out.Peak, 3), round(out.At5x.Good/out.Peak, 3)
	out.ShedP99 = max(out.At3x.ShedP99, out.At5x.ShedP99)
	b.result.Overload = out
	return nil
}

// calibrate finds how deep the heavy model must be for this machine to do so many rows a
// second in batches that take at most half of the budget.
func (b *bench) calibrate() (int, error) {
	const probe = 16
	if err := heavyNetwork(probe).Write(b.bundle("probe"), "1"); err != nil {
		return 0, err
	}
	rows, err := b.sweep("probe")
	if err != nil {
		return 0, err
	}
	depth := probe
	for b.capacity(rows, float64(depth+1)/probe) > overloadCapacity {
		depth++
	}
	return depth, nil
}

// capacity is what the machine can do, in rows per second, with batches that cost so
// many times what was measured.
func (b *bench) capacity(rows *sweep, times float64) (most float64) {
	for _, p := range rows.Points {
		if batch := p.CPURow * float64(p.Rows) * times; p.Rows == 1 || batch <= micros(overloadBudget)/2 {
			most = max(most, float64(b.cores*p.Rows)/batch*1e6)
		}
	}
	return most
}
