package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/compare/criteria"
	"sluice/internal/tensor"
	"sluice/internal/unit"
)

// RolloutConfig is the plan of a version whose model says promote: plan. A zero is the default.
type RolloutConfig struct {
	// SkipShadow begins with the canary. Default false: the version is shadowed first. true lets the first units
	// be answered by a version that no live request has tried.
	SkipShadow bool `yaml:"skip_shadow"`
	// ShadowUnits is how many units are compared in the shadow. Default 20000. Its criteria must hold then. Too few
	// leave them undecided, and the plan stops; too many make it long.
	ShadowUnits int64 `yaml:"shadow_units"`
	// ShadowTime is how long the shadow takes at the most. Default 24h. Too short leaves the criteria
	// undecided, and the plan stops.
	ShadowTime time.Duration `yaml:"shadow_time"`
	// Steps are the canary's, with growing shares. Default none: 0.01, 0.05, 0.25, 0.5 and 1. Few and large ones show a
	// fault to more units.
	Steps []RolloutStep `yaml:"steps"`
	// Patience is how long one step may take before the plan stops for a person. Default 24h.
	Patience time.Duration `yaml:"patience"`
	// Errors is by how much the canary's share of failed requests, those of status 500 or more, may be above the live
	// version's. Default 0.001. Beyond it the version goes back. Too small lets chance send it back; too large
	// hides a fault.
	Errors float64 `yaml:"errors"`
	// P99 is what 99 of 100 requests to the canary must not pass: the version goes back if more do so in three of
	// the last five slices. Default none: the model's budget.
	P99 time.Duration `yaml:"p99"`
	// Slice is how long requests are counted together for p99. Default 1m. One with fewer than 20 requests does not
	// count.
	Slice time.Duration `yaml:"slice"`
	// Score is how far the mean of the first output may be from that of the live version; beyond it the version goes
	// back. Default 0: any.
	Score float64 `yaml:"score"`
	// Defaults is by how much the canary's share of stored values in whose place a default stands may be above the live
	// version's; beyond it the version goes back. Default 0: any.
	Defaults float64 `yaml:"defaults"`
	// CoolDown is the time after a way back in which no other version begins. Default 30m.
	CoolDown time.Duration `yaml:"cool_down"`
}

// RolloutStep is one share of the units.
type RolloutStep struct {
	// Share is the part of the units that the canary has, above 0 and at most 1, in steps of 0.0001, which must be
	// given.
	Share float64 `yaml:"share"`
	// Time is how long the step takes at least. Default 10m. Too short misses what comes slowly.
	Time time.Duration `yaml:"time"`
	// Units is how many units the canary has answered at least. Default 2000. Too few show little.
	Units int64 `yaml:"units"`
}

const (
	maxRolloutSteps = 100
	maxRolloutUnits = 1 << 40
	maxRolloutTime  = 366 * 24 * time.Hour
)

func (r *RolloutConfig) validate() error {
	for _, t := range []struct {
		name  string
		value time.Duration
	}{{"shadow_time", r.ShadowTime}, {"patience", r.Patience}, {"p99", r.P99}, {"slice", r.Slice}, {"cool_down", r.CoolDown}} {
		if err := checkRolloutTime(t.name, t.value); err != nil {
			return err
		}
	}
	for _, n := range []struct {
		name  string
		value float64
		most  float64
	}{{"shadow_units", float64(r.ShadowUnits), maxRolloutUnits}, {"errors", r.Errors, 1}, {"score", r.Score, 1e100}, {"defaults", r.Defaults, 1}} {
		if !(n.value >= 0 && n.value <= n.most) {
			return fmt.Errorf("rollout.%s is %v; it must be from 0 to %v, and 0 means the default", n.name, n.value, n.most)
		}
	}
	if len(r.Steps) > maxRolloutSteps {
		return fmt.Errorf("rollout.steps has %d steps; the limit is %d", len(r.Steps), maxRolloutSteps)
	}
	for i, s := range r.Steps {
		buckets, ok := unit.Share(s.Share)
		if !ok || buckets == 0 {
			return fmt.Errorf("rollout.steps[%d].share is %v; it must be above 0 and at most 1, in steps of 0.0001", i, s.Share)
		}
		if i > 0 && s.Share <= r.Steps[i-1].Share {
			return fmt.Errorf("rollout.steps[%d].share is %v, and the one before it %v; shares must grow", i, s.Share, r.Steps[i-1].Share)
		}
		if err := checkRolloutTime(fmt.Sprintf("steps[%d].time", i), s.Time); err != nil {
			return err
		}
		if s.Units < 0 || s.Units > maxRolloutUnits {
			return fmt.Errorf("rollout.steps[%d].units is %d; it must be from 0 to %d, and 0 means the default", i, s.Units, int64(maxRolloutUnits))
		}
	}
	return nil
}

