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
	all := []string{"features"}
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
	if len(found) == 0 && session != nil {
		_, found = c.Features.Compile(session)
	}
	list := make([]criteria.Fault, len(found))
	for i := range found {
		list[i] = criteria.Fault(found[i])
	}
	return c.faultsOf(list)
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
