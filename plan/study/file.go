package study

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"sluice/internal/near"
	"sluice/internal/prescan"
	"sluice/internal/remedy"
	"sluice/internal/task"
	"sluice/plan"
)

const normal = task.Normal

// reader reads YAML strictly: every key is known and comes once, every fault names its
// line. Only the parser of the library is used, as in config, because its decoder takes
// many things for numbers.
type reader struct {
	name   string
	faults []error
}

// read parses a file and hands its one document to read.
func read(path string, text []byte, read func(*reader, ast.Node)) error {
	if err := prescan.YAML(text); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, false))
	}
	r := &reader{name: path}
	documents := 0
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if documents++; documents > 1 {
			r.fault(doc.Body, "begins a second document: a file holds one")
			break
		}
		read(r, doc.Body)
	}
	if documents == 0 {
		return fmt.Errorf("%s: the file is empty", path)
	}
	return errors.Join(r.faults...)
}

func (r *reader) fault(node ast.Node, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s:%d: "+format, append([]any{r.name, node.GetToken().Position.Line}, args...)...))
}

// mapping calls each for the keys of a mapping; it reports whether a key is known.
func (r *reader) mapping(node ast.Node, what string, keys []string, each func(key string, value ast.Node) bool) {
	m, ok := node.(*ast.MappingNode)
	if !ok {
		r.fault(node, "%s must be a mapping", what)
		return
	}
	var seen []string
	for _, entry := range m.Values {
		key := entry.Key.GetToken().Value
		if slices.Contains(seen, key) {
			r.fault(entry.Key, "%s comes twice", key)
		} else if seen = append(seen, key); !each(key, entry.Value) {
			r.fault(entry.Key, "there is no key %s in %s%s, which may have %s", key, what, near.Meant(key, keys), near.First(key, keys, len(keys)))
		}
	}
}

// field is a key of a mapping, and what reads its value, which is a single one.
type field struct {
	key string
	set func(text string) error
}

// fields reads a mapping that has only such keys.
func (r *reader) fields(node ast.Node, what string, fields ...field) {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	r.mapping(node, what, keys, func(key string, value ast.Node) bool {
		i := slices.Index(keys, key)
		return i >= 0 && r.value(value, key, fields[i].set)
	})
}

// list calls each for the entries of a list.
func (r *reader) list(node ast.Node, what string, each func(ast.Node)) {
	s, ok := node.(*ast.SequenceNode)
	if !ok {
		r.fault(node, "%s must be a list", what)
		return
	}
	for _, entry := range s.Values {
		each(entry)
	}
}

// value hands the text of a single value to set.
func (r *reader) value(node ast.Node, what string, set func(text string) error) bool {
	switch n := node.(type) {
	case *ast.StringNode:
		r.set(node, what, n.Value, set)
	case *ast.IntegerNode, *ast.FloatNode:
		r.set(node, what, node.GetToken().Value, set)
	default:
		r.fault(node, "%s must be a single value", what)
	}
	return true
}

func (r *reader) set(node ast.Node, what, text string, set func(string) error) {
	if err := set(text); err != nil {
		r.fault(node, "%s: %w", what, err)
	}
}

// studyKeys are those of a study: its sections, and what is a flag, too.
func studyKeys() []string {
	keys := []string{"fleet", "models", "traffic"}
	for _, o := range Options {
		key := strings.ReplaceAll(o.Name, "-", "_")
		if key != "fleet" && key != "load" && key != "rows" {
			keys = append(keys, key)
		}
	}
	return keys
}

// file reads a study. Paths in it count from its folder.
func (b *builder) file(path string) error {
	text, err := prescan.ReadFile(path, prescan.MaxYAMLBytes)
	if err != nil {
		return fmt.Errorf("cannot read the study %s: %w", path, remedy.Named(err))
	}
	return read(path, text, func(r *reader, node ast.Node) {
		r.mapping(node, "the study", studyKeys(), func(key string, value ast.Node) bool {
			switch key {
			case "fleet":
				b.fleet(r, value)
			case "models":
				r.list(value, key, func(n ast.Node) { b.model(r, n) })
			case "traffic":
				r.list(value, key, func(n ast.Node) { b.traffic(r, filepath.Dir(path), n) })
			default:
				return b.option(r, filepath.Dir(path), key, value)
			}
			return true
		})
	})
}

