package roles

import (
	"errors"
	"fmt"
	"time"
)

// Plan is how far a version has come on the way that its model's settings plan for it. What the words mean is said by who runs
// plans, package rollout; here they are kept.
type Plan struct {
	Ref
	Phase string
	// Step counts the canary's steps from 1 on; 0 before it.
	Step int
	// Since is when the phase or the step began, Until the end of the cool-down after a way back; zero without one.
	Since, Until time.Time
	// Again is set after a way back until a version is live or a person has acted.
	Again bool
	// Why is the sentence of the step that led here.
	Why string
}

// maxSteps is far above what settings allow.
const maxSteps = 1000

// Same reports whether two plans, or none, are at the same instant.
func (p *Plan) Same(o *Plan) bool {
	if p == nil || o == nil {
		return p == o
	}
	return p.Ref == o.Ref && p.Phase == o.Phase && p.Step == o.Step && p.Since.Equal(o.Since)
}

func (p *Plan) check() error {
	if p == nil {
		return nil
	}
	switch {
	case p.Phase == "" || len(p.Phase) > maxWordBytes:
		return fmt.Errorf("the plan's phase %.40q is no word", p.Phase)
	case p.Step < 0 || p.Step > maxSteps:
		return fmt.Errorf("the plan's step is %d; it must be from 0 to %d", p.Step, maxSteps)
	case p.Since.IsZero() || p.Since.Year() > 9999 || p.Until.Year() > 9999:
		return errors.New("the plan does not say since when it is there, in years of four digits")
	case p.Why != tidy(p.Why, maxTextBytes):
		return fmt.Errorf("the plan's sentence %.40q is too long or not for people", p.Why)
	}
	return errors.Join(checkWord("plan's phase", p.Phase), checkRef("plan", &p.Ref))
}

// prepared is a plan as it can be written: with bounded texts and times that a file tells apart.
func (p *Plan) prepared() *Plan {
	if p == nil {
		return nil
	}
	c := *p
	c.Why = tidy(c.Why, maxTextBytes)
	c.Since = c.Since.UTC().Truncate(time.Millisecond)
	if !c.Until.IsZero() {
		c.Until = c.Until.UTC().Truncate(time.Millisecond)
	}
	return &c
}

func (w *writer) plan(p *Plan) {
	if p == nil {
		return
	}
	w.line("    plan:")
	w.line("      version: %s", quote(p.Ref.String()))
	w.line("      phase: %s", quote(p.Phase))
	w.line("      step: %d", p.Step)
	w.line("      since: %s", quote(p.Since.Format(time.RFC3339Nano)))
	if !p.Until.IsZero() {
		w.line("      until: %s", quote(p.Until.Format(time.RFC3339Nano)))
	}
	w.line("      again: %t", p.Again)
	w.line("      why: %s", quote(p.Why))
}

// planDocument is a plan as it is written.
type planDocument struct {
	Version string `yaml:"version"`
	Phase   string `yaml:"phase"`
	Step    int    `yaml:"step"`
	Since   string `yaml:"since"`
	Until   string `yaml:"until"`
	Again   bool   `yaml:"again"`
	Why     string `yaml:"why"`
}

func (d *planDocument) plan() (*Plan, error) {
	if d == nil {
		return nil, nil
	}
	ref, err := parseRef(d.Version)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	p := &Plan{Ref: ref, Phase: d.Phase, Step: d.Step, Again: d.Again, Why: d.Why}
	for _, t := range []struct {
		text string
		to   *time.Time
	}{{d.Since, &p.Since}, {d.Until, &p.Until}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, t.text)
		if err != nil {
			return nil, fmt.Errorf("the plan's time %.40q must be as 2026-01-02T15:04:05Z", t.text)
		}
		*t.to = at.UTC()
	}
	return p, nil
}
