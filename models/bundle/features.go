package bundle

import (
	"fmt"
	"strings"

	"sluice/compare/criteria"
	"sluice/features/spec"
	"sluice/internal/tensor"
)

// checkFeatures finds fault with what is said of features as far as the file itself tells, and remembers the lines for featureFaults.
func (c *Config) checkFeatures(s Sources) error {
	if c.Features == nil {
		return nil
	}
	all := []string{"features", "features.ladder"}
	for i := range c.Features.Ladder {
		all = append(all, fmt.Sprintf("features.ladder[%d]", i))
	}
	for name := range c.Features.Groups {
		all = append(all, "features.groups."+name)
	}
	for name, columns := range c.Features.Inputs {
		all = append(all, "features.inputs."+name)
		for i := range columns {
			all = append(all, fmt.Sprintf("features.inputs.%s[%d]", name, i))
		}
	}
	c.remember(s, all...)
	return c.featureFaults(nil)
}

// featureFaults holds what is said of features against the schema of the session; nil is none yet.
func (c *Config) featureFaults(session *tensor.Schema) error {
	if c.Features == nil {
		return nil
	}
	found := c.Features.Check()
	list := c.rungFaults(func(name, version string, versioned bool) error {
		if err := CheckName("model", name); err != nil || !versioned {
			return err
		}
		return CheckName("version", version)
	})
	if len(found)+len(list) == 0 && session != nil {
		_, found = c.Features.Compile(session)
	}
	for i := range found {
		list = append(list, criteria.Fault(found[i]))
	}
	return c.faultsOf(list)
}

// CheckLadder refuses a ladder whose rung is the version itself: name and version are its own.
func (c *Config) CheckLadder(name, version string) error {
	if c.Features == nil {
		return nil
	}
	return c.faultsOf(c.rungFaults(func(model, of string, versioned bool) error {
		if model == name && (!versioned || of == version) {
			return fmt.Errorf("model %q is this one, which cannot answer in its own place: name previous, or another version of it as %s:VERSION", model, name)
		}
		return nil
	}))
}

// rungFaults holds each rung that names a model against a rule.
func (c *Config) rungFaults(rule func(model, version string, versioned bool) error) (found []criteria.Fault) {
	for i := range c.Features.Ladder {
		if c.Features.Ladder[i].Model == "" {
			continue
		}
		if err := rule(strings.Cut(c.Features.Ladder[i].Model, ":")); err != nil {
			found = append(found, criteria.Fault{At: fmt.Sprintf("features.ladder[%d]", i), Err: err})
		}
	}
	return found
}

// Plan is how inputs of a session are filled; nil if none is.
func (c *Config) Plan(session *tensor.Schema) (*spec.Plan, error) {
	if err := c.featureFaults(session); c.Features == nil || err != nil {
		return nil, err
	}
	plan, _ := c.Features.Compile(session)
	return plan, nil
}

// Client is the schema that clients see of a session: its own where no input is filled.
func (c *Config) Client(session *tensor.Schema) *tensor.Schema {
	if plan, err := c.Plan(session); plan != nil && err == nil {
		return plan.Client
	}
	return session
}

// lineOf is the line of an element, or else of what it is a part of; 0 if none is known.
func (c *Config) lineOf(at string) int {
	for {
		end := strings.LastIndexAny(at, ".[")
		if line := c.Lines[at]; line > 0 || end < 0 {
			return line
		}
		at = at[:end]
	}
}
