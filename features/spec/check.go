package spec

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sluice/features/store"
	"sluice/internal/near"
	"sluice/internal/tensor"
)

// Fault is something that is wrong, and the setting that it is about, such as features.groups.user.
type Fault struct {
	At  string
	Err error
}

// The bounds of a section.
const (
	maxEntities = 32
	maxGroups   = 64
	maxColumns  = 1 << 16 // of all inputs
	maxWidth    = 1 << 16
	maxName     = 256
	maxTime     = 366 * 24 * time.Hour
	maxBudget   = time.Minute
)

// keyTypes are the types of entities by name.
var keyTypes = map[string]store.KeyType{"INT64": store.Int64, "INT32": store.Int32, "BYTES": store.Text}

// The words of on_stale.
const (
	OnStaleUse     = "use"
	OnStaleDefault = "default"
	OnStaleFail    = "fail"
)

// checker collects faults.
type checker struct {
	*Settings
	faults []Fault
}

func (c *checker) fail(at, format string, args ...any) {
	c.faults = append(c.faults, Fault{"features" + at, fmt.Errorf(format, args...)})
}

// Check finds fault with the settings as far as they themselves tell.
func (s *Settings) Check() []Fault {
	c := checker{Settings: s}
	switch {
	case len(s.Inputs) == 0:
		c.fail("", "it fills no input: name one in inputs, with its columns")
	case len(s.Entities) > maxEntities:
		c.fail(".entities", "there are %d entities; the limit is %d", len(s.Entities), maxEntities)
	case len(s.Groups) > maxGroups:
		c.fail(".groups", "there are %d groups; the limit is %d", len(s.Groups), maxGroups)
	}
	if !(s.MinPresent >= 0 && s.MinPresent <= 1) {
		c.fail(".min_present", "it is %v; it must be a share from 0 to 1", s.MinPresent)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Entities)) {
		if err := checkName(name); err != nil {
			c.fail(".entities", "%w", err)
		}
		if kind := s.Entities[name]; keyTypes[kind] == 0 {
			c.fail(".entities."+name, "it is of type %.40q; it must be INT64, INT32 or BYTES%s", kind, near.Meant(kind, []string{"INT64", "INT32", "BYTES"}))
		}
		if !s.keyed(name) {
			c.fail(".entities."+name, "no group has it as a key: name it in keys, or take it out")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Groups)) {
		g := s.Groups[name]
		c.group(".groups."+name, name, &g)
	}
	c.columns()
	c.ladder()
	return c.faults
}

// keyed tells whether an entity is a key of a group.
func (s *Settings) keyed(entity string) bool {
	for _, g := range s.Groups {
		if slices.ContainsFunc(g.Keys, func(k Key) bool { return k.Entity == entity }) {
			return true
		}
	}
	return false
}

// checkName holds a name of the settings' own against what can be told from others.
func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.Contains(name, ":") {
		return fmt.Errorf("it has the name %.80q; a name has 1 to %d bytes and no colon", name, maxName)
	}
	return nil
}

