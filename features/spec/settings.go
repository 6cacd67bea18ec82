package spec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings is the section features of a model's settings.
type Settings struct {
	// Entities are the inputs of requests that name rows of stores, with their types, INT64, INT32 or BYTES, which must be
	// given. A request gives one value for all of its rows, or one for each.
	Entities map[string]string `yaml:"entities"`
	// Groups are the features that are read together, by names of your own, which must be given.
	Groups map[string]Group `yaml:"groups"`
	// Inputs are the model's inputs that are filled, each with its columns in order, which must be given. The others are sent
	// as before.
	Inputs map[string][]Column `yaml:"inputs"`
	// MinPresent is the share of stored values that a request must have found, from 0 to 1. Default 0: any. Below it the
	// ladder answers, or the request is refused (503). Too high refuses requests that defaults would have served.
	MinPresent float64 `yaml:"min_present"`
	// Ladder is what answers below min_present, in this order: previous, the version before; {model: NAME} or {model: NAME:VERSION},
	// another model; {constant: {OUTPUT: VALUE}}, a value for every output. Default none: the request is refused (503).
	Ladder []Rung `yaml:"ladder"`
}

// Group is the features of one view of a store.
type Group struct {
	// Store is the store's name in the gateway's setting feature_stores, which must be given.
	Store string `yaml:"store"`
	// View is the name under which the store has the features. Default empty: the group's own.
	View string `yaml:"view"`
	// Keys are the entities that name a row, as a list, or with the names by which the store knows them: {driver_id: user}. They
	// must be given.
	Keys Keys `yaml:"keys"`
	// Budget is how long a request waits for the store. Default 5ms. It waits less where the request's own time is short.
	// Too low gives defaults where values would have come; too high spends the time of the model.
	Budget time.Duration `yaml:"budget"`
	// MaxAge is how old values may be before they count as stale. Default 0: any age. Values whose age the store does not tell are
	// stale where it is set.
	MaxAge time.Duration `yaml:"max_age"`
	// OnStale says what becomes of stale values: use, default, which puts the column's default in their place, or fail, which refuses
	// the request (503). Default use.
	OnStale string `yaml:"on_stale"`
	// Cache keeps what was read. Default absent: nothing is kept.
	Cache Cache `yaml:"cache"`
}

// Cache is how long rows of a group are kept.
type Cache struct {
	// TTL is how long a row is kept. Default 0: not at all. Too long serves values that the store has replaced.
	TTL time.Duration `yaml:"ttl"`
	// Negative is how long it is kept that a store has no row. Default 0: not at all.
	Negative time.Duration `yaml:"negative"`
}

// Column is one column of a filled input, or several for a list.
type Column struct {
	// Feature is GROUP:FEATURE, a stored value. Default none, of a column with request.
	Feature string `yaml:"feature"`
	// Request is the name of an input of requests that fills the column. Default none, of a column with feature.
	Request string `yaml:"request"`
	// Width is the elements of a list, each of which is a column. Default 1, a number.
	Width int `yaml:"width"`
	// Default stands in for a value that the store has not: a number, nan, a list with a number for each element, or required, which
	// refuses the request (422). Default required.
	Default Default `yaml:"default"`
	// Stored is the type in which a store with a layout of its own keeps the value, such as FP16. Default empty: that of
	// the input.
	Stored string `yaml:"stored"`
}

// Key is an entity by the name that the store has for it.
type Key struct{ Join, Entity string }

// Keys are the values of which the name of a row consists.
type Keys []Key

// UnmarshalYAML reads a list of entities, or a mapping of the store's names to entities.
func (k *Keys) UnmarshalYAML(decode func(any) error) error {
	var v any
	if err := decode(&v); err != nil {
		return err
	}
	return k.Set(v)
}

// Set takes what YAML has made of the value.
func (k *Keys) Set(v any) error {
	*k = nil
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			name, ok := e.(string)
			if !ok {
				return fmt.Errorf("it has the element %.40q; it must be a list of entities, such as [user_id], or a mapping such as {driver_id: user_id}", fmt.Sprint(e))
			}
			*k = append(*k, Key{name, name})
		}
		return nil
	case map[string]any:
		for _, join := range slices.Sorted(maps.Keys(v)) {
			entity, ok := v[join].(string)
			if !ok {
				return fmt.Errorf("%.40q is for %.40q; it must be the name of an entity", join, fmt.Sprint(v[join]))
			}
			*k = append(*k, Key{join, entity})
		}
		return nil
	}
	return fmt.Errorf("it is %.40q; it must be a list of entities, such as [user_id], or a mapping such as {driver_id: user_id}", fmt.Sprint(v))
}

// MarshalYAML is the settings' form.
func (k Keys) MarshalYAML() (any, error) {
	named := make(map[string]string, len(k))
	for _, key := range k {
		named[key.Join] = key.Entity
	}
	return named, nil
}

// Default is what stands in for a value: a word or numbers as texts, so that none loses digits. Empty is Required.
type Default []string

// Required is the default of a column that must have its value.
const Required = "required"

// notANumber is the word for NaN.
const notANumber = "nan"

// UnmarshalYAML reads a number, a word, or a list of numbers.
func (d *Default) UnmarshalYAML(decode func(any) error) error {
	var v any
	if err := decode(&v); err != nil {
		return err
	}
	return d.Set(v)
}

// Set takes what YAML has made of the value.
func (d *Default) Set(v any) error {
	*d = nil
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		text, _ := numberText(e)
		if word, ok := e.(string); ok {
			text = strings.ToLower(word)
		}
		if _, err := strconv.ParseFloat(text, 64); err != nil && (text != Required || ok) {
			return fmt.Errorf("it is %.40q; it must be a number, nan, a list of numbers, or required", fmt.Sprint(e))
		}
		*d = append(*d, text)
	}
	return nil
}

// required tells whether there is no value that could stand in.
func (d Default) required() bool { return len(d) == 0 || d[0] == Required }

// width is the elements of the column.
func (c *Column) width() int { return cmp.Or(c.Width, 1) }
