package zoo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"sluice/internal/longtest"
)

// leastProven is how many models of independent rows the graph alone has to prove.
const leastProven = 50

// report is what this package reads of a line of `sluice check --json`.
type report struct {
	Name     string `json:"name"`
	Batching struct {
		Mode    string `json:"mode"`
		Basis   string `json:"basis"`
		Text    string `json:"text"`
		Watched bool   `json:"watched"`
	} `json:"batching"`
	Gates []struct {
		Gate    string `json:"gate"`
		Outcome string `json:"outcome"`
		Text    string `json:"text"`
		Detail  string `json:"detail"`
	} `json:"gates"`
}

// refusal is the verdict that keeps the model from serving; empty if there is none.
func (r *report) refusal() string {
	for _, gate := range r.Gates {
		if gate.Outcome == "refused" {
			return strings.TrimSpace("refused by " + gate.Gate + ": " + gate.Text + " " + gate.Detail)
		}
	}
	return ""
}

func (r *report) String() string {
	if text := r.refusal(); text != "" {
		return text
	}
	if r.Batching.Mode != "" {
		return fmt.Sprintf("%s, %s (watched: %t): %s", r.Batching.Mode, r.Batching.Basis, r.Batching.Watched, r.Batching.Text)
	}
	for _, gate := range r.Gates {
		if gate.Gate == "invariance" {
			return gate.Outcome + ": " + gate.Text
		}
	}
	return "no verdict on batching"
}

// check runs `sluice check --json` over a folder of models.
func check(t *testing.T, dir string) map[string]*report {
	t.Helper()
	needLibrary(t)
	cmd := exec.Command(gatewayBinary(t), "check", "--json", dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) { // a refused model is told by the status too
		t.Fatalf("cannot check %s: %v", dir, err)
	}
	reports := make(map[string]*report)
	for line := range bytes.Lines(stdout.Bytes()) {
		r := new(report)
		if err := json.Unmarshal(line, r); err != nil {
			t.Fatalf("cannot read a line of the check: %v\n%s\n%s", err, line, stderr.Bytes())
		}
		if r.Name != "" { // the last line is of all of them
			reports[r.Name] = r
		}
	}
	return reports
}

// TestVerdicts holds what `sluice check` says of each model against what is known of it.
func TestVerdicts(t *testing.T) {
	longtest.Skip(t)
	models := shelf(t, "converters", "independent", "traps")
	reports := check(t, bundles(t, models))
	proven, independents := 0, 0
	for _, m := range models {
		t.Run(m.Name, func(t *testing.T) {
			r := reports[m.Name]
			if r == nil {
				t.Fatal("the check does not speak of it")
			}
			t.Log(r)
			if text := m.contradicts(r); text != "" {
				t.Errorf("%s: %v", text, r)
			}
		})
		if r := reports[m.Name]; r != nil && m.Kind == independent {
			independents++
			if r.Batching.Basis == "proven" {
				proven++
			}
		}
	}
	for name, r := range check(t, root+"/examples/models") {
		independents++
		if r.Batching.Basis != "proven" {
			t.Errorf("example %s: %v", name, r)
			continue
		}
		proven++
	}
	t.Logf("%d of %d models of independent rows are proven", proven, independents)
	if proven < leastProven {
		t.Errorf("%d models are proven, of %d wanted", proven, leastProven)
	}
}

// contradicts says what is untrue in a report on the model; empty if nothing is.
func (m *model) contradicts(r *report) string {
	single, shared := r.Batching.Mode == "single", r.Batching.Mode == "batched"
	if m.Kind == refused {
		if text := r.refusal(); text == "" || !strings.Contains(text, m.Output) {
			return fmt.Sprintf("nothing can carry output %q: the model has to be refused by that name", m.Output)
		}
		return ""
	}
	switch {
	case r.refusal() != "":
		return "ONNX Runtime answers this model's requests"
	case r.Batching.Mode == "":
		return "the report has no verdict on batching"
	case m.Kind == independent && m.Strays == "" && single && r.Batching.Basis == "refuted":
		return "its rows are independent"
	case m.Kind == oneRow && r.Batching.Mode != "row_by_row":
		return "the file takes one row a run"
	case m.Kind == mixes && shared && (r.Batching.Basis == "proven" || !r.Batching.Watched):
		return "its rows depend on each other"
	}
	return ""
}

// refuses wants a model kept out, with the output named that nothing can carry.
func (g *gateway) refuses(t *testing.T, m *model) {
	t.Helper()
	if s := g.state(m.Name); s.State == "READY" {
		t.Errorf("served, though nothing can carry its output %q", m.Output)
	} else if !strings.Contains(s.Reason, m.Output) {
		t.Errorf("the reason does not name output %q: %s", m.Output, s.Reason)
	}
}
