package rollouts

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/models/roles"
	"sluice/rollout"
)

// Shadows has what shadow comparisons have shown.
type Shadows interface {
	// Evidence is that of a version against the live one. Why says why there is none; empty if there is.
	Evidence(model, version string) (units int64, judged []rollout.Judgement, why string)
}

// Options are what a Runner needs.
type Options struct {
	Registry *models.Registry
	Log      *zap.Logger
	// Shadows may be nil: nothing is shadowed then.
	Shadows Shadows
	// Replay answers a task on a version, in the lowest class.
	Replay func(v *models.Version, t *task.Task) error
	// Every is the time between two looks at the plans. Default 250 ms.
	Every time.Duration
}

// samplesWaiting is how many requests may wait to be counted: those of a second at full speed.
const samplesWaiting = 8192

// Runner runs the plans of all models.
type Runner struct {
	opts    Options
	watched atomic.Pointer[map[*models.Version]*watch]
	views   atomic.Pointer[map[string]view]
	samples chan sample
	lost    atomic.Int64
	// probing holds a token while an answer that is not finite is asked of the live version; probed has what came of it.
	probing chan struct{}
	probed  chan *probe
	probes  sync.WaitGroup

	// What follows belongs to Run.
	tallies map[string]*rollout.Tally
	runs    bool              // whether it held the lease at the last look
	told    map[string]string // what was last said of each model that could not go on
}

// New makes a runner that does nothing before Run.
func New(o Options) *Runner {
	o.Every = cmp.Or(o.Every, 250*time.Millisecond)
	return &Runner{
		opts: o, samples: make(chan sample, samplesWaiting), probing: make(chan struct{}, 1), probed: make(chan *probe, 1),
		tallies: map[string]*rollout.Tally{}, told: map[string]string{},
	}
}

// Run carries out plans until ctx ends.
func (r *Runner) Run(ctx context.Context) {
	defer r.probes.Wait()
	defer r.watched.Store(nil)
	tick := time.NewTicker(r.opts.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-r.samples:
			if t := r.tallies[s.model]; t != nil && t == s.watch.tally {
				t.Add(time.Now(), &s.Sample)
			}
		case p := <-r.probed:
			if t := r.tallies[p.model]; t != nil && t == p.watch.tally && p.worse {
				t.NotFinite()
			}
		case <-tick.C:
			r.look()
		}
	}
}

// look goes through the plans once.
func (r *Runner) look() {
	holds := r.opts.Registry.Roles().Holds()
	if holds != r.runs {
		r.runs = holds
		clear(r.tallies)
	}
	var all []models.Planned
	if holds {
		all = r.opts.Registry.Plans()
	}
	lost := r.lost.Swap(0)
	views := map[string]view{}
	next := map[string]*rollout.Tally{}
	for i := range all {
		p, plan := &all[i], PlanOf(&all[i])
		m := r.model(p, &plan)
		if t := r.tallies[p.Model]; t != nil && m.State != nil && t.Of(m.State) {
			t.Lose(lost)
		}
		if d := plan.Next(now(), m); d != nil && r.advance(p, &plan, d) {
			m.State = d.To
		}
		if t := r.tally(p, &plan, m.State); t != nil {
			next[p.Model] = t
			m.Evidence = t.Evidence(now())
		}
		views[p.Model] = view{plan, *m}
	}
	r.tallies = next
	r.watch(all)
	r.views.Store(&views)
}

// now is the time as the roles keep it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// tally is the one of the plan's state: a new one where the state is new. Nil if no canary is watched.
func (r *Runner) tally(p *models.Planned, plan *rollout.Plan, s *rollout.State) *rollout.Tally {
	before := r.tallies[p.Model]
	switch {
	case s == nil || s.Phase != rollout.Canary:
		return nil
	case before != nil && before.Of(s):
		return before
	}
	if before == nil {
		r.opts.Log.Info("this gateway watches a canary for a plan, on the units that it answers itself",
			zap.String("model", p.Model), zap.String("version", s.Version), zap.Int("step", s.Step))
	}
	return rollout.NewTally(plan, *s, now(), before)
}

