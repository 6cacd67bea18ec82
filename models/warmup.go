package models

import (
	"context"
	"fmt"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
)

// The sweep goes round by round over all sizes, not size by size: a disturbance from
// outside then touches all of them a little instead of one of them wholly, and caches
// see batches of changing size, as they do in service.
const (
	discardedRuns = 3
	runsPerRound  = 10
	minRounds     = 3
	maxRounds     = 8
	// steadyRatio is how close the medians of a size's two quickest rounds are when its
	// time counts as known.
	steadyRatio = 1.10
)

// warmup runs every batch size on every lane until times are steady and keeps the
// medians as the first cost curve. Time is measured over run and scatter, as the
// scheduler will see it.
func (p *prover) warmup(ctx context.Context) (Verdict, error) {
	if len(p.rows) == 0 {
		return Verdict{Outcome: Skipped, Text: "no row is known that the model takes: costs are learned from traffic; add a " + GoldenFile}, nil
	}
	select {
	case p.measuring <- struct{}{}:
		defer func() { <-p.measuring }()
	case <-ctx.Done():
		return Verdict{}, fmt.Errorf("loading was stopped: %w", ctx.Err())
	}
	sweep, err := p.sweep(ctx)
	if err != nil {
		return Verdict{}, err
	}
	for _, m := range sweep {
		p.report.Curve = append(p.report.Curve, m.point())
	}
	p.report.Curve.Monotone()
	p.report.Target = p.report.Curve.Best(max(1, p.bundle.Schema.MaxBatch), p.bundle.Config.Budget/2)
	return p.warmupVerdict(sweep), nil
}

// sweep measures the sizes, without the largest ones of a slow model.
func (p *prover) sweep(ctx context.Context) ([]*measurement, error) {
	s := p.bundle.Schema
	rows := p.rows
	if s.Batchable() {
		rows = largestGroup(rows, s.Padding, true)
	}
	start := p.watch()
	if err := p.touchBuckets(ctx, rows, start); err != nil {
		return nil, err
	}
	var all []*measurement
	for _, size := range cost.Sizes(s.MaxBatch) {
		m := newMeasurement(rows, size)
		if err := p.settleIn(ctx, m); err != nil {
			return nil, err
		}
		all = append(all, m)
		if p.expired(start, p.opts.GateLimit) {
			break
		}
	}
	for range maxRounds {
		unsteady := 0
		for _, m := range all {
			if m.steady() {
				continue
			}
			unsteady++
			if err := p.round(ctx, m, start); err != nil {
				return nil, err
			}
		}
		if unsteady == 0 || p.expired(start, p.opts.WarmupBudget) {
			break
		}
	}
	return all, nil
}

// settleIn runs a size on every lane, which touches their memory, and keeps a time, so
// that every size has one however little time is left.
func (p *prover) settleIn(ctx context.Context, m *measurement) error {
	start := p.watch()
	for i := range max(discardedRuns, p.opts.Lanes) {
		// A slow model's first run says enough about it once all lanes are warm.
		if i >= p.opts.Lanes && p.expired(start, p.opts.WarmupBudget/10) {
			break
		}
		took, err := p.timeRun(ctx, i%p.opts.Lanes, m)
		if err != nil {
			return err
		}
		m.settle(took)
	}
	return nil
}

// round adds a round of runs, or what the time allows of it.
func (p *prover) round(ctx context.Context, m *measurement, start stopwatch) error {
	for i := range runsPerRound {
		if p.expired(start, p.opts.WarmupBudget) {
			return nil
		}
		took, err := p.timeRun(ctx, i%p.opts.Lanes, m)
		if err != nil {
			return err
		}
		m.times = append(m.times, took)
	}
	return nil
}

// timeRun measures one run with its scatter. Tasks are prepared and released outside.
func (p *prover) timeRun(ctx context.Context, lane int, m *measurement) (time.Duration, error) {
	p.pace.rest(ctx)
	m.runs++
	tasks, parts := p.batch(m.batch)
	defer release(tasks)
	begin := clock.Now()
	err := p.run(ctx, lane, parts)
	return clock.Now().Sub(begin), err
}

func (p *prover) warmupVerdict(sweep []*measurement) Verdict {
	curve := p.report.Curve
	runs, unsteady := 0, 0
	for _, m := range sweep {
		runs += m.runs
		if !m.steady() {
			unsteady++
		}
	}
	first, last := curve[0], curve[len(curve)-1]
	text := fmt.Sprintf("%d runs of %s: 1 row in %v", runs, p.source, round(first.P50))
	if len(curve) > 1 {
		text += fmt.Sprintf(", %d in %v; target batch %d", last.Rows, round(last.P50), p.report.Target)
	}
	if budget := p.bundle.Config.Budget; first.P50 > budget {
		text += fmt.Sprintf("; one row already takes longer than the budget of %v", budget)
	}
	if unsteady > 0 {
		text += fmt.Sprintf("; %d of %d sizes were not steady within the time given", unsteady, len(curve))
	}
	if left := len(cost.Sizes(p.bundle.Schema.MaxBatch)) - len(curve); left > 0 {
		text += fmt.Sprintf("; the %d largest sizes were left out after %v and are extrapolated", left, p.opts.GateLimit)
	}
	return Verdict{Outcome: Passed, Text: text}
}
