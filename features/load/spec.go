package load

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml"

	"sluice/features/native"
	"sluice/features/store"
	"sluice/internal/prescan"
	"sluice/internal/tensor"
)

// Spec says which columns of a file become which of a view.
type Spec struct {
	// Store is the store's name in the gateway's settings.
	Store string `yaml:"store"`
	// View is the name under which the store keeps the rows.
	View string `yaml:"view"`
	// Keys name an entity, in the order of the model's settings.
	Keys    []Field `yaml:"keys"`
	Columns []Field `yaml:"columns"`
	// Time is when a row's values became true. Without one that is not known, and rows cannot be upserted.
	Time *Time `yaml:"time"`

	group  *store.Group
	schema *native.Schema
}

// Field is one column of the file.
type Field struct {
	// Name is that of the key or the feature; From that of the column, if it is another.
	Name string `yaml:"name"`
	From string `yaml:"from"`
	// Type is INT64, INT32 or BYTES for a key, and the type in which the store keeps a feature.
	Type string `yaml:"type"`
	// Width is the elements of a list; 1 if it is not given.
	Width int `yaml:"width"`
}

// Time is the column of event times.
type Time struct {
	From string `yaml:"from"`
	// Unit is that of plain numbers since 1970: s, ms, us or ns; s if it is not given.
	Unit string `yaml:"unit"`
}

// maxSpec bounds the file of a spec.
const maxSpec = 4 << 20

// ReadSpec reads a spec from a file.
func ReadSpec(path string) (*Spec, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the spec: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSpec+1))
	if err == nil && len(text) > maxSpec {
		err = fmt.Errorf("it is longer than %d bytes", maxSpec)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the spec %s: %w", path, err)
	}
	s, err := ParseSpec(text)
	if err != nil {
		return nil, fmt.Errorf("spec %s: %w", path, err)
	}
	return s, nil
}

// ParseSpec reads a spec.
func ParseSpec(text []byte) (_ *Spec, err error) {
	// The library panics over some nodes whose tag contradicts their content.
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("it is no readable YAML: %v", cause)
		}
	}()
	if err := prescan.YAML(text); err != nil {
		return nil, err
	}
	s := &Spec{}
	if err := yaml.UnmarshalWithOptions(text, s, yaml.Strict()); err != nil {
		return nil, errors.New(yaml.FormatError(err, false, false))
	}
	return s, s.complete()
}

// units are those of numbers that are times.
var units = map[string]int64{"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1}

func (s *Spec) complete() error {
	if err := native.CheckName(s.View); err != nil {
		return err
	}
	g := store.Group{Name: s.View, View: s.View}
	for i := range s.Keys {
		k := &s.Keys[i]
		kind := store.ParseKeyType(k.Type)
		if kind == 0 || k.Name == "" || k.Width > 1 {
			return fmt.Errorf("key %q of type %q: a key has a name, is INT64, INT32 or BYTES, and no list", k.Name, k.Type)
		}
		k.From = cmp.Or(k.From, k.Name)
		g.Keys = append(g.Keys, store.KeyColumn{Name: k.Name, Type: kind})
	}
	for i := range s.Columns {
		c := &s.Columns[i]
		c.From, c.Width = cmp.Or(c.From, c.Name), cmp.Or(c.Width, 1)
		g.Columns = append(g.Columns, store.Column{Name: c.Name, Type: tensor.ParseDataType([]byte(c.Type)), Width: c.Width})
	}
	if s.Time != nil {
		s.Time.Unit = cmp.Or(s.Time.Unit, "s")
		if s.Time.From == "" || units[s.Time.Unit] == 0 {
			return fmt.Errorf("time from %q in %q: it has a column, and a unit of s, ms, us or ns", s.Time.From, s.Time.Unit)
		}
	}
	var err error
	if s.group, err = store.NewGroup(g); err != nil {
		return err
	}
	s.schema, err = native.SchemaOf(s.group)
	return err
}

// Group is the columns as a reader of the store wants them.
func (s *Spec) Group() *store.Group { return s.group }

// Fields are the columns that are read from the file: the keys, the features, the time if there is one.
func (s *Spec) Fields() (names []string) {
	for _, f := range s.Keys {
		names = append(names, f.From)
	}
	for _, f := range s.Columns {
		names = append(names, f.From)
	}
	if s.Time != nil {
		names = append(names, s.Time.From)
	}
	return names
}
