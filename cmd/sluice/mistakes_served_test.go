package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice/internal/longtest"
	"sluice/internal/onnxgen"
)

// What starts all the same: readiness says what is missing, and good models answer meanwhile.

// badFolder has every bad model, and good ones beside them.
func badFolder(t *testing.T) machine {
	m := machine{t, t.TempDir()}
	for _, row := range modelMistakes {
		row.put(m, row.model)
	}
	m.write("eta.onnx", string(doubler().File()))
	return m
}

func (row *badModel) sentence(m machine) string {
	return strings.NewReplacer("MODEL", row.model, "HERE", m.dir).Replace(row.says)
}

// check says of each bad model why it is refused, and of the good ones that they are served.
func TestCheckOfBadModels(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	m := badFolder(t)
	out, stderr, status := runWith(t, nil, "check", m.dir)
	if status != 1 || !regexp.MustCompile(`^sluice: \d+ of \d+ models are refused\n$`).MatchString(stderr) {
		t.Errorf("status %d, standard error %q", status, stderr)
	}
	results, _, _ := strings.Cut(out, "\n\n")
	lines := strings.Split(results, "\n")
	for _, row := range modelMistakes {
		want := "REFUSED: " + row.sentence(m)
		if row.gate != "" {
			want = row.model + "/1... REFUSED by " + row.gate + ": " + row.sentence(m)
		}
		if !slices.ContainsFunc(lines, func(line string) bool { return matches(line, want) }) {
			t.Errorf("%s: check does not say\n %s", row.name, want)
		}
	}
	for _, model := range []string{"eta", "twice"} {
		if !regexp.MustCompile(`(?m)^` + model + `/1 +served$`).MatchString(results) {
			t.Errorf("%s is not served", model)
		}
	}
	if n := strings.Count(results, "REFUSED"); n != len(modelMistakes) {
		t.Errorf("%d refusals for %d mistakes", n, len(modelMistakes))
	}
	plain(t, results)
	if t.Failed() {
		t.Log(results)
	}
}

// The server over the same folder is ready, names what it refuses, and serves the rest.
func TestServingBesideBadModels(t *testing.T) {
	t.Parallel()
	m := badFolder(t)
	g := launchGateway(t, "--models", m.dir)
	g.awaitReady()
	status, r := g.readiness()
	if status != http.StatusOK || !r.Live || !r.Ready || len(r.Degraded) != 9 || !matches(r.Degraded[8], "and ...more models are refused") {
		t.Errorf("readiness is %d %+v", status, r)
	}
	for _, text := range r.Degraded {
		plain(t, text)
	}
	_, body := g.post(g.predict+"/v2/repository/index", "")
	var index []struct{ Name, Version, State, Reason string }
	if err := json.Unmarshal([]byte(body), &index); err != nil {
		t.Fatal(err)
	}
	for _, row := range modelMistakes {
		if row.gate == "" {
			if text, _ := json.Marshal(row.sentence(m)); !matches(g.Log(), "..."+strings.Trim(string(text), `"`)+"...") {
				t.Errorf("%s: the log does not say %s", row.name, text)
			}
			continue
		}
		at := slices.IndexFunc(index, func(e struct{ Name, Version, State, Reason string }) bool { return e.Name == row.model })
		if at < 0 || index[at].State != "UNAVAILABLE" || !matches(index[at].Reason, row.gate+": "+row.sentence(m)) {
			t.Errorf("%s: the index does not say %s of %s:\n%s", row.name, row.sentence(m), row.model, body)
			continue
		}
		status, said := g.post(g.predict+"/v2/models/"+row.model+"/infer", doubled)
		if status != http.StatusServiceUnavailable && status != http.StatusNotFound || !strings.Contains(said, row.model) {
			t.Errorf("%s: who asks is answered %d %s", row.name, status, said)
		}
	}
	for _, model := range []string{"eta", "twice"} {
		if got := numbers(t, g.infer(model, []byte(doubled)))["y"].Data; !slices.Equal(got, []float64{3, 8}) {
			t.Errorf("%s answers %v", model, got)
		}
	}
	askedWrong(t, g)
}

