package rollouts

import (
	"fmt"
	"math"
	"time"

	"sluice/gateway/http/admin"
	"sluice/models/roles"
	"sluice/rollout"
)

// view is a model's plan as it stood at the last look.
type view struct {
	plan  rollout.Plan
	model rollout.Model
}

// PhaseText says how far a plan is, in words for a list.
func PhaseText(p *roles.Plan) string {
	switch rollout.Phase(p.Phase) {
	case rollout.Canary:
		return fmt.Sprintf("canary, step %d", p.Step)
	case rollout.Look:
		return "LOOK"
	case rollout.Shadow:
		return "shadow"
	}
	return ""
}

// Document tells how far a model's plan is.
func (r *Runner) Document(model string) admin.Plan {
	d := admin.Plan{Model: model}
	p := r.opts.Registry.Roles().State().Models[model].Plan
	if p != nil {
		d.Version, d.Phase, d.Step, d.Again, d.Why, d.Since = p.Version, p.Phase, p.Step, p.Again, p.Why, instant(p.Since)
		if rollout.Phase(p.Phase) == rollout.Returned {
			d.Until = instant(p.Until)
		}
	}
	all := r.views.Load()
	if all == nil {
		return d
	}
	v, there := (*all)[model]
	if !there {
		return d
	}
	d.Runs = true
	for _, s := range v.plan.Steps {
		d.Steps = append(d.Steps, admin.PlanStep{Share: s.Share, Time: s.Time.Seconds(), Units: s.Units})
	}
	e, s := &v.model.Evidence, v.model.State
	if s == nil || p == nil || !p.Same(planFrom(s)) {
		return d
	}
	switch s.Phase {
	case rollout.Canary:
		d.Canary, d.Live = arm(&e.Canary), arm(&e.Live)
		d.Watched, d.NotFinite, d.Lost = e.Watched.Seconds(), e.NotFinite, e.Lost
	case rollout.Shadow:
		d.Shadow = e.ShadowUnits
		for _, j := range e.Judged {
			d.Judged = append(d.Judged, admin.PlanJudged{Name: j.Name, Sentence: j.Sentence, Verdict: string(j.Verdict)})
		}
	}
	return d
}

func instant(t time.Time) *time.Time { return &t }

func arm(a *rollout.Arm) *admin.PlanArm {
	p := &admin.PlanArm{Units: a.Units, Requests: a.Requests, Failed: a.Failed}
	if !math.IsNaN(a.Mean) && !math.IsInf(a.Mean, 0) {
		p.Mean = a.Mean
	}
	return p
}