// model is what the plan has to know.
func (r *Runner) model(p *models.Planned, plan *rollout.Plan) *rollout.Model {
	m := &rollout.Model{State: StateOf(p.Plan), Held: p.Held, Ready: p.Version != nil && p.Base != nil, Difference: p.Difference}
	if p.Candidate != nil {
		m.Candidate = &rollout.Ref{Version: p.Candidate.Version, Digest: p.Candidate.Digest}
	}
	if m.State == nil {
		return m
	}
	if t := r.tallies[p.Model]; t != nil {
		m.Evidence = t.Evidence(now())
	}
	if m.State.Phase == rollout.Shadow {
		e := rollout.Evidence{Of: *m.State, NoShadow: noMirror}
		if r.opts.Shadows != nil {
			e.ShadowUnits, e.Judged, e.NoShadow = r.opts.Shadows.Evidence(p.Model, m.State.Version)
		}
		m.Evidence = e
	}
	return m
}

const noMirror = "this gateway mirrors no requests; set rollout.skip_shadow to begin with the canary"

// advance writes a step down, which carries it out. It reports whether that was done.
func (r *Runner) advance(p *models.Planned, plan *rollout.Plan, d *rollout.Decision) bool {
	step := &models.PlanStep{
		Ref: roles.Ref{Version: d.Ref.Version, Digest: d.Ref.Digest}, From: p.Plan, To: planFrom(d.To), Action: string(d.Action), Share: d.Share,
		Shadow: d.Action == rollout.Begin, Promote: d.Action == rollout.Promote, Reject: d.Action == rollout.Back, Withdraw: d.Withdraw,
	}
	err := r.opts.Registry.Advance(p.Model, step, models.By{Who: Who, Reason: d.Criterion + ": " + d.Sentence})
	fields := []zap.Field{
		zap.String("model", p.Model), zap.String("version", d.Ref.Version), zap.String("action", string(d.Action)), zap.Float64("share", d.Share),
		zap.String("criterion", d.Criterion), zap.String("reason", d.Sentence),
	}
	switch known := (*fault.Error)(nil); {
	case err == nil && (d.Action == rollout.Back || d.Action == rollout.Stop):
		r.opts.Log.Warn("a plan does not go on", fields...)
	case err == nil:
		r.opts.Log.Info("a plan goes on", fields...)
	case errors.As(err, &known) && known.Kind == fault.Conflict: // it is looked for anew
	case r.told[p.Model] != err.Error():
		r.told[p.Model] = err.Error()
		r.opts.Log.Error("a step of a plan cannot be written", append(fields, zap.Error(err))...)
	}
	return err == nil
}

// Who is how the history calls whoever carries out plans.
const Who = "plan"

// PlanOf is the plan of a model by its settings.
func PlanOf(p *models.Planned) rollout.Plan {
	d := rollout.Default()
	defaults := bundle.RolloutConfig{
		ShadowUnits: d.ShadowUnits, ShadowTime: d.ShadowTime, Patience: d.Patience, Errors: d.Errors, Slice: d.Slice, CoolDown: d.CoolDown,
	}
	for _, s := range d.Steps {
		defaults.Steps = append(defaults.Steps, bundle.RolloutStep{Share: s.Share, Time: s.Time, Units: s.Units})
	}
	if p.Version != nil {
		defaults.P99 = p.Version.Config.Budget
	}
	c := p.Config.Filled(&defaults)
	plan := rollout.Plan{
		SkipShadow: c.SkipShadow, ShadowUnits: c.ShadowUnits, ShadowTime: c.ShadowTime, Patience: c.Patience,
		Errors: c.Errors, P99: c.P99, Slice: c.Slice, Score: c.Score, Defaults: c.Defaults, CoolDown: c.CoolDown,
	}
	for _, s := range c.Steps {
		plan.Steps = append(plan.Steps, rollout.Step{Share: s.Share, Time: s.Time, Units: s.Units})
	}
	return plan
}

// StateOf is a plan's state as the roles keep it; nil without one.
func StateOf(p *roles.Plan) *rollout.State {
	if p == nil {
		return nil
	}
	return &rollout.State{
		Ref: rollout.Ref{Version: p.Version, Digest: p.Digest}, Phase: rollout.Phase(p.Phase), Step: p.Step, Since: p.Since, Until: p.Until, Again: p.Again, Why: strings.Clone(p.Why),
	}
}

func planFrom(s *rollout.State) *roles.Plan {
	if s == nil {
		return nil
	}
	return &roles.Plan{Ref: roles.Ref{Version: s.Version, Digest: s.Digest}, Phase: string(s.Phase), Step: s.Step, Since: s.Since, Until: s.Until, Again: s.Again, Why: s.Why}
}