func (c *checker) group(at, name string, g *Group) {
	if err := checkName(name); err != nil {
		c.fail(at, "%w", err)
	}
	if g.Store == "" {
		c.fail(at, "it has no store; name one of the gateway's setting feature_stores")
	}
	if len(g.Keys) == 0 {
		c.fail(at, "it has no keys; name the entities that its rows are of, such as keys: [%s]", first(c.Entities, "user_id"))
	}
	for i, key := range g.Keys {
		switch _, known := c.Entities[key.Entity]; {
		case !known:
			names := slices.Sorted(maps.Keys(c.Entities))
			c.fail(at, "its key %.60q is no entity%s; add it to entities, with its type", key.Entity, near.Meant(key.Entity, names))
		case key.Join == "" || slices.ContainsFunc(g.Keys[:i], func(k Key) bool { return k.Join == key.Join }):
			c.fail(at, "its keys have the name %.60q twice, or an empty one", key.Join)
		}
	}
	for _, t := range []struct {
		name  string
		value time.Duration
		most  time.Duration
	}{{"budget", g.Budget, maxBudget}, {"max_age", g.MaxAge, maxTime}, {"cache.ttl", g.Cache.TTL, maxTime}, {"cache.negative", g.Cache.Negative, maxTime}} {
		if t.value < 0 || t.value > t.most {
			c.fail(at, "%s is %v; it must be from 0 to %v, and 0 is the default", t.name, t.value, t.most)
		}
	}
	if words := []string{OnStaleUse, OnStaleDefault, OnStaleFail}; g.OnStale != "" && !slices.Contains(words, g.OnStale) {
		c.fail(at, "on_stale is %.40q; it must be use, default or fail%s", g.OnStale, near.Meant(g.OnStale, words))
	}
	if g.OnStale != "" && g.OnStale != OnStaleUse && g.MaxAge == 0 {
		c.fail(at, "on_stale is %s and nothing is ever stale: set max_age", g.OnStale)
	}
	if g.Cache.Negative > 0 && g.Cache.TTL == 0 {
		c.fail(at, "cache.negative is %v and nothing is cached: set cache.ttl", g.Cache.Negative)
	}
}

// columns holds the columns of all inputs against the groups.
func (c *checker) columns() {
	total, used := 0, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Inputs)) {
		at := ".inputs." + name
		if _, entity := c.Entities[name]; entity {
			c.fail(at, "%.60q is an entity, too: an input that is filled cannot say of what", name)
		}
		if len(c.Inputs[name]) == 0 {
			c.fail(at, "it has no columns; list them in order, or leave the input out to have it sent")
		}
		for i := range c.Inputs[name] {
			col := &c.Inputs[name][i]
			if err := c.column(col); err != nil {
				c.fail(fmt.Sprintf("%s[%d]", at, i), "%w", err)
			}
			total += col.width()
			if group, _, ok := strings.Cut(col.Feature, ":"); ok {
				used[group] = true
			}
		}
	}
	if total > maxColumns {
		c.fail(".inputs", "they have %d columns; the limit is %d", total, maxColumns)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Groups)) {
		if !used[name] {
			c.fail(".groups."+name, "no column is of it: name one of its features in inputs as %s:FEATURE, or take the group out", name)
		}
	}
}

func (c *checker) column(col *Column) error {
	switch {
	case (col.Feature == "") == (col.Request == ""):
		return errors.New("a column has either feature, as GROUP:FEATURE, or request, the name of an input of requests")
	case col.Width < 0 || col.Width > maxWidth:
		return fmt.Errorf("width is %d; it must be from 1 to %d", col.Width, maxWidth)
	case len(col.Default) > 1 && len(col.Default) != col.width():
		return fmt.Errorf("default has %d elements and width is %d; give one number for all, or one for each", len(col.Default), col.width())
	}
	if col.Request != "" {
		if len(col.Default) > 0 || col.Stored != "" {
			return fmt.Errorf("request %.60q has a default or a stored type, and no store has it: a request must have its value", col.Request)
		}
		if _, entity := c.Entities[col.Request]; entity {
			return fmt.Errorf("request %.60q is an entity, whose type is another than that of a column; give the column's value a name of its own", col.Request)
		}
		return checkName(col.Request)
	}
	if kind := tensor.ParseDataType([]byte(col.Stored)); col.Stored != "" && kind.Size() == 0 {
		return fmt.Errorf("stored is %.40q; it must be a type of fixed size, such as FP16", col.Stored)
	}
	group, feature, ok := strings.Cut(col.Feature, ":")
	if !ok || feature == "" || len(feature) > maxName {
		return fmt.Errorf("feature is %.80q; it must be GROUP:FEATURE, with a name of up to %d bytes", col.Feature, maxName)
	}
	if _, known := c.Groups[group]; !known {
		return fmt.Errorf("feature %.80q is of the group %.60q, which groups does not have%s", col.Feature, group, near.Meant(group, slices.Sorted(maps.Keys(c.Groups))))
	}
	return nil
}

// first is the first key in order, or else.
func first(m map[string]string, otherwise string) string {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		return name
	}
	return otherwise
}
