package serve

import (
	"fmt"
	"runtime/debug"
	"time"

	"sluice/batcher"
	"sluice/features"
	"sluice/features/fill"
	"sluice/features/spec"
	"sluice/gateway"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/origin"
	"sluice/internal/task"
	"sluice/models"
	"sluice/shadow"
)

// filled is how a version's inputs are filled.
type filled struct {
	filler *fill.Filler
	groups []*features.Group
	plan   *spec.Plan
	logged bool // what becomes of each value is recorded
	queue  *batcher.Model
	mirror *shadow.Mirror
}

// newFilled joins a version's plan to the stores; nil if it has none.
func (s *Server) newFilled(v *models.Version) (*filled, error) {
	if v.Features == nil {
		return nil, nil
	}
	f, err := s.join(v.Features)
	if err != nil {
		return nil, fault.New(fault.ModelLoadFailed, err.Error())
	}
	f.filler = fill.New(v.Features, v.Name, s.features, f.groups)
	return f, nil
}

// join finds the groups of a plan in the stores.
func (s *Server) join(plan *spec.Plan) (*filled, error) {
	f := &filled{plan: plan, logged: s.cfg.PredictionLog.Dir != "", mirror: s.mirror}
	for i := range plan.Groups {
		p := &plan.Groups[i]
		g, err := s.features.Group(p.Store, p.Of, groupOptions(p, s.o.Patience))
		if err != nil {
			f.release()
			return nil, err
		}
		f.groups = append(f.groups, g)
	}
	return f, nil
}

func groupOptions(p *spec.GroupPlan, patience time.Duration) features.GroupOptions {
	return features.GroupOptions{Budget: max(p.Budget, patience), MaxAge: p.MaxAge, TTL: p.Cache.TTL, NegativeTTL: p.Cache.Negative}
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

// columns are the plan's; nil if no input is filled.
func (f *filled) columns() []origin.Column {
	if f == nil {
		return nil
	}
	return f.plan.Columns
}

// begin begins to fill an exchange's inputs.
func (f *filled) begin(x *gateway.Exchange) (gateway.Step, error) {
	one := f.filler.Get()
	one.For = x
	resolved := f.resolved(x)
	if resolved {
		x.Sent.Keep(x.Task)
	}
	if f.logged || x.Explain || resolved {
		one.Trail = &x.Trail
	}
	d := x.Target()
	switch ready, err := one.Begin(&d, f.until(x.Task), f); {
	case err != nil:
		one.Release()
		return gateway.Ends, err
	case !ready:
		return gateway.Pending, nil // one may be another's
	}
	return gateway.GoesOn, complete(x, one)
}

// resolved reports whether a shadow is going to fill the inputs of the same request.
func (f *filled) resolved(x *gateway.Exchange) bool {
	e := &x.Exposure
	return ofLive(x) && f.mirror.Resolves(x.Model.Info().Name, x.ID, e.Known, e.Hash)
}

// until is by when a task's rows must have come for its answer to be in time, as the queue looks now.
func (f *filled) until(t *task.Task) clock.Instant {
	return t.Deadline.Add(-f.queue.Expect(max(t.Rows, 1)))
}

// Fetched goes on with an exchange whose rows have come, unless it has been left.
func (f *filled) Fetched(one *fill.Fill) {
	x := one.For.(*gateway.Exchange)
	if !x.TryTake() {
		one.Release()
		x.Filled(nil)
		return
	}
	x.Filled(guarded(x, one))
}

// guarded is complete on a goroutine of the stores, which a panic must not end.
func guarded(x *gateway.Exchange, one *fill.Fill) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fault.Wrap(fault.Internal, fmt.Errorf("filling panicked: %v\n%s", reason, debug.Stack()), "internal error")
		}
	}()
	return complete(x, one)
}

func complete(x *gateway.Exchange, one *fill.Fill) error {
	d := x.Target()
	err := one.Complete(&d)
	x.Filling = gateway.Filled(one.Counts)
	one.Release()
	return err
}
