package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"sluice/internal/near"
	"sluice/internal/prescan"
)

// Parse reads a file's text over the defaults; name is what faults call the file. It
// reports every unknown or repeated key and every value that cannot be read, each with
// its line. The result is not validated yet.
//
// Only the YAML parser of the library is used and not its decoder, which takes 1.5 for
// 1, 010 for 8, and a key without a value or an empty file for zeros.
func Parse(name string, text []byte) (*Config, error) {
	text = prescan.Unmarked(text)
	if err := prescan.YAML(text); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntaxFault(name, err)
	}
	c := Default()
	r := reader{name: name, config: c}
	documents := 0
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if documents++; documents > 1 {
			r.fault(doc.Body, "begins a second document: a file holds one")
			break
		}
		r.section("", reflect.ValueOf(c).Elem(), doc.Body)
	}
	if err := errors.Join(r.faults...); err != nil {
		return nil, err
	}
	return c, nil
}

// syntaxFault says where a text is no YAML, and what to look at.
func syntaxFault(name string, err error) error {
	var at *yaml.SyntaxError
	if !errors.As(err, &at) || at.Token == nil {
		return fmt.Errorf("%s: it cannot be read as YAML: %s", name, yaml.FormatError(err, false, false))
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(at.Message, "character '\t'", "a tab")), " ")
	hint := "see to the indentation, the colons and the brackets there"
	switch {
	case strings.Contains(at.Message, "found character '\t'"):
		hint = "indent with spaces, not with tabs"
	case strings.Contains(at.Message, "already defined"):
		hint = "leave one out"
	}
	return fmt.Errorf("%s:%d:%d: %s; %s", name, at.Token.Position.Line, at.Token.Position.Column, text, hint)
}

// String is the effective configuration as a file that Parse reads back to the same.
func (c *Config) String() string {
	text, err := yaml.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("BUG: cannot write the configuration: %v", err))
	}
	return string(text)
}

type reader struct {
	name   string
	config *Config
	faults []error
}

func (r *reader) at(node ast.Node) string {
	return fmt.Sprintf("%s:%d", r.name, node.GetToken().Position.Line)
}

func (r *reader) fault(node ast.Node, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s: "+format, append([]any{r.at(node)}, args...)...))
}

// section reads a mapping into a struct. The prefix of its keys is empty or ends with a dot.
func (r *reader) section(prefix string, target reflect.Value, node ast.Node) {
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		name := strings.TrimSuffix(prefix, ".")
		if name == "" {
			name = "the file"
		}
		r.fault(node, "%s must be a mapping of settings, not %s", name, describe(node))
		return
	}
	for _, entry := range mapping.Values {
		key := entry.Key.GetToken().Value
		path := prefix + key
		field, tag, known := fieldOf(target, key)
		switch {
		case !known && refusal(path) != "":
			r.fault(entry.Key, "%s is refused: %s", path, refusal(path))
		case !known:
			r.fault(entry.Key, "there is no setting %s%s: %s", path, near.Meant(key, keysOf(target)), r.listed(prefix, key, target))
		case field.Kind() == reflect.Struct:
			r.section(path+".", field, entry.Value)
		default:
			r.setting(path, tag, field, entry.Value)
		}
	}
}

func (r *reader) setting(path string, tag reflect.StructTag, field reflect.Value, node ast.Node) {
	switch list, isList := node.(*ast.SequenceNode); {
	case isList && field.Type() == reflect.TypeFor[[]Device]():
		sections(r, path, field, list, DefaultDevice(""), func(d *Device, name string) { d.Name = name })
		return
	case isList && field.Type() == reflect.TypeFor[[]FeatureStore]():
		sections(r, path, field, list, DefaultFeatureStore(), nil)
		return
	case isList && field.Kind() == reflect.Slice:
		r.list(path, field, list)
		return
	case field.Kind() == reflect.Map:
		r.mapping(path, field, node)
		return
	}
	text, ok := scalar(node)
	word := ok && tag.Get("word") == text && text != "" // it may stand for the list
	if !ok || field.Kind() == reflect.Slice && !word {
		want := "a single value"
		if field.Kind() == reflect.Slice {
			want = "a list"
		}
		r.fault(node, "%s must be %s, not %s", path, want, describe(node))
		return
	}
	if err := assign(field, text); err != nil {
		r.fault(node, "%s: %w", path, err)
		return
	}
	r.config.sources[path] = r.at(node)
}

// list reads a sequence of single values.
func (r *reader) list(path string, field reflect.Value, node *ast.SequenceNode) {
	values := make([]string, 0, len(node.Values))
	for i, value := range node.Values {
		text, ok := scalar(value)
		if !ok {
			r.fault(value, "%s[%d] must be a single value, not %s", path, i, describe(value))
			continue
		}
		values = append(values, text)
	}
	if len(values) > 0 {
		field.Set(reflect.ValueOf(values))
	}
	r.config.sources[path] = r.at(node)
}

// sections reads a list of sections, each over the defaults; one that is only named may be its name alone, if named is given.
func sections[T any](r *reader, path string, field reflect.Value, node *ast.SequenceNode, defaults T, named func(*T, string)) {
	var all []T
	for i, value := range node.Values {
		own := fmt.Sprintf("%s[%d]", path, i)
		one := defaults
		if name, ok := scalar(value); ok && named != nil {
			named(&one, name)
		} else {
			r.section(own+".", reflect.ValueOf(&one).Elem(), value)
		}
		r.config.sources[own] = r.at(value)
		all = append(all, one)
	}
	field.Set(reflect.ValueOf(all))
	r.config.sources[path] = r.at(node)
}

// mapping reads names with single values.
func (r *reader) mapping(path string, field reflect.Value, node ast.Node) {
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		r.fault(node, "%s must be a mapping of names to values, not %s", path, describe(node))
		return
	}
	values := make(map[string]string, len(mapping.Values))
	for _, entry := range mapping.Values {
		key := entry.Key.GetToken().Value
		text, ok := scalar(entry.Value)
		if !ok {
			r.fault(entry.Value, "%s.%s must be a single value, not %s", path, key, describe(entry.Value))
			continue
		}
		values[key] = text
	}
	if len(values) > 0 {
		field.Set(reflect.ValueOf(values))
	}
	r.config.sources[path] = r.at(node)
}

// maxListed is how many settings of a section a fault lists.
const maxListed = 30

// listed says which settings a section has, those that are near the key first.
func (r *reader) listed(prefix, key string, target reflect.Value) string {
	section := "the file"
	if prefix != "" {
		section = strings.TrimSuffix(prefix, ".")
	}
	return section + " may have " + near.First(key, keysOf(target), maxListed)
}

// keysOf lists the settings and sections of a struct.
func keysOf(section reflect.Value) (keys []string) {
	for field := range section.Fields() {
		if field.IsExported() {
			keys = append(keys, field.Tag.Get("yaml"))
		}
	}
	return keys
}

func fieldOf(section reflect.Value, key string) (reflect.Value, reflect.StructTag, bool) {
	for field, value := range section.Fields() {
		if field.IsExported() && field.Tag.Get("yaml") == key {
			return value, field.Tag, true
		}
	}
	return reflect.Value{}, "", false
}

// scalar returns the text of a single value as it was written, without quotes.
func scalar(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NanNode, *ast.InfinityNode:
		return node.GetToken().Value, true
	default:
		return "", false
	}
}

func describe(node ast.Node) string {
	switch node.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.MappingNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias"
	default:
		return fmt.Sprintf("%q", node.String())
	}
}
