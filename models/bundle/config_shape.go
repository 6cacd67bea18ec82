package bundle

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"sluice/compare/criteria"
	"sluice/features/spec"
	"sluice/internal/near"
	"sluice/internal/prescan"
)

// document is one model.yaml that is read.
type document struct {
	file string // what messages call it
	// lacks is the value of the tag in of the keys that it may not have; empty if it may have all.
	lacks  string
	text   []byte
	silent []string // the keys without a value, see decode
}

// read decodes at most one document over what c holds, and returns its keys with their values, those of
// merged mappings too.
func (d *document) read(c *Config) (values map[string]any, err error) {
	// The library panics over some nodes whose tag contradicts their content.
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%s is no readable YAML: %v", d.file, cause)
		}
	}()
	if err := prescan.YAML(d.text); err != nil {
		return nil, fmt.Errorf("%s: %w", d.file, err)
	}
	file, err := parser.ParseBytes(d.text, 0)
	if err != nil {
		return nil, fmt.Errorf("%w; see to the indentation, the colons and the brackets there", d.yamlError(err))
	}
	if len(file.Docs) > 1 {
		return nil, fmt.Errorf("%s has %d documents; one is read", d.file, len(file.Docs))
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, nil
	}
	// Decoding nothing, such as comments alone, would reset the defaults.
	body := file.Docs[0].Body
	if body.Type() == ast.NullType || body.Type() == ast.CommentType {
		return nil, nil
	}
	if err := d.checkShape(body); err != nil {
		return nil, err
	}
	if err := yaml.NodeToValue(body, c, yaml.Strict()); err != nil {
		return nil, d.yamlError(err)
	}
	if err := yaml.NodeToValue(body, &values); err != nil {
		return nil, d.yamlError(err)
	}
	return values, nil
}

var configType = reflect.TypeFor[Config]()

// yamlError keeps the line and the message; the library's own text quotes the file. What it says of
// a value that does not fit names Go types. Such a value has got past checkShape behind an anchor, an
// alias, a tag or a merged key.
func (d *document) yamlError(err error) error {
	var misfit *yaml.TypeError
	if errors.As(err, &misfit) && misfit.Token != nil && misfit.Token.Position != nil {
		key := "the value"
		if misfit.StructFieldName != nil {
			if f, known := configType.FieldByName((*misfit.StructFieldName)[strings.LastIndex(*misfit.StructFieldName, ".")+1:]); known {
				key = f.Tag.Get("yaml")
			}
		}
		return fmt.Errorf("%s line %d: %s cannot be %s: write out what the anchors, aliases and tags there stand for", d.file, misfit.Token.Position.Line, key, describeType(misfit.SrcType))
	}
	var positioned yaml.Error
	if errors.As(err, &positioned) && positioned.GetToken() != nil && positioned.GetToken().Position != nil {
		return fmt.Errorf("%s line %d: %s", d.file, positioned.GetToken().Position.Line, positioned.GetMessage())
	}
	return fmt.Errorf("%s: %w", d.file, err)
}

// checkShape holds a document against what Config can take, before the library decodes it: its
// own faults name Go types, and only the first of them. Anchors, aliases, tags and merged keys are
// left to the library.
func (d *document) checkShape(node ast.Node) error {
	s := shape{document: d}
	s.section("", configType, node)
	return errors.Join(s.faults...)
}

type shape struct {
	*document
	faults []error
}

func (s *shape) fault(node ast.Node, format string, args ...any) {
	where := s.file
	if token := node.GetToken(); token != nil && token.Position != nil {
		where = fmt.Sprintf("%s line %d", s.file, token.Position.Line)
	}
	s.faults = append(s.faults, fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...)))
}

// section checks the keys of a struct. The prefix is empty or ends with a dot.
func (s *shape) section(prefix string, t reflect.Type, node ast.Node) {
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		if opaque(node) {
			return
		}
		what := strings.TrimSuffix(prefix, ".")
		if what == "" {
			what = "the file"
		}
		s.fault(node, "%s must be a mapping of keys to values, not %s", what, describeNode(node))
		return
	}
	fields, keys := map[string]reflect.Type{}, []string{}
	for i := range t.NumField() {
		f, key := t.Field(i), t.Field(i).Tag.Get("yaml")
		if key == "-" {
			continue
		}
		if fields[key] = f.Type; s.lacks == "" || f.Tag.Get("in") != s.lacks {
			keys = append(keys, key)
		}
	}
	for _, entry := range mapping.Values {
		if entry.Key.Type() == ast.MergeKeyType || opaque(entry.Key) {
			continue
		}
		key := entry.Key.GetToken().Value
		field, known := fields[key]
		if !known {
			of := s.file
			if prefix != "" {
				of = strings.TrimSuffix(prefix, ".")
			}
			s.fault(entry.Key, "there is no key %.60q%s: %s may have %s", prefix+key, near.Meant(key, keys), of, near.First(key, keys, len(keys)))
			continue
		}
		s.value(prefix+key, field, entry.Value)
	}
}

