package criteria

import (
	"encoding/json"
	"fmt"

	"sluice/internal/tensor"
)

// Note is the parameter of a model's configuration that tells its set to those who compare from outside.
const Note = "comparisons"

type note struct {
	Set
	Labels map[string][]string `json:"labels,omitempty"`
}

// Encode writes a set, and the labels of outputs, as Note has them; empty if there is nothing to tell.
func (s *Set) Encode(schema *tensor.Schema) string {
	n := note{Set: *s, Labels: map[string][]string{}}
	for i := range schema.Outputs {
		if l := schema.Outputs[i].Labels; len(l) > 0 {
			n.Labels[schema.Outputs[i].Name] = l
		}
	}
	text, err := json.Marshal(n)
	if err != nil || string(text) == "{}" {
		return ""
	}
	return string(text)
}

// Decode reads a note over a schema, which gets the labels.
func Decode(text string, schema *tensor.Schema) (*Set, error) {
	var n note
	if text == "" {
		return &n.Set, nil
	}
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		return nil, fmt.Errorf("what the model says of comparisons cannot be read: %w", err)
	}
	for i := range schema.Outputs {
		schema.Outputs[i].Labels = n.Labels[schema.Outputs[i].Name]
	}
	for _, f := range n.Check(schema) {
		return nil, fmt.Errorf("what the model says of comparisons does not fit it: %s: %w", f.At, f.Err)
	}
	return &n.Set, nil
}
