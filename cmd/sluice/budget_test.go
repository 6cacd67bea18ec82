package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sluice/internal/longtest"
	"sluice/internal/onnxgen"
)

// A model that takes longer for a row than the least budget: told nothing, the server gives it
// one that suffices; told less, it says what is wrong, when it loads and to who asks.
func TestSlowModel(t *testing.T) {
	longtest.Skip(t)
	longtest.NotRaced(t)
	dir := t.TempDir()
	if err := (onnxgen.MLP{Layers: []int{1024, 1024, 1}, Repeat: 200, Seed: 9}).Write(filepath.Join(dir, "slow"), "1"); err != nil {
		t.Fatal(err)
	}
	// Of larger batches the test wants nothing, and to warm up with them takes seconds.
	if err := os.WriteFile(filepath.Join(dir, "slow", "1", "model.yaml"), []byte("max_batch: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	row := `{"inputs":[{"name":"input","datatype":"FP32","shape":[1,1024],"data":[` + strings.Repeat("0,", 1023) + `0]}]}`
	const path = "/v2/models/slow/infer"
	g := startGateway(t, "--models", dir)
	if status, body := g.post(g.predict+path, row); status != http.StatusOK {
		t.Errorf("a plain request is answered %d %s", status, body)
	}
	eventually(t, "the budget is told", func() bool {
		return strings.Contains(g.Log(), `"budget_basis":"measured"`)
	})
	var config struct {
		Parameters map[string]struct {
			Text string `json:"string_value"`
		} `json:"parameters"`
	}
	if _, body := g.get(g.predict + "/v2/models/slow/config"); json.Unmarshal([]byte(body), &config) != nil || config.Parameters["budget_basis"].Text != "measured" {
		t.Errorf("the model's configuration is %s", body)
	}
	g.stop()

	g = startGateway(t, "--models", dir, "--scheduler-budget", "10ms")
	if !strings.Contains(g.Log(), `"msg":"the budget is too short for one row","model":"slow","version":"1","reason":"one row takes `) {
		t.Errorf("the log does not name the model:\n%s", g.Log())
	}
	ask := func(path, body, budget string) (*http.Response, readiness) {
		req, err := http.NewRequest(http.MethodPost, g.predict+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if budget != "" {
			req.Header.Set("Sluice-Budget-Ms", budget)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var said readiness
		_ = json.NewDecoder(res.Body).Decode(&said) // an answer that is no fault says nothing
		return res, said
	}
	values := `{"instances":[[` + strings.Repeat("0,", 1023) + `0]]}`
	refusal := regexp.MustCompile(`^the model takes [0-9.]+m?s, the budget is 10ms: ask for more with Sluice-Budget-Ms or the timeout parameter, or set budget in the model's model.yaml$`)
	for range 2 { // the second one is refused before it is decoded
		for p, body := range map[string]string{path: row, "/v1/models/slow:predict": values} {
			res, said := ask(p, body, "")
			if res.StatusCode != http.StatusGatewayTimeout || said.Code != "BUDGET_TOO_SHORT" || !refusal.MatchString(said.Error) || res.Header.Get("Retry-After") != "" {
				t.Errorf("%s is answered %d %+v, Retry-After %q", p, res.StatusCode, said, res.Header.Get("Retry-After"))
			}
		}
	}
	if res, said := ask(path, row, "60000"); res.StatusCode != http.StatusOK {
		t.Errorf("with a budget of a minute: %d %+v", res.StatusCode, said)
	}
	for _, line := range []string{`sluice_requests_total{model="slow",outcome="budget_too_short",version="1"} 4`, `sluice_queue_refusals_total{model="slow",outcome="budget_too_short",version="1"} 4`} {
		eventually(t, "the metrics have "+line, func() bool {
			_, metrics := g.get(g.admin + "/metrics")
			return strings.Contains(metrics, line+"\n")
		})
	}
}

// check names a model whose budget does not suffice, and passes it: requests may ask for more.
func TestCheckNamesAShortBudget(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	dir := t.TempDir()
	if err := (onnxgen.MLP{Layers: []int{1024, 1024, 1}, Repeat: 40, Seed: 9}).Write(filepath.Join(dir, "slow"), "1"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "slow", "1", "model.yaml"), []byte("budget: 1ms\nmax_batch: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, status := command(t, "check", dir)
	if want := regexp.MustCompile(`budget +1ms \(of model.yaml\)\n +TOO SHORT: one row takes [0-9.µm]+s on cpu and the budget is 1ms; give the model budget: [0-9.]+m?s in its model.yaml, or have clients ask for more`); status != 0 || !want.MatchString(out) {
		t.Errorf("status %d, the output lacks what it should say of the budget:\n%s", status, out)
	}
}
