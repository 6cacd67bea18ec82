package serve

import (
	"sync/atomic"
	"time"

	"sluice/features"
	"sluice/features/fill"
	"sluice/features/spec"
	"sluice/gateway"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/models"
)

// filled is how a version's inputs are filled.
type filled struct {
	filler *fill.Filler
	groups []*features.Group
	runs   quantile // what the queue and the run take
}

// newFilled joins a version's plan to the stores; nil if it has none.
func (s *Server) newFilled(v *models.Version) (*filled, error) {
	if v.Features == nil {
		return nil, nil
	}
	f := &filled{}
	for i := range v.Features.Groups {
		p := &v.Features.Groups[i]
		g, err := s.features.Group(p.Store, p.Of, groupOptions(p))
		if err != nil {
			f.release()
			return nil, fault.New(fault.ModelLoadFailed, err.Error())
		}
		f.groups = append(f.groups, g)
	}
	f.filler = fill.New(v.Features, v.Name, s.features, f.groups)
	return f, nil
}

func groupOptions(p *spec.GroupPlan) features.GroupOptions {
	return features.GroupOptions{Budget: p.Budget, MaxAge: p.MaxAge, TTL: p.Cache.TTL, NegativeTTL: p.Cache.Negative}
}

func (f *filled) release() {
	for _, g := range f.groups {
		g.Release()
	}
}

// fill is the gateway's Fill; nil if no input is filled.
func (f *filled) fill() func(*gateway.Exchange) (gateway.Step, error) {
	if f == nil {
		return nil
	}
	return f.begin
}

// begin begins to fill an exchange's inputs.
func (f *filled) begin(x *gateway.Exchange) (gateway.Step, error) {
	one := f.filler.Get()
	one.For = x
	if !one.Begin(x.Task, f.until(x.Task), f) {
		return gateway.Pending, nil // one may be another's
	}
	return gateway.GoesOn, complete(x, one)
}

// until is by when a task's rows must have come for its answer to be in time, as long as runs have taken lately.
func (f *filled) until(t *task.Task) clock.Instant { return t.Deadline.Add(-f.runs.value()) }

// Fetched goes on with an exchange whose rows have come, unless it has been left.
func (f *filled) Fetched(one *fill.Fill) {
	x := one.For.(*gateway.Exchange)
	if !x.TryTake() {
		one.Release()
		x.Filled(nil)
		return
	}
	x.Filled(complete(x, one))
}

func complete(x *gateway.Exchange, one *fill.Fill) error {
	d := x.Target()
	err := one.Complete(&d)
	x.Filling = gateway.Filled(one.Counts)
	one.Release()
	return err
}

// observe learns what the queue and the run of an answered request took.
func (f *filled) observe(t *task.Trace) {
	if t.Done > t.Queued {
		f.runs.observe(t.Done.Sub(t.Queued))
	}
}

// quantile is a running estimate of what 99 of 100 durations do not pass, by stochastic approximation (Robbins and Monro,
// 1951): it goes up by much for one above it and down by little for one below, so that it stands still where one of a
// hundred is above. Observations that cross lose one of them, which does no harm.
type quantile struct{ estimate atomic.Int64 }

func (q *quantile) value() time.Duration { return time.Duration(q.estimate.Load()) }

func (q *quantile) observe(d time.Duration) {
	now := q.value()
	const pace = 8 // the part of the estimate that one observation above it adds
	switch {
	case now == 0:
		now = d
	case d > now:
		now += min(now/pace, d-now)
	default:
		now -= max(now/pace/99, 1)
	}
	q.estimate.Store(max(int64(now), 1))
}
