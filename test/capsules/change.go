package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"sluice/internal/onnxfile"
)

// change is what is added to one number of a model: of an initialiser that is stored raw, or of a node's attribute.
type change struct {
	weight, attribute string
	element           int
	by                float32
}

func (c change) String() string {
	return fmt.Sprintf("%s%s[%d] + %g", c.weight, c.attribute, c.element, c.by)
}

// mostElements bounds the weights that are looked at.
const mostElements = 1 << 24

// floatField is the tag of an attribute's number: field 7, four bytes.
const floatField = 7<<3 | 5

// apply changes the number in the file of a model, and nothing else.
func (c change) apply(file []byte) error {
	p, err := onnxfile.ReadProgram(file)
	if err != nil {
		return err
	}
	var values []float64
	found := false
	for _, w := range p.Graph.Weights {
		if c.weight != "" && w.Name == c.weight {
			values, found = w.Floats(mostElements)
		}
	}
	for i := range p.Graph.Nodes {
		for _, a := range p.Graph.Nodes[i].Attributes {
			if c.attribute != "" && a.Name == c.attribute {
				values, found = a.Floats(mostElements)
			}
		}
	}
	if !found || c.element >= len(values) {
		return fmt.Errorf("the model has no %v", c)
	}
	var stored []byte
	at, size := 0, 4
	for i, v := range values {
		if c.attribute != "" {
			stored = append(stored, floatField)
		}
		if i == c.element {
			at = len(stored)
		}
		stored = binary.LittleEndian.AppendUint32(stored, math.Float32bits(float32(v)))
	}
	if bytes.Count(file, stored) != 1 {
		return fmt.Errorf("the numbers of %v are stored otherwise than as they were looked for", c)
	}
	at += bytes.Index(file, stored)
	binary.LittleEndian.PutUint32(file[at:at+size], math.Float32bits(float32(values[c.element])+c.by))
	return nil
}

// writeChanged puts a changed version beside a model's first one, in one step. Its digests and golden rows are left
// out: they are of other weights.
func (m *example) writeChanged(folder string) error {
	from := filepath.Join(folder, m.name, "1")
	file, err := os.ReadFile(filepath.Join(from, "model.onnx"))
	if err != nil {
		return err
	}
	if err := m.change.apply(file); err != nil {
		return err
	}
	settings, err := os.ReadFile(filepath.Join(from, "model.yaml"))
	if err != nil {
		return err
	}
	settings, _, _ = bytes.Cut(settings, []byte("sha256:"))
	made, err := os.MkdirTemp(filepath.Dir(folder), "changed-*")
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"model.onnx": file, "model.yaml": settings} {
		if err := os.WriteFile(filepath.Join(made, name), text, 0o600); err != nil {
			return err
		}
	}
	return os.Rename(made, filepath.Join(folder, m.name, "2"))
}
