package plan

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"sluice/internal/cost"
	"sluice/plan/sim"
)

// Run simulates the study.
func (s Study) Run(ctx context.Context) (*Outcome, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	models := s.all()
	cfg, tuning := s.simulation(models)
	scheduler, err := sim.NewScheduler(cfg, tuning)
	if err != nil {
		return nil, err
	}
	cfg.Streams = s.streams(ctx, models)
	o := newObserver(s, scheduler, cfg, models)
	result, err := sim.Run(cfg, o)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the simulation was given up: %w", err)
	}
	if len(result.Faults) > 0 {
		return nil, fmt.Errorf("BUG: the scheduler broke a rule of the simulation: %w", errors.New(result.Faults[0]))
	}
	out := o.outcome()
	if out.Counts != (Counts{result.Arrived, result.OK, result.Late, result.Dropped, result.Refused}) {
		return nil, fmt.Errorf("BUG: the tally %+v is not the simulation's own %+v", out.Counts, result.Count)
	}
	return out, nil
}

// simulation is the configuration without its streams.
func (s Study) simulation(models []Model) (sim.Config, sim.Tuning) {
	var all []cost.Curve
	for _, m := range models {
		all = append(all, s.curves(m.Name)...)
	}
	noise := measuredNoise(all)
	if s.Noise != nil {
		noise = *s.Noise
	}
	cfg := sim.Config{Noise: noise, Seed: s.Seed, Warmup: s.Warmup, Length: s.length()}
	tuning := sim.Tuning{SpreadAfter: s.SpreadAfter, Prefer: s.Prefer}
	cfg.Models = make([]sim.Model, len(models))
	tuning.Seeds = make([][]cost.Curve, len(models))
	for i, m := range models {
		cfg.Models[i] = sim.Model{Name: m.Name, MaxBatch: m.MaxBatch}
		tuning.Budgets = append(tuning.Budgets, m.Budget-s.Overhead)
		tuning.Weights = append(tuning.Weights, m.Weight)
	}
	for _, g := range s.Fleet {
		for n := range g.Count {
			cfg.Devices = append(cfg.Devices, sim.Device{Name: deviceName(g, n), Kind: g.Kind, Lanes: max(g.Lanes, 1), Contention: g.Contention, Price: g.Price})
			for i, m := range models {
				var truth, seed cost.Curve
				if c := s.Costs.of(g.Kind, m.Name); len(c) > 0 {
					truth, seed = c, swept(c, noise)
				}
				cfg.Models[i].Curves = append(cfg.Models[i].Curves, truth)
				tuning.Seeds[i] = append(tuning.Seeds[i], seed)
			}
		}
	}
	return cfg, tuning
}

func deviceName(g Group, n int) string {
	if g.Count == 1 {
		return g.Kind
	}
	return g.Kind + ":" + strconv.Itoa(n)
}

// streams are the sources of the traffic; each draws from a generator of its own.
func (s Study) streams(ctx context.Context, models []Model) []sim.Stream {
	index := func(name string) int {
		return slices.IndexFunc(models, func(m Model) bool { return m.Name == name })
	}
	var most []int
	var budgets []time.Duration
	for _, m := range models {
		most, budgets = append(most, m.MaxBatch), append(budgets, m.Budget)
	}
	var streams []sim.Stream
	add := func(source sim.Source) {
		streams = append(streams, sim.Stream{Source: &parts{Source: source, ctx: ctx, most: most}})
	}
	const firstSeed = 1000 // the simulation itself uses the small ones
	for i, t := range s.Traffic {
		m := index(t.Model)
		add(s.requests(t, m, budgets[m], firstSeed+uint64(i)))
	}
	if s.Trace != nil {
		var of []int
		for _, name := range s.Trace.Models {
			of = append(of, index(name))
		}
		add(s.replay(s.Trace, of, budgets, rand.New(rand.NewPCG(s.Seed, firstSeed-1))))
	}
	return streams
}
