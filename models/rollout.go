package models

import (
	"slices"
	"strings"
	"time"

	"sluice/internal/fault"
	"sluice/internal/unit"
	"sluice/models/bundle"
	"sluice/models/roles"
)

// The phases that the registry tells apart; package rollout has all of them.
const (
	planShadow = "shadow"
	planCanary = "canary"
	planLook   = "look"
	planEnded  = "ended"
)

// planned reports whether a plan is on its way, or waits for a person.
func planned(p *roles.Plan) bool {
	return p != nil && (p.Phase == planShadow || p.Phase == planCanary || p.Phase == planLook)
}

// endPlan ends a plan by a person's word. That its version had one is kept, so that it does not begin once more.
func endPlan(m *roles.Model, about *roles.Entry) {
	if m.Plan == nil {
		return
	}
	if planned(m.Plan) {
		about.Reason = reasons(about.Reason, "ends the plan of version "+m.Plan.Version)
	}
	m.Plan = &roles.Plan{Ref: m.Plan.Ref, Phase: planEnded, Since: time.Now(), Why: about.Action}
	endShadow(m, m.Plan.Ref)
}

// Planned is what a plan has to know of a model.
type Planned struct {
	Model string
	Plan  *roles.Plan
	Live  *roles.Ref
	Held  bool
	// Candidate is the version that a plan may begin with; nil if there is none.
	Candidate *roles.Ref
	// Version is the plan's, or without one on its way the candidate's, and Base the one that is live; nil while it
	// does not serve. Nobody has pinned them.
	Version, Base *Version
	// Difference is by what clients could tell the two apart.
	Difference string
	// Config is the plan's settings; nil leaves them to the defaults.
	Config *bundle.RolloutConfig
}

// Plans lists the models whose versions become live by a plan, and those that still have one.
func (r *Registry) Plans() (all []Planned) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, m := range r.mu.models {
		if m.promote != PromotePlan && !planned(m.roles.Plan) {
			continue
		}
		p := Planned{Model: name, Plan: m.roles.Plan, Live: m.roles.Live, Held: m.roles.Hold}
		live := m.live()
		if live != nil && live.is(m.roles.Live) {
			p.Base = live.version
		}
		for _, e := range m.entries { // from new to old
			if e.state != Ready || m.roles.Live == nil {
				continue
			}
			if planned(p.Plan) {
				if e.is(&p.Plan.Ref) {
					p.Version = e.version
				}
			} else if p.Candidate == nil && m.promote == PromotePlan && m.roles.Canary == nil && p.Base != nil && e.onDisk && !m.rejected(e) && newer(&m.roles, m.roles.Live, e.bundle.Version) {
				p.Candidate, p.Version = &roles.Ref{Version: e.bundle.Version, Digest: e.digest()}, e.version
			}
		}
		if p.Base != nil {
			p.Config = p.Base.Config.Rollout
		}
		if p.Version != nil {
			if p.Config = p.Version.Config.Rollout; p.Base != nil {
				p.Difference = apart(p.Base.Client(), p.Version.Client())
			}
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Planned) int { return strings.Compare(a.Model, b.Model) })
	return all
}

// PlanStep is a step of a plan: the state becomes To, if it is still From.
type PlanStep struct {
	Ref      roles.Ref
	From, To *roles.Plan
	// Action is the history's word for it. What it does besides is told by the rest: Share above 0 gives the version that share,
	// Promote makes it live, Reject and Withdraw take the share away, and Reject its files, too.
	Action                            string
	Share                             float64
	Shadow, Promote, Reject, Withdraw bool
}

// Advance makes a step of a plan, in one generation of the roles. It is refused as a conflict where anything has changed since the
// step was found.
func (r *Registry) Advance(name string, s *PlanStep, by By) error {
	live, difference := r.difference(name, name, s.Ref.Version)
	about := roles.Entry{Action: s.Action, Model: name, Version: s.Ref.Version, Digest: s.Ref.Digest, Share: s.Share}
	return r.change(by, about, func(m *roles.Model, about *roles.Entry) error {
		switch {
		case !m.Plan.Same(s.From) || m.Hold:
			return fault.Newf(fault.Conflict, "the plan of '%s' has changed since", name)
		case m.Live == nil || live == nil || *live != *m.Live || *m.Live == s.Ref:
			return fault.Newf(fault.Conflict, "the live version of '%s' is not ready, or has just changed", name)
		case (s.Share > 0 || s.Promote) && (difference != "" || rejects(m, s.Ref.Digest)):
			return fault.Newf(fault.Conflict, "version %s of '%s' cannot have a share", s.Ref.Version, name)
		}
		if endShadow(m, s.Ref); s.Shadow && len(m.Shadow)+len(m.Others) >= maxShadows {
			return tooManyShadows(name)
		}
		m.Plan = s.To
		switch {
		case s.Shadow:
			m.Shadow = append(m.Shadow, s.Ref)
		case s.Share > 0:
			buckets, _ := unit.Share(s.Share)
			about.Share = unit.OfBuckets(buckets)
			m.Canary = &roles.Canary{Ref: s.Ref, Share: about.Share}
		case s.Promote:
			m.Canary = nil
			pass(m, s.Ref)
			m.Previous, m.Live = m.Live, &s.Ref
		case s.Withdraw, s.Reject:
			if m.Canary != nil && m.Canary.Ref == s.Ref {
				m.Canary = nil
			}
			if s.Reject {
				about.Version, about.Digest, about.From = m.Live.Version, m.Live.Digest, s.Ref.Version
				m.Rejected = and(m.Rejected, s.Ref)
			}
		}
		return nil
	})
}
