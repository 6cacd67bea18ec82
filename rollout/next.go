package rollout

import (
	"fmt"
	"time"

	"sluice/compare/sequence"
)

// Model is what is known of a model when a step is looked for.
type Model struct {
	// State is nil if no version has a plan.
	State *State
	// Candidate is the version that a plan may begin with; nil if there is none.
	Candidate *Ref
	// Held lets everything stand. Ready says that the plan's version serves, or the candidate without a plan.
	Held, Ready bool
	// Difference is by what clients could tell the version from the live one; empty if by nothing.
	Difference string
	Evidence   Evidence
}

// Next is the step that follows now; nil if the plan waits.
func (p *Plan) Next(now time.Time, m *Model) *Decision {
	if m.Held || !m.Ready {
		return p.impatient(now, m)
	}
	if d := p.begin(now, m); d != nil || m.State == nil {
		return d
	}
	s := m.State
	if (s.Phase == Shadow || s.Phase == Canary) && m.Difference != "" {
		return stop(now, s, "schema", "clients could tell it from the live version: "+m.Difference)
	}
	var d *Decision
	if m.Evidence.Of.is(s) {
		switch s.Phase {
		case Shadow:
			d = p.shadowed(now, s, &m.Evidence)
		case Canary:
			d = p.tried(now, s, &m.Evidence)
		}
	}
	if d == nil {
		d = p.impatient(now, m)
	}
	return d
}

// impatient stops a step that has taken too long, also if nothing is known of it.
func (p *Plan) impatient(now time.Time, m *Model) *Decision {
	s := m.State
	if s == nil || m.Held || s.Phase != Shadow && s.Phase != Canary {
		return nil
	}
	if most := max(p.Patience, p.ShadowTime); s.Phase == Shadow && now.Sub(s.Since) >= most {
		return stop(now, s, "patience", fmt.Sprintf("the shadow was not over after %v", most))
	}
	if s.Phase == Canary && now.Sub(s.Since) >= p.Patience {
		return stop(now, s, "patience", fmt.Sprintf("step %d was not over after %v: %s", s.Step, p.Patience, m.Evidence.units()))
	}
	return nil
}

// begin starts the plan of a new version where none is on its way.
func (p *Plan) begin(now time.Time, m *Model) *Decision {
	s, c := m.State, m.Candidate
	if c == nil || s != nil && (s.Phase.Active() || s.Ref == *c || now.Before(s.Until)) {
		return nil
	}
	// What is begun knows of the way back before it: Again was set then, and a person's act clears it.
	next := &State{Ref: *c, Since: now, Again: s != nil && s.Again}
	d := &Decision{Ref: *c, From: s, To: next, Criterion: "candidate", Sentence: "version " + c.Version + " has passed the load gates"}
	switch {
	case m.Difference != "":
		d.Action, d.Criterion, next.Phase = Stop, "schema", Look
		d.Sentence = "clients could tell it from the live version: " + m.Difference
	case p.SkipShadow:
		d.Action, d.Share, next.Phase, next.Step = Share, p.Steps[0].Share, Canary, 1
		d.Sentence += p.stepText(1)
	default:
		d.Action, next.Phase = Begin, Shadow
	}
	next.Why = d.Sentence
	return d
}

// shadowed decides on a version in the shadow.
func (p *Plan) shadowed(now time.Time, s *State, e *Evidence) *Decision {
	if e.NoShadow != "" {
		return stop(now, s, "shadow", "no shadow is set up: "+e.NoShadow)
	}
	verdict := sequence.Pass
	for i := range e.Judged {
		switch j := &e.Judged[i]; j.Verdict {
		case sequence.Pass:
		case sequence.Fail:
			return p.back(now, s, j.Name, fmt.Sprintf("FAIL after %d units: %s", e.ShadowUnits, j.Sentence))
		case sequence.Look:
			return stop(now, s, j.Name, "LOOK: "+j.Sentence)
		default:
			verdict = sequence.Wait
		}
	}
	if e.ShadowUnits < p.ShadowUnits && now.Sub(s.Since) < p.ShadowTime {
		return nil
	}
	switch {
	case len(e.Judged) == 0:
		return stop(now, s, "criteria", fmt.Sprintf("nothing judges its %d units: the model has no criteria", e.ShadowUnits))
	case verdict != sequence.Pass:
		return stop(now, s, "criteria", fmt.Sprintf("WAIT after %d units and %v: not every criterion is shown to hold", e.ShadowUnits, now.Sub(s.Since).Round(time.Second)))
	}
	return p.share(now, s, 1, "criteria", fmt.Sprintf("%d criteria PASS after %d units", len(e.Judged), e.ShadowUnits))
}

// tried decides on a canary.
func (p *Plan) tried(now time.Time, s *State, e *Evidence) *Decision {
	if s.Step < 1 || s.Step > len(p.Steps) {
		return stop(now, s, "steps", fmt.Sprintf("it is at step %d, and the settings have %d steps now", s.Step, len(p.Steps)))
	}
	if criterion, sentence := p.against(e); criterion != "" {
		return p.back(now, s, criterion, sentence)
	}
	step := &p.Steps[s.Step-1]
	if e.Watched < step.Time || e.Canary.Units < step.Units {
		return nil
	}
	sentence := fmt.Sprintf("step %d of %d was well: %s in %v", s.Step, len(p.Steps), e.units(), e.Watched.Round(time.Millisecond))
	if s.Step == len(p.Steps) {
		return &Decision{Action: Promote, Ref: s.Ref, From: s, Criterion: "steps", Sentence: sentence}
	}
	return p.share(now, s, s.Step+1, "step", sentence)
}

// share gives the canary a step's share.
func (p *Plan) share(now time.Time, s *State, step int, criterion, sentence string) *Decision {
	sentence += p.stepText(step)
	next := &State{Ref: s.Ref, Phase: Canary, Step: step, Since: now, Again: s.Again, Why: sentence}
	return &Decision{Action: Share, Ref: s.Ref, Share: p.Steps[step-1].Share, From: s, To: next, Criterion: criterion, Sentence: sentence}
}

func (p *Plan) stepText(step int) string {
	return fmt.Sprintf("; step %d of %d: %g %% of the units", step, len(p.Steps), 100*p.Steps[step-1].Share)
}

// back rejects the version; the second time in a row it only stops.
func (p *Plan) back(now time.Time, s *State, criterion, sentence string) *Decision {
	if s.Again {
		d := stop(now, s, criterion, sentence+"; the version before it went back too, so that a person decides")
		d.Withdraw = true
		return d
	}
	next := &State{Ref: s.Ref, Phase: Returned, Step: s.Step, Since: now, Until: now.Add(p.CoolDown), Again: true, Why: sentence}
	return &Decision{Action: Back, Ref: s.Ref, From: s, To: next, Criterion: criterion, Sentence: sentence}
}

// stop lets the plan stand where it is.
func stop(now time.Time, s *State, criterion, sentence string) *Decision {
	next := &State{Ref: s.Ref, Phase: Look, Step: s.Step, Since: now, Again: s.Again, Why: sentence}
	return &Decision{Action: Stop, Ref: s.Ref, From: s, To: next, Criterion: criterion, Sentence: sentence}
}