// askedWrong runs the commands that ask a gateway, with what is wrong about them.
func askedWrong(t *testing.T, g *running) {
	t.Helper()
	address := strings.TrimPrefix(g.predict, "http://")
	f := func(args string, status int, says string) {
		t.Helper()
		out, stderr, got := runWith(t, nil, typed(strings.ReplaceAll(args, "127.0.0.1:AT", address))...)
		want := "sluice: " + strings.ReplaceAll(says, "127.0.0.1:AT", address) + "\n"
		if got != status || !matches(stderr, want) || strings.Count(stderr, "\n") != 1 || out != "" {
			t.Errorf("%s: status %d, want %d, standard output %q, it says\n %s want\n %s", args, got, status, out, stderr, want)
		}
		plain(t, stderr)
	}
	f("health --listen 127.0.0.1:AT --base-path /eu", 1, `http://127.0.0.1:AT/eu/v2/health/ready answered 404: is it the gateway's port, and is "/eu" its base_path?`)
	f("sample other --listen 127.0.0.1:AT", 1, `the gateway serves no model "other": it has eta, twice`)
	f("sample --listen 127.0.0.1:AT", 2, `the gateway serves several models: name one of eta, twice...`)
	f("sample cut --listen 127.0.0.1:AT", 1, `the gateway serves no model "cut": it has eta, twice`)
	f("loadtest run 127.0.0.1:AT --model other --duration 1s", 3, `target has no model "other" that is ready: status 404, ...it has eta, twice`)
	f("loadtest run 127.0.0.1:AT --model eta --duration none", 2, `--duration takes a time such as 250ms or 5s, not "none"; sluice loadtest run --help says more`)
	f("loadtest run 127.0.0.1:AT --model eta --expect nowhere.json", 2, `cannot read rows: open nowhere.json: no such file or directory: create it, or correct the path`)
}

// A second version that is copied in two steps is refused meanwhile, the first one serves, and the
// whole one takes over without a word from anybody. So is it with a first version.
func TestHalfCopiedVersions(t *testing.T) {
	t.Parallel()
	m := machine{t, t.TempDir()}
	whole := string(doubler().File())
	m.write("eta/1/model.onnx", whole)
	m.write("eta/2/model.onnx", whole[:len(whole)/2])
	m.write("first/1/model.onnx", whole[:len(whole)/2])
	g := startGateway(t, "--models", m.dir)
	g.loaded(3)
	status, r := g.readiness()
	const cut = "files: model.onnx is not a valid ONNX file: ...copy or export it again"
	if status != http.StatusOK || len(r.Degraded) != 2 || !matches(r.Degraded[0], "model eta version 2 is refused: "+cut+"; version 1 serves") || !matches(r.Degraded[1], "model first version 1 is refused: "+cut) {
		t.Errorf("readiness is %d %+v", status, r)
	}
	if got := numbers(t, g.infer("eta", []byte(doubled)))["y"].Data; !slices.Equal(got, []float64{3, 8}) {
		t.Errorf("the first version answers %v", got)
	}
	m.write("eta/2/model.onnx", whole)
	m.write("first/1/model.onnx", whole)
	eventually(t, "both are served whole", func() bool {
		two, _ := g.get(g.predict + "/v2/models/eta/versions/2/ready")
		one, _ := g.get(g.predict + "/v2/models/first/ready")
		return two == http.StatusOK && one == http.StatusOK
	})
	if status, r := g.readiness(); status != http.StatusOK || len(r.Degraded) != 0 {
		t.Errorf("readiness is %d %+v", status, r)
	}
	g.infer("first", []byte(doubled))
}

