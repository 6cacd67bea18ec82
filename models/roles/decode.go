package roles

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"

	"sluice/internal/prescan"
)

// newerError says that a sound file is of a schema that this program does not know.
type newerError struct{ schema int }

func (e *newerError) Error() string {
	return fmt.Sprintf("it has schema %d, and this program knows %d: a newer one wrote it; run that one here, or name another state folder", e.schema, Schema)
}

// document is a file's content as it is written.
type document struct {
	Schema     int    `yaml:"schema"`
	Generation uint64 `yaml:"generation"`
	Holder     struct {
		ID    string `yaml:"id"`
		Admin string `yaml:"admin"`
	} `yaml:"holder"`
	Models map[string]modelDocument `yaml:"models"`
	Entry  struct {
		Time    string `yaml:"time"`
		Who     string `yaml:"who"`
		Action  string `yaml:"action"`
		Model   string `yaml:"model"`
		Of      string `yaml:"of"`
		Version string `yaml:"version"`
		Digest  string `yaml:"digest"`
		From    string `yaml:"from"`
		Reason  string `yaml:"reason"`
		Key     string `yaml:"key"`
		Share   string `yaml:"share"`
	} `yaml:"entry"`
}

type modelDocument struct {
	Live     string        `yaml:"live"`
	Previous string        `yaml:"previous"`
	Canary   string        `yaml:"canary"`
	Share    string        `yaml:"share"`
	Passed   string        `yaml:"passed"`
	Shadow   []string      `yaml:"shadow"`
	Others   []string      `yaml:"others"`
	Hold     bool          `yaml:"hold"`
	Rejected []string      `yaml:"rejected"`
	Plan     *planDocument `yaml:"plan"`
}

// decode reads a file's text. Whatever is wrong with it is an error, and none of it is taken.
func decode(text []byte) (g generation, err error) {
	// The library panics over some nodes whose tag contradicts their content.
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("it is no readable YAML: %v", cause)
		}
	}()
	if err := checkDigest(text); err != nil {
		return generation{}, err
	}
	if err := prescan.YAML(text); err != nil {
		return generation{}, err
	}
	var about struct {
		Schema int `yaml:"schema"`
	}
	if err := yaml.Unmarshal(text, &about); err != nil {
		return generation{}, plainError(err)
	}
	if about.Schema > Schema {
		return generation{}, &newerError{about.Schema}
	}
	var d document
	if err := yaml.UnmarshalWithOptions(text, &d, yaml.Strict()); err != nil {
		return generation{}, plainError(err)
	}
	if d.Schema < schemaFirst {
		return generation{}, fmt.Errorf("it has schema %d; it must be from %d to %d", d.Schema, schemaFirst, Schema)
	}
	g, err = d.generation()
	if err == nil && d.Schema < g.schema() {
		what := map[int]string{schemaPlan: "a plan", schemaOthers: "a shadow of another model"}[g.schema()]
		return generation{}, fmt.Errorf("it has schema %d and %s, which schema %d has", d.Schema, what, g.schema())
	}
	return g, err
}

// checkDigest holds the first line against the others.
func checkDigest(text []byte) error {
	first, rest, ok := bytes.Cut(text, []byte("\n"))
	said, named := bytes.CutPrefix(first, []byte(digestKey))
	if !ok || !named {
		return errors.New("it does not begin with its digest: it is torn, or none of ours")
	}
	if sum := sha256.Sum256(rest); hex.EncodeToString(sum[:]) != string(said) {
		return fmt.Errorf("its digest is %x and not %.80s: it is torn, or was changed", sum, said)
	}
	return nil
}

// plainError keeps the line and the message; the library's own text quotes the file.
func plainError(err error) error {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
		return fmt.Errorf("line %d: %s", at.GetToken().Position.Line, at.GetMessage())
	}
	return err
}

func (d *document) generation() (g generation, err error) {
	g.state = &State{Schema: d.Schema, Generation: d.Generation, Holder: Holder{d.Holder.ID, d.Holder.Admin}, Models: make(map[string]Model, len(d.Models))}
	for name, m := range d.Models {
		if g.state.Models[name], err = m.model(); err != nil {
			return generation{}, fmt.Errorf("model %.80q: %w", name, err)
		}
	}
	e := &d.Entry
	g.entry = Entry{
		Generation: d.Generation, Who: e.Who, Action: e.Action, Model: e.Model, Of: e.Of, Version: e.Version, Digest: e.Digest, From: e.From, Reason: e.Reason, Key: e.Key,
	}
	if g.entry.Time, err = time.Parse(time.RFC3339Nano, e.Time); err != nil {
		return generation{}, fmt.Errorf("the entry's time %.40q must be as 2026-01-02T15:04:05Z", e.Time)
	}
	g.entry.Time = g.entry.Time.UTC()
	if e.Share != "" {
		if g.entry.Share, err = strconv.ParseFloat(e.Share, 64); err != nil {
			return generation{}, fmt.Errorf("the entry's share %.40q must be a number", e.Share)
		}
	}
	if err := errors.Join(g.state.check(), g.entry.check()); err != nil {
		return generation{}, err
	}
	return g, nil
}

func (d *modelDocument) model() (m Model, err error) {
	m.Hold, m.Passed = d.Hold, d.Passed
	if m.Live, err = optional(d.Live); err != nil {
		return m, err
	}
	if m.Previous, err = optional(d.Previous); err != nil {
		return m, err
	}
	canary, err := optional(d.Canary)
	if err != nil {
		return m, err
	}
	if canary != nil {
		share, err := strconv.ParseFloat(d.Share, 64)
		if err != nil {
			return m, fmt.Errorf("the canary's share %.40q must be a number", d.Share)
		}
		m.Canary = &Canary{*canary, share}
	} else if d.Share != "" {
		return m, errors.New("there is a share and no canary")
	}
	if m.Shadow, err = parsed(d.Shadow, parseRef); err != nil {
		return m, err
	}
	if m.Others, err = parsed(d.Others, parseNamed); err != nil {
		return m, err
	}
	if m.Rejected, err = parsed(d.Rejected, parseRef); err != nil {
		return m, err
	}
	m.Plan, err = d.Plan.plan()
	return m, err
}

func optional(text string) (*Ref, error) {
	if text == "" {
		return nil, nil
	}
	r, err := parseRef(text)
	return &r, err
}

func parsed[T any](texts []string, parse func(string) (T, error)) (all []T, err error) {
	for _, text := range texts {
		one, err := parse(text)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}
