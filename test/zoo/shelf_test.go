package zoo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The kinds of model; make/README.md says what they mean.
const (
	independent = "independent"
	oneRow      = "one_row"
	mixes       = "mixes"
	whole       = "whole"
	refused     = "refused"
)

// model is one of the zoo, as the manifest lists it.
type model struct {
	Name  string `json:"name"`
	Group string `json:"group"`
	Kind  string `json:"kind"`
	// Differs is the share of rows that answer otherwise when two requests share a run.
	Differs float64 `json:"differs"`
	// Tolerance is what floats may differ by where processors compute differently; 0 means 1e-4.
	Tolerance float64 `json:"tolerance"`
	// Strays says with which values, none of them in the cases, a row reaches into another.
	Strays string `json:"strays"`
	// MostRows bounds drawn requests of a model with large rows; 0 means 17.
	MostRows int `json:"most_rows"`
	// Output is the one for which a model has to be refused.
	Output string `json:"output"`

	file  string
	cases []exchange
}

// exchange is a request and its answer.
type exchange struct {
	inputs, outputs []tensor
}

// rows is what the first input with axes has.
func (e *exchange) rows() int {
	for i := range e.inputs {
		if len(e.inputs[i].Shape) > 0 {
			return e.inputs[i].rows()
		}
	}
	return 1
}

// cut makes an exchange of some rows of this one; only a model of independent rows allows it.
func (e *exchange) cut(rows []int) *exchange {
	part := new(exchange)
	for i := range e.inputs {
		part.inputs = append(part.inputs, e.inputs[i].pick(rows))
	}
	for i := range e.outputs {
		part.outputs = append(part.outputs, e.outputs[i].pick(rows))
	}
	return part
}

// draw is a request whose answer is known: any rows in any order where rows are independent,
// else one of the whole requests.
func (m *model) draw(random *rand.Rand) *exchange {
	known := &m.cases[random.IntN(len(m.cases))]
	if m.indivisible() {
		return known
	}
	rows := make([]int, 1+random.IntN(orElse(m.MostRows, 17)))
	for i := range rows {
		rows[i] = random.IntN(known.rows())
	}
	return known.cut(rows)
}

// indivisible tells whether only whole requests have answers that are known.
func (m *model) indivisible() bool { return m.Kind == mixes || m.Kind == whole }

func orElse(value, standard int) int {
	if value == 0 {
		return standard
	}
	return value
}

func (m *model) tolerance() float64 { return max(m.Tolerance, 1e-4) }

// binaryOnly tells whether a tensor has a type that the protocol has no JSON for.
func (m *model) binaryOnly() bool {
	half := func(t tensor) bool { return t.Datatype == "FP16" }
	return slices.ContainsFunc(m.cases[0].inputs, half) || slices.ContainsFunc(m.cases[0].outputs, half)
}

// shelf lists the models of some groups in testdata, with their cases.
func shelf(t *testing.T, groups ...string) []*model {
	t.Helper()
	return shelfIn(t, "testdata", groups...)
}

func shelfIn(t *testing.T, dir string, groups ...string) (models []*model) {
	t.Helper()
	var manifest struct{ Models []*model }
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err == nil {
		err = json.Unmarshal(text, &manifest)
	}
	if err != nil {
		t.Fatalf("cannot read the manifest: %v", err)
	}
	for _, m := range manifest.Models {
		if !slices.Contains(groups, m.Group) {
			continue
		}
		m.file = filepath.Join(dir, m.Group, m.Name, "model.onnx")
		if m.Kind != refused {
			m.cases = readCases(t, filepath.Join(dir, m.Group, m.Name, "cases.jsonl"))
		}
		models = append(models, m)
	}
	return models
}

// readCases reads requests and answers, one a line, in the form of golden.jsonl.
func readCases(t *testing.T, path string) (cases []exchange) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var row struct {
			Request  struct{ Inputs []tensor }
			Response struct{ Outputs []tensor }
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("cannot read %s: %v", path, err)
		}
		cases = append(cases, exchange{row.Request.Inputs, row.Response.Outputs})
	}
	return cases
}

// bundles copies models into a folder that the gateway serves.
func bundles(t *testing.T, models []*model) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, m := range models {
		if err := copyBundle(m.file, filepath.Join(dir, m.Name, "1")); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func copyBundle(file, to string) error {
	data, err := os.ReadFile(file)
	if err == nil {
		err = os.MkdirAll(to, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "model.onnx"), data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("cannot lay out %s: %w", file, err)
	}
	return nil
}