// value checks that a node is of the kind that a type takes.
func (s *shape) value(path string, t reflect.Type, node ast.Node) {
	if opaque(node) || node.Type() == ast.NullType {
		return
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[spec.Keys]():
		s.whole(path, new(spec.Keys), node)
		return
	case reflect.TypeFor[spec.Default]():
		s.whole(path, new(spec.Default), node)
		return
	case reflect.TypeFor[spec.Rung]():
		s.whole(path, new(spec.Rung), node)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		s.section(path+".", t, node)
	case reflect.Slice:
		list, ok := node.(*ast.SequenceNode)
		if !ok {
			s.fault(node, "%s must be a list, such as [%s], not %s", path, example(t.Elem()), describeNode(node))
			return
		}
		for i, value := range list.Values {
			s.value(fmt.Sprintf("%s[%d]", path, i), t.Elem(), value)
		}
	case reflect.Map:
		mapping, ok := node.(*ast.MappingNode)
		if !ok {
			s.fault(node, "%s must be a mapping of names to values, not %s", path, describeNode(node))
			return
		}
		for _, entry := range mapping.Values {
			if entry.Key.Type() != ast.MergeKeyType && !opaque(entry.Key) {
				s.value(path+"."+entry.Key.GetToken().Value, t.Elem(), entry.Value)
			}
		}
	default:
		s.scalar(path, t, node)
	}
}

// whole checks a value whose type itself says what it takes.
func (s *shape) whole(path string, into interface{ Set(v any) error }, node ast.Node) {
	var v any
	err := yaml.NodeToValue(node, &v)
	if err == nil {
		err = into.Set(v)
	}
	if err != nil {
		s.fault(node, "%s: %v", path, err)
	}
}

// scalar checks a single value.
func (s *shape) scalar(path string, t reflect.Type, node ast.Node) {
	text, ok := scalarText(node)
	if !ok {
		s.fault(node, "%s must be a single value, not %s", path, describeNode(node))
		return
	}
	kind := node.Type()
	switch {
	case t == reflect.TypeFor[time.Duration]():
		if _, err := time.ParseDuration(text); err != nil {
			s.fault(node, "%s is %.40q; it must be a time such as 250ms or 5s", path, text)
		}
	case t == reflect.TypeFor[criteria.Limit]():
		if _, err := criteria.ParseLimit(text); err != nil {
			s.fault(node, "%s: %v", path, err)
		}
	case (t.Kind() == reflect.Int || t.Kind() == reflect.Int64) && kind != ast.IntegerType:
		if _, err := strconv.Atoi(text); err != nil {
			s.fault(node, "%s is %.40q; it must be a whole number", path, text)
		}
	case t.Kind() == reflect.Float64 && (kind == ast.StringType || kind == ast.LiteralType || kind == ast.BoolType):
		// The parser takes 1e-5 for a text, and the decoder for a number.
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			s.fault(node, "%s is %.40q; it must be a number", path, text)
		}
	}
}

// scalarText is a single value as it was written.
func scalarText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NanNode, *ast.InfinityNode:
		return node.GetToken().Value, true
	}
	return "", false
}

// opaque nodes are those whose content only the library knows.
func opaque(node ast.Node) bool {
	switch node.Type() {
	case ast.AnchorType, ast.AliasType, ast.TagType:
		return true
	}
	return node.GetToken() == nil
}

func describeNode(node ast.Node) string {
	switch node.Type() {
	case ast.NullType:
		return "nothing"
	case ast.MappingType, ast.MappingValueType:
		return "a mapping"
	case ast.SequenceType:
		return "a list"
	}
	if text, ok := scalarText(node); ok {
		return fmt.Sprintf("%.40q", text)
	}
	return "what it is"
}

// describeType is describeNode for what the library has made of a node.
func describeType(t reflect.Type) string {
	switch {
	case t == nil:
		return "nothing"
	case t.Kind() == reflect.Map:
		return "a mapping"
	case t.Kind() == reflect.Slice:
		return "a list"
	}
	return "such a value"
}

// example is an element of a list.
func example(t reflect.Type) string {
	if t.Kind() == reflect.Int {
		return "16, 32"
	}
	return "a, b"
}

// Nonfinite is how an answer's NaN and infinities are written in JSON.
type Nonfinite string

// The choices.
const (
	NonfiniteLiteral Nonfinite = "literal"
	NonfiniteNull    Nonfinite = "null"
)