func checkRolloutTime(name string, t time.Duration) error {
	if t != 0 && (t < time.Millisecond || t > maxRolloutTime) {
		return fmt.Errorf("rollout.%s is %v; it must be from 1ms to %v, or 0 for the default", name, t, maxRolloutTime)
	}
	return nil
}

// Filled is the plan with the defaults that are given in the place of zeros; nil is all of them.
func (r *RolloutConfig) Filled(defaults *RolloutConfig) RolloutConfig {
	if r == nil {
		r = &RolloutConfig{}
	}
	f := *r
	f.ShadowUnits, f.ShadowTime = cmp.Or(r.ShadowUnits, defaults.ShadowUnits), cmp.Or(r.ShadowTime, defaults.ShadowTime)
	f.Patience, f.Errors, f.P99 = cmp.Or(r.Patience, defaults.Patience), cmp.Or(r.Errors, defaults.Errors), cmp.Or(r.P99, defaults.P99)
	f.Slice, f.Score, f.CoolDown = cmp.Or(r.Slice, defaults.Slice), cmp.Or(r.Score, defaults.Score), cmp.Or(r.CoolDown, defaults.CoolDown)
	if f.Steps = slices.Clone(r.Steps); len(f.Steps) == 0 {
		f.Steps = slices.Clone(defaults.Steps)
	}
	for i := range f.Steps {
		f.Steps[i].Time = cmp.Or(f.Steps[i].Time, defaults.Steps[0].Time)
		f.Steps[i].Units = cmp.Or(f.Steps[i].Units, defaults.Steps[0].Units)
	}
	return f
}

// Comparisons is what the settings say of comparisons with a candidate.
func (c *Config) Comparisons() *criteria.Set {
	return &criteria.Set{Outputs: c.Outputs, Criteria: c.Criteria, Segments: c.Segments}
}

// checkComparisons finds fault with what is said of comparisons as far as the file itself tells, and remembers the lines for
// checkCompared.
func (c *Config) checkComparisons(s Sources) error {
	set := c.Comparisons()
	for name := range set.Outputs {
		c.remember(s, "outputs."+name)
	}
	for i := range set.Criteria {
		c.remember(s, fmt.Sprintf("criteria[%d]", i))
	}
	for i := range set.Segments {
		c.remember(s, fmt.Sprintf("segments[%d]", i))
	}
	return c.faultsOf(c.comparisonFaults(nil))
}

// comparisonFaults holds what is said of comparisons against the schema, if there is one yet, and against what shadows are asked.
func (c *Config) comparisonFaults(schema *tensor.Schema) []criteria.Fault {
	faults := c.Comparisons().Check(schema)
	for i := range c.Criteria {
		if c.Criteria[i].Figure == criteria.Defaulted && c.Shadow != ShadowPipeline {
			faults = append(faults, criteria.Fault{At: fmt.Sprintf("criteria[%d]", i), Err: errDefaults})
		}
	}
	return faults
}

var errDefaults = errors.New("defaults is known of shadows that fill their inputs themselves: set shadow: pipeline, or take the criterion out")

// remember notes the lines of elements of one key, for faults that show later.
func (c *Config) remember(s Sources, all ...string) {
	paths := make([]string, len(all))
	for i := range all {
		paths[i] = "$." + all[i]
	}
	for i, line := range s.from(c, all[0]).lines(paths...) {
		if line == 0 {
			continue
		}
		if c.Lines == nil {
			c.Lines = map[string]int{}
		}
		c.Lines[all[i]] = line
	}
}

// checkCompared holds what is said of comparisons against the schema.
func (c *Config) checkCompared(schema *tensor.Schema) error {
	return c.faultsOf(c.comparisonFaults(schema))
}

func (c *Config) faultsOf(list []criteria.Fault) error {
	var faults []error
	for _, f := range list {
		key := f.At
		if end := strings.IndexAny(key, ".["); end > 0 {
			key = key[:end]
		}
		where := c.fileOf(key)
		if line := c.lineOf(f.At); line > 0 {
			where = fmt.Sprintf("%s line %d", where, line)
		}
		faults = append(faults, fmt.Errorf("%s: %s: %w", where, f.At, f.Err))
	}
	return errors.Join(faults...)
}
