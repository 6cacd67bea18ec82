package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Setting is one setting as it is in force.
type Setting struct {
	Path  string `json:"path"`
	Value any    `json:"value"`
	// Source is where it was set: file:line, a variable or a flag; "default" if nowhere.
	Source  string `json:"source"`
	Default string `json:"default"`
	Env     string `json:"variable"`
	Flag    string `json:"flag"`
}

// Effective lists the settings in the order of the structs, with where each was set.
func (c *Config) Effective() []Setting {
	options := Options()
	settings := make([]Setting, 0, len(options))
	c.walk(func(at place, field reflect.Value) {
		o := &options[len(settings)]
		s := Setting{Path: at.path, Value: field.Interface(), Source: "default", Default: o.Default, Env: o.Env, Flag: o.Flag}
		switch value := s.Value.(type) {
		case time.Duration, Bytes, PerSecond:
			s.Value = plain(value)
		}
		if source := c.sources[at.path]; source != "" {
			s.Source = source
		}
		settings = append(settings, s)
	})
	return settings
}

// MarshalJSON writes a list of sections with the keys that the file has.
func (s Setting) MarshalJSON() ([]byte, error) {
	type plainSetting Setting
	switch s.Value.(type) {
	case []Device, []FeatureStore:
		text, err := yaml.Marshal(s.Value)
		if err != nil {
			return nil, err
		}
		list := []any{}
		if err := yaml.Unmarshal(text, &list); err != nil {
			return nil, err
		}
		s.Value = list
	}
	return json.Marshal(plainSetting(s))
}

// sourceColumn is where the remarks begin that say where a setting comes from.
const sourceColumn = 48

// Annotated is the effective configuration as a file, with a remark behind each setting that says
// where it was set. If changed is given, settings that nobody set are left out.
func (c *Config) Annotated(changed bool) string {
	var b strings.Builder
	var section []string
	for _, s := range c.Effective() {
		if changed && s.Source == "default" {
			continue
		}
		keys := strings.Split(s.Path, ".")
		last := len(keys) - 1
		for i, key := range keys[:last] {
			if i >= len(section) || section[i] != key {
				fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", i), key)
				section = append(section[:min(i, len(section))], key)
			}
		}
		section = section[:last]
		indent := strings.Repeat("  ", last)
		value, block := inYAML(&s)
		if !block {
			fmt.Fprintf(&b, "%-*s # %s\n", sourceColumn, indent+keys[last]+": "+value, s.Source)
			continue
		}
		fmt.Fprintf(&b, "%-*s # %s\n", sourceColumn, indent+keys[last]+":", s.Source)
		for line := range strings.SplitSeq(value, "\n") {
			fmt.Fprintf(&b, "%s  %s\n", indent, line)
		}
	}
	return b.String()
}

// inYAML writes a setting's value; a block goes below its key.
func inYAML(s *Setting) (value string, block bool) {
	if list := reflect.ValueOf(s.Value); list.Kind() == reflect.Slice {
		if list.Len() == 0 {
			return "[]", false
		}
		block = true
	}
	if names := reflect.ValueOf(s.Value); names.Kind() == reflect.Map && names.Len() > 0 {
		block = true
	}
	text, err := yaml.Marshal(s.Value)
	if err != nil {
		panic(fmt.Sprintf("BUG: cannot write %s: %v", s.Path, err))
	}
	value = strings.TrimSpace(string(text))
	return value, block || strings.Contains(value, "\n")
}