// TestServingAllTheSame: what is wrong does not keep the server from serving; it says so once.
func TestServingAllTheSame(t *testing.T) {
	t.Parallel()
	f := func(name string, put func(m machine), args string, status int, ready, degraded, log string) {
		t.Helper()
		m := machine{t, t.TempDir()}
		m.write("models/eta.onnx", string(doubler().File()))
		if put != nil {
			put(m)
		}
		names := strings.NewReplacer("HERE", m.dir, "UID", "...")
		g := launchGateway(t, append([]string{"--models", filepath.Join(m.dir, "models")}, typed(names.Replace(args))...)...)
		if status == http.StatusOK {
			g.awaitReady()
		} else {
			eventually(t, name, func() bool { _, r := g.readiness(); return !strings.Contains(r.Error, "loading") })
		}
		got, r := g.readiness()
		if got != status || !r.Live && ready == "" || !matches(r.Error, ready) || !matches(strings.Join(r.Degraded, "\n"), names.Replace(degraded)) {
			t.Errorf("%s: readiness is %d %+v, want %d %q %q", name, got, r, status, ready, degraded)
		}
		if live, _ := g.get(g.predict + "/v2/health/live"); live != http.StatusOK {
			t.Errorf("%s: live is %d", name, live)
		}
		if strings.Contains(g.Stdout(), "\n") {
			t.Errorf("%s: standard output is %q", name, g.Stdout())
		}
		if model, err := os.ReadFile(filepath.Join(m.dir, "models", "eta.onnx")); err == nil && string(model) != half {
			if got := numbers(t, g.infer("eta", []byte(doubled)))["y"].Data; !slices.Equal(got, []float64{3, 8}) {
				t.Errorf("%s: the model answers %v", name, got)
			}
		}
		g.stop()
		if n := len(regexp.MustCompile(names.Replace(log)).FindAllString(g.Log(), -1)); n != 1 && log != "" {
			t.Errorf("%s: the log says %d times %s:\n%s", name, n, log, g.Log())
		}
	}
	f("a required model is not there", nil, "--require other", 503, "the server is not ready: required models are missing: 'other' is not in the models folder: add it, or take it out of require", "", `"msg":"the first models are loaded and the server is not ready"`)
	f("all models are taken away", func(m machine) { _ = os.Remove(filepath.Join(m.dir, "models", "eta.onnx")) }, "", 503,
		"the server is not ready: there is no model: the models folder holds none, neither <name>/<version>/model.onnx nor <name>.onnx", "", `"msg":"no model found: the folder is watched, and models that come are loaded"`)
	f("the state folder is a file", written("state", ""), "--state HERE/state", 200, "",
		"the roles of versions are forgotten at the end, and any version may serve after the next start: cannot use the state folder HERE/state: not a directory: correct the path, a part of which is a file",
		`"msg":"the state folder cannot be used: roles of versions, and what is learned, are forgotten at the end","state":"HERE/state","error":"cannot use the state folder HERE/state: not a directory: correct the path, a part of which is a file"`)
	f("the only model is refused", written("models/eta.onnx", half), "", 503, "the server is not ready: no model can be served: 'eta' version 1 is refused, files: eta.onnx is not a valid ONNX file: ...copy or export it again", "", `"msg":"version refused"`)
}

// A budget that a row cannot meet is said at the start, and to who asks.
func TestBudgetTooSmallIsNoRefusal(t *testing.T) {
	longtest.NotRaced(t)
	m := machine{t, t.TempDir()}
	if err := (onnxgen.MLP{Layers: []int{1024, 1024, 1}, Repeat: 40, Seed: 9}).Write(filepath.Join(m.dir, "slow"), "1"); err != nil {
		t.Fatal(err)
	}
	m.write("slow/1/model.yaml", "budget: 1ms\nmax_batch: 1\n")
	m.write("eta.onnx", string(doubler().File()))
	g := startGateway(t, "--models", m.dir)
	if status, r := g.readiness(); status != http.StatusOK || len(r.Degraded) != 0 {
		t.Errorf("readiness is %d %+v", status, r)
	}
	if !strings.Contains(g.Log(), `"msg":"the budget is too short for one row","model":"slow"`) {
		t.Errorf("the log does not name the model:\n%s", g.Log())
	}
	row := `{"inputs":[{"name":"input","datatype":"FP32","shape":[1,1024],"data":[` + strings.Repeat("0,", 1023) + `0]}]}`
	if status, body := g.post(g.predict+"/v2/models/slow/infer", row); status != http.StatusGatewayTimeout || !strings.Contains(body, "the budget is 1ms: ask for more with Sluice-Budget-Ms or the timeout parameter, or set budget in the model's model.yaml") {
		t.Errorf("answered %d %s", status, body)
	}
	g.infer("eta", []byte(doubled))
}
