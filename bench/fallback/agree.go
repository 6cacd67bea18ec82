package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"sluice/plan"
	"sluice/plan/sim"
)

// agreement compares a turn with what `sluice plan` says of the same arrivals and the measured
// costs.
type agreement struct {
	load
	Goodput     float64 `json:"goodput_per_s"`
	Planned     float64 `json:"planned_goodput_per_s"`
	P99         float64 `json:"p99_ms"`
	PlannedP99  float64 `json:"planned_p99_ms"`
	OnCPU       float64 `json:"cpu_share"`
	PlannedCPU  float64 `json:"planned_cpu_share"`
	GoodputDiff float64 `json:"goodput_difference"`
	P99Diff     float64 `json:"p99_difference"`
}

// agree serves a load with spilling and plans it.
func (r *rig) agree(l load, length time.Duration, seed uint64) (agreement, error) {
	const warm = time.Second
	real, err := r.serve(spilling, l, length, seed)
	if err != nil {
		return agreement{}, err
	}
	recorded := &plan.Trace{Models: []string{"model"}}
	for _, at := range gaps(l, r.gpuRate, warm+length, seed) {
		recorded.Arrivals = append(recorded.Arrivals, sim.Arrival{At: at, Rows: 1, Budget: budget})
		recorded.Length = at
	}
	study := plan.Study{
		Fleet:  []plan.Group{{Kind: gpuName, Count: 1}, {Kind: cpuName, Count: 1, Lanes: r.lanes}},
		Costs:  plan.Costs{gpuName: {plan.AnyModel: r.gpu}, cpuName: {plan.AnyModel: r.cpu}},
		Models: []plan.Model{{Name: "model", MaxBatch: maxBatch}},
		Trace:  recorded, Budget: budget, Warmup: warm, Length: length, Seed: seed,
	}
	planned, err := study.Run(context.Background())
	if err != nil {
		return agreement{}, fmt.Errorf("cannot plan: %w", err)
	}
	a := agreement{load: l, Goodput: real.Goodput, Planned: planned.Goodput, P99: real.P99, OnCPU: real.OnCPU}
	if planned.Latency.P99 != nil {
		a.PlannedP99 = planned.Latency.P99.Seconds() * 1e3
	}
	for _, d := range planned.Devices {
		if d.Kind == cpuName {
			a.PlannedCPU = d.Share
		}
	}
	a.GoodputDiff = math.Abs(a.Planned/a.Goodput - 1)
	a.P99Diff = math.Abs(a.PlannedP99/a.P99 - 1)
	return a, nil
}

// middleAgreement is the turn whose goodput is the median's.
func (r *rig) middleAgreement(l load, length time.Duration) (agreement, error) {
	var all []agreement
	for turn := range turns {
		a, err := r.agree(l, length, 100+uint64(turn))
		if err != nil {
			return a, err
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b agreement) int { return cmp.Compare(a.Goodput/a.Planned, b.Goodput/b.Planned) })
	return all[len(all)/2], nil
}
