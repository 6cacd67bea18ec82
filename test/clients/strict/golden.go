package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// model is an example model with its golden rows.
type model struct {
	name  string
	cases []golden
}

type golden struct {
	inputs  []namedTensor
	outputs []namedTensor
}

func loadGolden(dir string) ([]model, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "1", "golden.jsonl"))
	if err != nil {
		return nil, err
	}
	var models []model
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		m := model{name: filepath.Base(filepath.Dir(filepath.Dir(file)))}
		for line := range bytes.Lines(text) {
			var row struct {
				Request  struct{ Inputs []namedTensor }
				Response struct{ Outputs []namedTensor }
			}
			if err := strict(line, &row); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			m.cases = append(m.cases, golden{row.Request.Inputs, row.Response.Outputs})
		}
		models = append(models, m)
	}
	if len(models) == 0 {
		return nil, fmt.Errorf("no golden.jsonl under %s", dir)
	}
	return models, nil
}

// numbers reads the values of a tensor, flat or nested; null, which is what is not finite, becomes NaN.
func numbers(text json.RawMessage) (all []float64, err error) {
	if !bytes.HasPrefix(text, []byte("[")) {
		value := math.NaN()
		err := strict(text, &value)
		return []float64{value}, err
	}
	var lists []json.RawMessage
	if err := strict(text, &lists); err != nil {
		return nil, err
	}
	for _, list := range lists {
		inner, err := numbers(list)
		if err != nil {
			return nil, err
		}
		all = append(all, inner...)
	}
	return all, nil
}

// compareValues holds values against those of a golden output. Another processor adds the same floats
// in another order, so floats may differ a little.
func compareValues(text json.RawMessage, want namedTensor) error {
	got, err := numbers(text)
	if err != nil {
		return fmt.Errorf("%s: %w", want.Name, err)
	}
	right, err := numbers(want.Data)
	if err != nil {
		return err
	}
	if len(got) != len(right) {
		return fmt.Errorf("%s has %d values, want %d", want.Name, len(got), len(right))
	}
	for i, v := range right {
		limit := 0.0
		if strings.HasPrefix(want.Datatype, "FP") {
			limit = 1e-4 + 1e-3*math.Abs(v)
		}
		if !(math.Abs(got[i]-v) <= limit) {
			return fmt.Errorf("value %d of %s is %v, want %v", i, want.Name, got[i], v)
		}
	}
	return nil
}

// nest writes flat values as lists of the given shape.
func nest(values []json.RawMessage, shape []int64) json.RawMessage {
	if len(shape) == 0 {
		return values[0]
	}
	size := len(values) / int(max(1, shape[0]))
	parts := make([]json.RawMessage, 0, shape[0])
	for part := range slices.Chunk(values, max(1, size)) {
		parts = append(parts, nest(part, shape[1:]))
	}
	text, err := json.Marshal(parts)
	if err != nil {
		panic("BUG: values that were JSON are none: " + err.Error())
	}
	return text
}