// option sets what is a flag, too.
func (b *builder) option(r *reader, dir, key string, value ast.Node) bool {
	i := slices.IndexFunc(Options, func(o Option) bool { return strings.ReplaceAll(o.Name, "-", "_") == key })
	if i < 0 || key == "load" || key == "rows" { // those are in traffic
		return false
	}
	o := Options[i]
	set := func(text string) error {
		if (key == "costs" || key == "trace") && !filepath.IsAbs(text) {
			text = filepath.Join(dir, text)
		}
		return o.set(b, text)
	}
	if list, ok := value.(*ast.SequenceNode); ok && (o.Many || key == "sweep") {
		var texts []string
		for _, entry := range list.Values {
			r.value(entry, key, func(text string) error { texts = append(texts, text); return nil })
		}
		if key == "sweep" {
			texts = []string{strings.Join(texts, ",")}
		}
		for _, text := range texts {
			r.set(value, key, text, set)
		}
		return true
	}
	return r.value(value, key, set)
}

// fleet reads gpu=2,cpu=1x4 or a list of groups.
func (b *builder) fleet(r *reader, node ast.Node) {
	if _, ok := node.(*ast.SequenceNode); !ok {
		r.value(node, "fleet", func(text string) (err error) {
			b.q.Study.Fleet, err = plan.ParseFleet(text)
			return err
		})
		return
	}
	r.list(node, "fleet", func(n ast.Node) {
		g := plan.Group{Count: 1}
		r.fields(n, "a group of the fleet",
			field{"kind", name(&g.Kind)}, field{"count", whole(&g.Count)}, field{"lanes", whole(&g.Lanes)}, field{"contention", number(&g.Contention)})
		b.q.Study.Fleet = append(b.q.Study.Fleet, g)
	})
}

func (b *builder) model(r *reader, node ast.Node) {
	var m plan.Model
	r.fields(node, "a model",
		field{"name", name(&m.Name)}, field{"budget", span(&m.Budget)}, field{"max_batch", whole(&m.MaxBatch)}, field{"weight", number(&m.Weight)})
	if m.Name == "" {
		r.fault(node, "a model has no name")
	} else if b.named(m.Name) {
		r.fault(node, "the model %s comes twice", m.Name)
	}
	b.q.Study.Models = append(b.q.Study.Models, m)
}

func (b *builder) traffic(r *reader, dir string, node ast.Node) {
	t := plan.Traffic{Model: "model", Priority: normal}
	load := func(text string) (err error) {
		if file, ok := strings.CutPrefix(text, "trace:"); ok && file != "" && !filepath.IsAbs(file) {
			text = "trace:" + filepath.Join(dir, file)
		}
		t.Load, err = plan.ParseLoad(text)
		return err
	}
	rows := func(text string) (err error) { t.Rows, err = plan.ParseRows(text); return err }
	priority := func(text string) error {
		class := slices.Index([]string{"high", "normal", "low"}, text)
		if class < 0 {
			return fmt.Errorf("%q is not high, normal or low", text)
		}
		t.Priority = task.Priority(class)
		return nil
	}
	r.fields(node, "traffic",
		field{"model", name(&t.Model)}, field{"load", load}, field{"rows", rows}, field{"budget", span(&t.Budget)}, field{"priority", priority})
	if t.Load.String() == "" && len(r.faults) == 0 {
		r.fault(node, "traffic for %s has no load", t.Model)
	}
	b.q.Study.Traffic = append(b.q.Study.Traffic, t)
}

// named reports whether the study has settings for a model.
func (b *builder) named(model string) bool {
	return slices.ContainsFunc(b.q.Study.Models, func(m plan.Model) bool { return m.Name == model })
}

func name(to *string) func(string) error {
	return func(text string) error { *to = text; return nil }
}

func whole(to *int) func(string) error {
	return func(text string) (err error) {
		if *to, err = strconv.Atoi(text); err != nil || *to < 1 {
			return fmt.Errorf("%q is not a whole number from 1", text)
		}
		return nil
	}
}

func number(to *float64) func(string) error {
	return func(text string) (err error) {
		if *to, err = strconv.ParseFloat(text, 64); err != nil || !(*to >= 0) {
			return fmt.Errorf("%q is not a number from 0", text)
		}
		return nil
	}
}

func span(to *time.Duration) func(string) error {
	return func(text string) (err error) {
		if *to, err = time.ParseDuration(text); err != nil || *to <= 0 {
			return fmt.Errorf("%q is not a length of time, such as 20ms", text)
		}
		return nil
	}
}
