package models

import (
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Nonfinite is how an answer's NaN and infinities are written in JSON.
type Nonfinite string

// The choices.
const (
	NonfiniteLiteral Nonfinite = "literal"
	NonfiniteNull    Nonfinite = "null"
)

// readNonfinite reads the word null, which to YAML is nothing and leaves the default, as the
// choice that it is.
func (c *Config) readNonfinite(body ast.Node) error {
	var keys map[string]any
	if err := yaml.NodeToValue(body, &keys); err != nil {
		return yamlError(err)
	}
	if value, there := keys["nonfinite"]; there && value == nil {
		c.Nonfinite = NonfiniteNull
	}
	return nil
}
