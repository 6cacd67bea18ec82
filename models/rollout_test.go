package models

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/internal/fault"
	"sluice/models/roles"
)

// planOf is the model's plan in words.
func (r *rolled) planOf() string {
	p := r.Roles().State().Models["m"].Plan
	if p == nil {
		return "none"
	}
	return fmt.Sprintf("%s %s %d", p.Version, p.Phase, p.Step)
}

// step makes a step from what there is to a phase, and wants the plan and the roles that follow.
func (r *rolled) step(s PlanStep, phase string, number int, plan, table string) {
	r.t.Helper()
	now := r.Plans()[0]
	s.From = now.Plan
	if now.Candidate != nil {
		s.Ref = *now.Candidate
	} else {
		s.Ref = now.Plan.Ref
	}
	if phase != "" {
		s.To = &roles.Plan{Ref: s.Ref, Phase: phase, Step: number, Since: time.Now(), Why: "why"}
	}
	s.Action = "step"
	r.must(r.Advance("m", &s, By{Who: "plan", Reason: "why"}))
	// The same step once more changes nothing.
	if err := r.Advance("m", &s, By{Who: "plan"}); fault.Of(err).Kind != fault.Conflict {
		r.t.Errorf("%s once more: %v", phase, err)
	}
	if got := r.planOf(); got != plan {
		r.t.Errorf("the plan is %s, want %s", got, plan)
	}
	r.want(phase, table)
}

func TestPlanGoesItsWay(t *testing.T) {
	rolledBubble(t, PromotePlan, func(r *rolled) {
		r.want("the start", "1 READY live")
		r.comes("2", 2)
		r.want("a new version", "1 READY live, 2 READY candidate")
		r.step(PlanStep{Shadow: true}, planShadow, 0, "2 shadow 0", "1 READY live, 2 READY shadow")
		if s := r.Roles().State().Models["m"].Shadow; len(s) != 1 || s[0].Version != "2" {
			t.Errorf("shadowed: %v", s)
		}
		r.step(PlanStep{Share: 0.1}, planCanary, 1, "2 canary 1", "1 READY live, 2 READY canary 0.1")
		r.splits("the first step", "1, 2 below 1000")
		if s := r.Roles().State().Models["m"].Shadow; len(s) != 0 {
			t.Errorf("still shadowed: %v", s)
		}
		r.comes("3", 3)
		if p := r.Plans()[0]; p.Candidate != nil || p.Version.Version != "2" {
			t.Errorf("a newer version disturbs the plan: %+v", p)
		}
		r.step(PlanStep{Promote: true}, "", 0, "none", "1 READY previous, 2 READY live, 3 READY candidate")
		if p := r.Plans()[0]; p.Candidate == nil || p.Candidate.Version != "3" {
			t.Errorf("the newer version has no turn: %+v", p)
		}
		r.step(PlanStep{Share: 0.1}, planCanary, 1, "3 canary 1", "1 READY previous, 2 READY live, 3 READY canary 0.1")
		r.step(PlanStep{Withdraw: true}, planLook, 1, "3 look 1", "1 READY previous, 2 READY live, 3 READY candidate")
		r.must(r.Release("m", By{Who: "alice"}))
		r.step(PlanStep{Share: 0.1}, planCanary, 1, "3 canary 1", "1 READY previous, 2 READY live, 3 READY canary 0.1")
		r.step(PlanStep{Reject: true}, "returned", 1, "3 returned 1", "1 READY previous, 2 READY live, 3 UNLOADED rejected")
	})
}

// What a person does ends a plan, and it does not begin again by itself.
func TestPersonsEndPlans(t *testing.T) {
	me, ctx := By{Who: "alice"}, context.Background()
	f := func(what string, do func(r *rolled) error, plan, table string) {
		t.Helper()
		rolledBubble(t, PromotePlan, func(r *rolled) {
			r.want("the start", "1 READY live")
			r.comes("2", 2)
			r.step(PlanStep{Share: 0.1}, planCanary, 1, "2 canary 1", "1 READY live, 2 READY canary 0.1")
			r.must(do(r))
			r.want(what, table)
			if got := r.planOf(); got != plan {
				t.Errorf("after %s the plan is %s, want %s", what, got, plan)
			}
			lines, err := r.Roles().History("m", 1)
			if ends := strings.Contains(lines[0].Reason, "ends the plan of version 2"); err != nil || ends == (plan == "2 canary 1") {
				t.Errorf("after %s the history says %q, %v", what, lines[0].Reason, err)
			}
		})
	}
	f("a promote", func(r *rolled) error { return r.Promote(ctx, "m", "2", me) }, "none", "1 READY previous, 2 READY live")
	f("a canary", func(r *rolled) error { return r.Canary(ctx, "m", "2", 0.5, me) }, "2 ended 0", "1 READY live, 2 READY canary 0.5")
	f("the canary's end", func(r *rolled) error { return r.Canary(ctx, "m", "", 0, me) }, "2 ended 0", "1 READY live, 2 READY candidate")
	f("a rollback", func(r *rolled) error { return r.Rollback(ctx, "m", me) }, "2 ended 0", "1 READY live, 2 UNLOADED rejected")
	f("a rejection", func(r *rolled) error { return r.Reject("m", "2", me) }, "2 ended 0", "1 READY live, 2 UNLOADED rejected")
	f("a hold", func(r *rolled) error { return r.Hold("m", me) }, "2 canary 1", "1 READY live held, 2 READY canary 0.1")
	// A rollback in the shadow takes the plan's version back, and not the live one.
	rolledBubble(t, PromotePlan, func(r *rolled) {
		r.want("the start", "1 READY live")
		r.comes("2", 2)
		r.must(r.Promote(ctx, "m", "2", me))
		r.comes("3", 3)
		r.step(PlanStep{Shadow: true}, planShadow, 0, "3 shadow 0", "1 READY previous, 2 READY live, 3 READY shadow")
		r.must(r.Rollback(ctx, "m", me))
		r.want("a rollback", "1 READY previous, 2 READY live, 3 UNLOADED rejected")
		r.must(r.Rollback(ctx, "m", me))
		r.want("the next one", "1 READY live, 2 UNLOADED rejected, 3 UNLOADED rejected")
	})
	// A step that was found before a hold is refused.
	rolledBubble(t, PromotePlan, func(r *rolled) {
		r.want("the start", "1 READY live")
		r.comes("2", 2)
		p := r.Plans()[0]
		r.must(r.Hold("m", me))
		err := r.Advance("m", &PlanStep{Ref: *p.Candidate, To: &roles.Plan{Ref: *p.Candidate, Phase: planCanary, Step: 1, Since: time.Now()}, Action: "canary", Share: 0.1}, me)
		if fault.Of(err).Kind != fault.Conflict {
			t.Error(err)
		}
	})
}
