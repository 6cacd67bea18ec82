package bundle

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

// checkPlaces finds fault with where the model may run, as far as the file itself tells.
func (c *Config) checkPlaces(s Sources) error {
	var faults []error
	fail := func(path, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: "+format, append([]any{s.where(c, path)}, args...)...))
	}
	if c.Devices != nil && len(c.Devices) == 0 {
		fail("devices", "devices is empty; name some in order of preference, or leave it out to have them all")
	}
	for i, name := range c.Devices {
		switch {
		case name == "":
			fail(fmt.Sprintf("devices[%d]", i), "devices[%d] has no name", i)
		case slices.Contains(c.Devices[:i], name):
			fail(fmt.Sprintf("devices[%d]", i), "devices names %s twice; each device holds one session of a model", name)
		}
	}
	switch c.Fallback {
	case "", FallbackBudget, FallbackFailure, FallbackNever:
	default:
		fail("fallback", "fallback is %.40q; it must be budget, failure or never", string(c.Fallback))
	}
	switch c.Prefer {
	case "", PreferOrder, PreferCheapest:
	default:
		fail("prefer", "prefer is %.40q; it must be order or cheapest-in-budget", string(c.Prefer))
	}
	switch c.Isolation {
	case "", IsolationNone, IsolationProcess:
	default:
		fail("isolation", "isolation is %.40q; it must be none or process", string(c.Isolation))
	}
	return errors.Join(faults...)
}

// checkKnown finds fault with devices that the server does not have; devices is nil if any name will do.
func (c *Config) checkKnown(s Sources, devices []string) error {
	if devices == nil {
		return nil
	}
	var faults []error
	for i, name := range c.Devices {
		if !slices.Contains(devices, name) {
			faults = append(faults, fmt.Errorf("%s: device %.40q is not there; there is %s: take it out, or add it to the server's setting devices", s.where(c, fmt.Sprintf("devices[%d]", i)), name, strings.Join(devices, ", ")))
		}
	}
	return errors.Join(faults...)
}

// where names the file and, where it can be found, the line of a key or an element.
func (d *document) where(path string) string {
	if line := d.lines(path)[0]; line > 0 {
		return fmt.Sprintf("%s line %d", d.file, line)
	}
	return d.file
}

// lines are those of keys or elements; 0 where one cannot be found.
func (d *document) lines(paths ...string) (lines []int) {
	lines = make([]int, len(paths))
	// The library panics over some nodes whose tag contradicts their content.
	defer func() { _ = recover() }()
	file, err := parser.ParseBytes(d.text, 0)
	if err != nil {
		return lines
	}
	for i, path := range paths {
		wanted, err := yaml.PathString(path)
		if err != nil {
			continue
		}
		node, err := wanted.FilterFile(file)
		if err != nil || node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
			continue
		}
		lines[i] = node.GetToken().Position.Line
	}
	return lines
}
