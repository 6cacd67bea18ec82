package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"sluice/loadtest/result"
)

// Phases of a search, in their order.
const (
	Grid     = "grid"
	Bisect   = "bisect"
	Confirm  = "confirm"
	Recovery = "recovery"
)

// Probe drives the target for length at a rate per second, with Poisson arrivals from seed,
// and returns what it found. An invalid run is not an error; an error ends the search.
type Probe func(ctx context.Context, rate float64, seed uint64, length time.Duration, phase string) (Measured, error)

// errSpent ends a phase when its share of the runs is used up; the search goes on with the next.
var errSpent = errors.New("all runs are used up")

// searcher is a search under way.
type searcher struct {
	o     Options
	probe Probe
	// runs are the calls so far and allowed their bound in this phase.
	runs, allowed int
	// points are the rates that were looked at, in that order, each once: a confirmation
	// replaces what the first look said.
	points []point
	// goods are right answers per second of the confirmations at the capacity.
	goods []float64
	out   result.Capacity
	clock clock
}

// point is what is known of a rate.
type point struct {
	rate    float64
	outcome outcome
	// invalid says that it is inconclusive because the generator was at fault.
	invalid bool
	m       Measured
}

// Find searches for the highest rate that holds the objective:
//
//   - a grid from the low rate by steps of 1.5, until two rates in a row fail. A batching server
//     may fail at a low rate, where batches wait for company, and pass at a higher one; so before
//     the first pass it takes three failures that get no better, or errors that show overload.
//     If nothing passed, the grid goes on below the low rate;
//   - then the widest gap between the highest pass, inconclusive rates above it and the lowest
//     failure above those is halved, until all gaps are within the precision: plain bisection
//     if nothing is inconclusive;
//   - then the highest rate that passed, or leans to it, is confirmed with other seeds, and
//     lowered by the precision and tried again if it does not hold each time;
//   - then Options.Recover is called with the first failing rate and half of it.
//
// If ctx ends or probe returns an error, Find returns that error together with what is known so
// far. Otherwise the result is nil only if the options are at fault.
func Find(ctx context.Context, o Options, probe Probe) (*result.Capacity, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &searcher{o: o, probe: probe}
	s.out.Objective = o.Objective.Text
	s.clock.total = Plan(o)
	err := s.search(ctx)
	s.conclude()
	return &s.out, err
}

func (s *searcher) search(ctx context.Context) error {
	// The confirmations may need more than one try.
	s.allowed = s.o.MaxRuns - max(s.o.Confirmations, min(3*s.o.Confirmations, s.o.MaxRuns/2))
	for _, phase := range []func(context.Context) error{s.grid, s.narrow} {
		if err := phase(ctx); err != nil && !errors.Is(err, errSpent) {
			return err
		}
	}
	s.allowed = s.o.MaxRuns
	if err := s.confirm(ctx); err != nil && !errors.Is(err, errSpent) {
		return err
	}
	return s.recover(ctx)
}

func (s *searcher) grid(ctx context.Context) error {
	var passed bool
	var fails, invalids int
	before := math.Inf(1)
	for rate := s.o.Low; ; rate *= gridFactor {
		last := s.o.High > 0 && rate >= s.o.High
		if last {
			rate = s.o.High
		}
		p, err := s.look(ctx, Grid, rate)
		if err != nil {
			return err
		}
		switch {
		case p.outcome == pass:
			passed, fails, invalids = true, 0, 0
		case p.outcome == fail:
			fails, invalids = fails+1, 0
			if share := p.m.overShare(); share < 0.9*before {
				fails, before = 1, share
			}
			last = last || !passed && p.m.overload(s.o.Objective.Errors)
		case p.invalid:
			invalids++
		default:
			invalids = 0
		}
		if last || invalids == 2 || fails == 3 || passed && fails == 2 {
			break
		}
	}
	if passed {
		return nil
	}
	rate := s.o.Low
	for range descents {
		rate /= gridFactor
		if p, err := s.look(ctx, Grid, rate); err != nil || p.outcome == pass {
			return err
		}
	}
	return nil
}

func (s *searcher) narrow(ctx context.Context) error {
	for {
		from, to := s.widestGap()
		if to <= from*(1+s.o.Precision) {
			return nil
		}
		s.clock.gap = to / from
		if _, err := s.look(ctx, Bisect, middle(from, to)); err != nil {
			return err
		}
	}
}

func (s *searcher) recover(ctx context.Context) error {
	high := s.firstFailure()
	if s.o.Recover == nil || high == 0 || s.best() == 0 {
		return nil
	}
	seconds, err := s.o.Recover(ctx, high, high/2)
	if err != nil {
		return fmt.Errorf("cannot time the recovery from %.4g/s: %w", high, err)
	}
	s.out.Recovery = &seconds
	s.report(result.Probe{
		Phase: Recovery, Rate: high / 2, Seconds: seconds,
		Why: fmt.Sprintf("held again %.3g s after the rate fell from %.4g/s to %.4g/s", seconds, high, high/2),
	}, pass)
	return nil
}

// look probes a rate, and longer if that does not tell enough: to twice the length, then four times.
func (s *searcher) look(ctx context.Context, phase string, rate float64) (point, error) {
	length := s.o.length(rate, s.o.ProbeLength)
	p := point{rate: rate}
	record := result.Probe{Phase: phase, Rate: rate, Seed: s.seed()}
	var err error
	for done := time.Duration(0); done < length<<extensions && p.outcome == inconclusive; {
		var m Measured
		more := max(length, done)
		if m, err = s.run(ctx, &record, more); err != nil {
			break
		}
		if !m.Valid {
			p.invalid, record.Why = true, invalidReason(m)
			if p.m.N == 0 {
				record = filled(record, m)
			}
			break
		}
		done += more
		p.m = p.m.merge(m)
		p.outcome, record.Why = judge(s.o.Objective, p.m)
		record = filled(record, p.m)
	}
	if record.Seconds == 0 {
		return p, err
	}
	s.settle(p)
	s.report(record, p.outcome)
	if errors.Is(err, errSpent) {
		err = nil // what there is counts; the next look says it again
	}
	return p, err
}

// run calls the probe function, and once more if the generator was at fault: what an invalid
// run measured is dropped. The record's time counts all runs.
func (s *searcher) run(ctx context.Context, record *result.Probe, length time.Duration) (m Measured, err error) {
	for range 2 {
		if s.runs == s.allowed {
			return m, errSpent
		}
		seed := s.seed()
		s.runs++
		if m, err = s.probe(ctx, record.Rate, seed, length, record.Phase); err != nil {
			return m, fmt.Errorf("cannot probe %.4g requests per second: %w", record.Rate, err)
		}
		record.Seconds += length.Seconds()
		if m.Valid {
			break
		}
	}
	return m, nil
}

// seed of the run that comes next. It is 32 bits long, so that it survives JSON readers that know doubles only.
func (s *searcher) seed() uint64 {
	return uint64(rand.New(rand.NewPCG(s.o.Seed, uint64(s.runs))).Uint32())
}
