package gates

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/units"
	"sluice/models/bundle"
	"sluice/models/inputs"
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
func (p *devicePass) warmup(ctx context.Context) (Verdict, error) {
	if len(p.rows) == 0 {
		return p.guess(), nil
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
		p.about.Curve = append(p.about.Curve, m.point())
		if cold, ran := p.cold[len(m.batch)]; ran {
			p.about.Cold = append(p.about.Cold, cost.Point{Rows: len(m.batch), P50: cold, P95: cold})
		}
	}
	p.about.Curve.Monotone()
	p.about.Measured = true
	p.bundle.Config.SettleBudget(p.about.Curve.At(1), p.opts.Defaults.MaxBudget)
	p.about.Target = p.target(p.bundle.Config.Budget / 2)
	return p.warmupVerdict(sweep), nil
}

// guess is the cost of a model that no row is known for: a tenth of the budget for the largest
// batch, half of that for one row. The first batches correct it.
func (p *devicePass) guess() Verdict {
	p.bundle.Config.SettleBudget(0, p.opts.Defaults.MaxBudget)
	guess := p.bundle.Config.Budget / 10
	p.about.Curve = cost.Curve{{Rows: 1, P50: guess / 2, P95: guess / 2}}
	most := max(1, p.bundle.Schema.MaxBatch)
	if sizes := p.about.Sizes; len(sizes) > 0 {
		most = sizes[len(sizes)-1]
	}
	if most > 1 {
		p.about.Curve = append(p.about.Curve, cost.Point{Rows: most, P50: guess, P95: guess})
	}
	p.about.Target = most
	return Verdict{
		Outcome: Skipped,
		Text:    fmt.Sprintf("no row is known that the model takes: costs start from a guess of %v a row and are corrected by the first batches; add a %s", units.Round(guess/2), bundle.GoldenFile),
	}
}

// sweepSizes are the batch sizes that are measured: those that the device takes, or a
// ladder of its own where it takes any. Those are left out that no run of such rows has.
func (p *devicePass) sweepSizes() []int {
	s := p.bundle.Schema
	sizes := p.about.Sizes
	if sizes == nil {
		sizes = cost.Sizes(s.MaxBatch)
	}
	if !s.Batchable() || len(p.rows) == 0 {
		return sizes
	}
	most := inputs.MostRows(inputs.LargestGroup(p.rows, s, true), s)
	if i := slices.IndexFunc(sizes, func(n int) bool { return n > most }); i > 0 {
		return sizes[:i]
	}
	return sizes
}

// target is the batch size of highest throughput within limit; one of the device's, if it
// does not take any.
func (p *devicePass) target(limit time.Duration) int {
	curve := p.about.Curve
	if p.about.Sizes == nil {
		return curve.Best(max(1, p.bundle.Schema.MaxBatch), limit)
	}
	best := p.about.Sizes[0]
	for _, size := range p.about.Sizes {
		if curve.At(size) <= limit && curve.RowsPerSecond(size) > curve.RowsPerSecond(best) {
			best = size
		}
	}
	return best
}

// sweep measures the sizes, without the largest ones of a slow model.
func (p *devicePass) sweep(ctx context.Context) ([]*measurement, error) {
	s := p.bundle.Schema
	rows := p.rows
	if s.Batchable() {
		rows = inputs.LargestGroup(rows, s, true)
	}
	start := p.stopwatch()
	if err := p.touchBuckets(ctx, rows, start); err != nil {
		return nil, err
	}
	var all []*measurement
	for _, size := range p.sweepSizes() {
		m := newMeasurement(rows, size)
		if err := p.settleIn(ctx, m); err != nil {
			return nil, err
		}
		all = append(all, m)
		// A ladder's size that is new to a device may cost it seconds: better now than in
		// a request's budget.
		if p.about.Sizes == nil && p.expired(start, p.opts.GateLimit) {
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

// touchBuckets runs a full batch of every padded length on every lane, so that no
// request pays for memory that grows or, on a device, for a shape that is new to it. It
// also finds a length that the model itself does not take. Short lengths come first;
// a quarter of warm-up's time is the bound.
func (p *devicePass) touchBuckets(ctx context.Context, rows []inputs.Request, start lap) error {
	s := p.bundle.Schema
	if s.Padding == nil {
		return nil
	}
	for _, length := range s.Padding.Buckets {
		if s.Lengths.TooLongFor(s.Padding, length) {
			return nil // no request has that length
		}
		long := inputs.StretchAll(rows, s.Padding, length)
		m := newMeasurement(long, inputs.MostRows(long, s))
		for lane := range p.lanes {
			if p.expired(start, p.opts.WarmupBudget/4) {
				return nil
			}
			if _, err := p.timeRun(ctx, lane, m); err != nil {
				return fmt.Errorf("padding.buckets has %d and a batch of that length fails: %w", length, err)
			}
		}
	}
	return nil
}

// settleIn runs a size on every lane, which touches their memory, and keeps a time, so
// that every size has one however little time is left.
func (p *devicePass) settleIn(ctx context.Context, m *measurement) error {
	start := p.stopwatch()
	for i := range max(discardedRuns, p.lanes) {
		// A slow model's first run says enough about it once all lanes are warm.
		if i >= p.lanes && p.expired(start, p.opts.WarmupBudget/10) {
			break
		}
		took, err := p.timeRun(ctx, i%p.lanes, m)
		if err != nil {
			return err
		}
		m.settle(took)
	}
	return nil
}

// round adds a round of runs, or what the time allows of it.
func (p *devicePass) round(ctx context.Context, m *measurement, start lap) error {
	for i := range runsPerRound {
		if p.expired(start, p.opts.WarmupBudget) {
			return nil
		}
		took, err := p.timeRun(ctx, i%p.lanes, m)
		if err != nil {
			return err
		}
		m.times = append(m.times, took)
	}
	return nil
}

// timeRun measures one run with its scatter. Tasks are prepared and released outside.
func (p *devicePass) timeRun(ctx context.Context, lane int, m *measurement) (time.Duration, error) {
	p.pace.rest(ctx)
	m.runs++
	tasks, parts := p.batch(m.batch)
	defer release(tasks)
	begin := clock.Now()
	err := p.run(ctx, lane, parts)
	return clock.Now().Sub(begin), err
}

func (p *devicePass) warmupVerdict(sweep []*measurement) Verdict {
	curve := p.about.Curve
	runs, unsteady := 0, 0
	for _, m := range sweep {
		runs += m.runs
		if !m.steady() {
			unsteady++
		}
	}
	first, last := curve[0], curve[len(curve)-1]
	text := fmt.Sprintf("%d runs of %s: 1 row in %v", runs, p.source, units.Round(first.P50))
	if len(curve) > 1 {
		text += fmt.Sprintf(", %d in %v; target batch %d", last.Rows, units.Round(last.P50), p.about.Target)
	}
	if budget := p.bundle.Config.Budget; first.P50 > budget {
		text += fmt.Sprintf("; one row already takes longer than the budget of %v", budget)
	}
	if unsteady > 0 {
		text += fmt.Sprintf("; %d of %d sizes were not steady within the time given", unsteady, len(curve))
	}
	if left := len(p.sweepSizes()) - len(curve); left > 0 {
		text += fmt.Sprintf("; the %d largest sizes were left out after %v and are extrapolated", left, p.opts.GateLimit)
	}
	return Verdict{Outcome: Passed, Text: text}
}
