package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
)

// A size is steady when two windows of runs in a row have medians within steadyRatio.
const (
	discardedRuns = 3
	steadyWindow  = 10
	steadyRatio   = 1.10
	maxRuns       = 60
)

// warmup runs every batch size on every lane until times are steady and keeps the
// medians as the first cost curve. Time is measured over run and scatter, as the
// scheduler will see it.
func (p *prover) warmup(ctx context.Context) (Verdict, error) {
	if len(p.rows) == 0 {
		return Verdict{Outcome: Skipped, Text: "no row is known that the model takes: costs are learned from traffic; add a " + GoldenFile}, nil
	}
	s := p.bundle.Schema
	rows := p.rows
	if s.Batchable() {
		rows = largestGroup(rows, s.Padding, true)
	}
	sizes := cost.Sizes(s.MaxBatch)
	start := clock.Now()
	unsteady, runs := 0, 0
	for i, size := range sizes {
		left := p.opts.WarmupBudget - clock.Now().Sub(start)
		m, err := p.measure(ctx, rows, size, left/time.Duration(len(sizes)-i))
		if err != nil {
			return Verdict{}, err
		}
		runs += m.runs
		if !m.steady {
			unsteady++
		}
		p.report.Curve = append(p.report.Curve, m.point)
		if p.expired(start, p.opts.GateLimit) {
			break
		}
	}
	p.report.Curve.Monotone()
	p.report.Target = p.report.Curve.Best(max(1, s.MaxBatch), p.bundle.Config.Budget/2)
	return p.warmupVerdict(sizes, runs, unsteady), nil
}

func (p *prover) warmupVerdict(sizes []int, runs, unsteady int) Verdict {
	curve := p.report.Curve
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
	if left := len(sizes) - len(curve); left > 0 {
		text += fmt.Sprintf("; the %d largest sizes were left out after %v and are extrapolated", left, p.opts.GateLimit)
	}
	return Verdict{Outcome: Passed, Text: text}
}

// measurement is what one batch size cost.
type measurement struct {
	point  cost.Point
	runs   int
	steady bool
}

// measure runs one batch size: a few runs on every lane that do not count, two that
// always do, and more until times are steady or the share of time is over.
func (p *prover) measure(ctx context.Context, rows []sample, size int, share time.Duration) (measurement, error) {
	batch := make([]sample, size)
	for i := range batch {
		batch[i] = rows[i%len(rows)]
	}
	start := clock.Now()
	for i := range max(discardedRuns, p.opts.Lanes) {
		if i >= p.opts.Lanes && p.expired(start, share/2) {
			break
		}
		if _, err := p.timeRun(ctx, i%p.opts.Lanes, batch); err != nil {
			return measurement{}, err
		}
	}
	var m measurement
	var times []time.Duration
	for len(times) < maxRuns && !m.steady && (len(times) < 2 || !p.expired(start, share)) {
		d, err := p.timeRun(ctx, len(times)%p.opts.Lanes, batch)
		if err != nil {
			return m, err
		}
		times = append(times, d)
		m.steady = steady(times)
	}
	m.runs = len(times)
	last := times[max(0, len(times)-2*steadyWindow):]
	m.point = cost.Point{Rows: size, P50: quantile(last, 0.5), P95: quantile(last, 0.95)}
	return m, nil
}

// timeRun measures one run with its scatter. Tasks are prepared and released outside.
func (p *prover) timeRun(ctx context.Context, lane int, batch []sample) (time.Duration, error) {
	tasks, parts := p.batch(batch)
	defer release(tasks)
	begin := clock.Now()
	err := p.run(ctx, lane, parts)
	return clock.Now().Sub(begin), err
}

// steady compares the last two windows of runs.
func steady(times []time.Duration) bool {
	n := len(times)
	if n < 2*steadyWindow {
		return false
	}
	before := quantile(times[n-2*steadyWindow:n-steadyWindow], 0.5)
	now := quantile(times[n-steadyWindow:], 0.5)
	return float64(max(before, now)) <= steadyRatio*float64(min(before, now))
}

// quantile is the nearest-rank quantile of a short list.
func quantile(times []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	rank := int(q*float64(len(sorted)) + 0.999999)
	return sorted[min(max(rank, 1), len(sorted))-1]
}
