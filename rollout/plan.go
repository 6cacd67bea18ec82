package rollout

import (
	"errors"
	"fmt"
	"time"
)

// Plan is what a model's settings say of the way. Its zero value is of no use; Default is the one of a model that says nothing.
type Plan struct {
	// SkipShadow begins with the canary.
	SkipShadow bool
	// ShadowUnits and ShadowTime end the shadow, whichever comes first. Its criteria must have passed then.
	ShadowUnits int64
	ShadowTime  time.Duration
	Steps       []Step
	// Patience is how long a step may take before a person has to look.
	Patience time.Duration
	// Errors is by how much the canary's share of failed requests may be above that of the live version.
	Errors float64
	// P99 is what 99 of 100 requests to the canary must not pass; 0 is no limit. Slice is how long is counted together.
	P99   time.Duration
	Slice time.Duration
	// Score is how far the mean of the first output may be from that of the live version; 0 is no limit.
	Score float64
	// Defaults is by how much the canary's share of stored values that are defaults may be above that of the live version; 0 is no
	// limit.
	Defaults float64
	// CoolDown is the time after a way back in which no other version begins.
	CoolDown time.Duration
}

// Step is a share of the units that the canary has at least for so long, until so many units were answered.
type Step struct {
	Share float64
	Time  time.Duration
	Units int64
}

// The defaults.
const (
	stepTime  = 10 * time.Minute
	stepUnits = 2000
)

// Default is the plan of a model whose settings say nothing.
func Default() Plan {
	p := Plan{
		ShadowUnits: 20_000, ShadowTime: 24 * time.Hour, Patience: 24 * time.Hour,
		Errors: 0.001, Slice: time.Minute, CoolDown: 30 * time.Minute,
	}
	for _, share := range []float64{0.01, 0.05, 0.25, 0.5, 1} {
		p.Steps = append(p.Steps, Step{Share: share, Time: stepTime, Units: stepUnits})
	}
	return p
}

// Check says what is wrong with a plan.
func (p *Plan) Check() error {
	if len(p.Steps) == 0 {
		return errors.New("a plan needs a step")
	}
	for i, s := range p.Steps {
		if !(s.Share > 0 && s.Share <= 1) || i > 0 && s.Share <= p.Steps[i-1].Share {
			return fmt.Errorf("step %d has the share %v: shares grow, from above 0 to 1", i+1, s.Share)
		}
	}
	if p.Slice <= 0 {
		return fmt.Errorf("the slice is %v: it must be above 0", p.Slice)
	}
	return nil
}

// Phase is where a plan is.
type Phase string

// The phases. A plan whose version is live is over, and has none.
const (
	Shadow   Phase = "shadow"   // the version answers copies of requests
	Canary   Phase = "canary"   // it has the share of its step
	Look     Phase = "look"     // it stands where it was, until a person decides
	Returned Phase = "returned" // it went back, and is rejected
	Ended    Phase = "ended"    // a person ended it
)

// Active reports whether the plan is on its way, or waits for a person on it.
func (p Phase) Active() bool { return p == Shadow || p == Canary || p == Look }

// Ref names a version by its name and its content.
type Ref struct{ Version, Digest string }

// State is what is written down of a model's plan.
type State struct {
	Ref
	Phase Phase
	// Step counts the canary's steps from 1 on; it is 0 in the shadow.
	Step int
	// Since is when the phase or the step began, Until the end of the cool-down after a way back.
	Since, Until time.Time
	// Again is set after a way back, until a version is live or a person has acted: the next way back only stops.
	Again bool
	// Why is the sentence of the step that led here.
	Why string
}

// is reports whether two states are the same instant of the same plan.
func (s *State) is(o *State) bool {
	return s.Ref == o.Ref && s.Phase == o.Phase && s.Step == o.Step && s.Since.Equal(o.Since)
}

// Action is what a decision does.
type Action string

// The actions.
const (
	Begin   Action = "begin shadow"
	Share   Action = "canary"
	Promote Action = "promote"
	Back    Action = "rollback"
	Stop    Action = "stop"
)

// Decision is the next step of a plan. It holds only while the state is From.
type Decision struct {
	Action Action
	Ref    Ref
	// Share is that of the canary from now on, of a Share; a Stop with Withdraw takes it away.
	Share    float64
	Withdraw bool
	From, To *State
	// Criterion names what led to it; Sentence says it with its figures.
	Criterion, Sentence string
}
