package bundle

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sluice/compare/criteria"
	"sluice/internal/tensor"
)

// Comparisons is what the settings say of comparisons with a candidate.
func (c *Config) Comparisons() *criteria.Set {
	return &criteria.Set{Outputs: c.Outputs, Criteria: c.Criteria, Segments: c.Segments}
}

var lineOf = regexp.MustCompile(` line (\d+)$`)

// checkComparisons finds fault with what is said of comparisons as far as the file itself tells, and remembers the lines for
// checkCompared.
func (c *Config) checkComparisons(s Sources) error {
	set := c.Comparisons()
	remember := func(at string) {
		if found := lineOf.FindStringSubmatch(s.where(c, at)); found != nil {
			if c.Lines == nil {
				c.Lines = map[string]int{}
			}
			c.Lines[at], _ = strconv.Atoi(found[1])
		}
	}
	for name := range set.Outputs {
		remember("outputs." + name)
	}
	for i := range set.Criteria {
		remember(fmt.Sprintf("criteria[%d]", i))
	}
	for i := range set.Segments {
		remember(fmt.Sprintf("segments[%d]", i))
	}
	return c.faultsOf(set.Check(nil))
}

// checkCompared holds what is said of comparisons against the schema.
func (c *Config) checkCompared(schema *tensor.Schema) error {
	return c.faultsOf(c.Comparisons().Check(schema))
}

func (c *Config) faultsOf(list []criteria.Fault) error {
	var faults []error
	for _, f := range list {
		key := f.At
		if end := strings.IndexAny(key, ".["); end > 0 {
			key = key[:end]
		}
		where := c.fileOf(key)
		if line := c.Lines[f.At]; line > 0 {
			where = fmt.Sprintf("%s line %d", where, line)
		}
		faults = append(faults, fmt.Errorf("%s: %s: %w", where, f.At, f.Err))
	}
	return errors.Join(faults...)
}
