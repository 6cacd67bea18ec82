package main

import (
	"encoding/json"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestExampleModelsGiveTheirGoldenAnswers(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "--models", examples, "--scheduler-budget", "10s") // however busy the machine is
	for _, model := range exampleModels {
		for i, row := range golden(t, model) {
			if name, ok := row.answeredBy(g.infer(model, row.Request)); !ok {
				t.Errorf("%s: golden row %d: output %s is not as recorded", model, i, name)
			}
		}
	}
	eventually(t, "the log tells of the ports", func() bool {
		return strings.Contains(g.Log(), `"msg":"serving","predict":"`+strings.TrimPrefix(g.predict, "http://")+`"`)
	})
	if out := g.Stdout(); out != "" {
		t.Errorf("standard output is no terminal and got %q", out)
	}
	for _, line := range []string{`nv_inference_request_success{model="eta",version="1"} 7`, `nv_inference_request_success{model="encoder",version="1"} 8`} {
		eventually(t, "the metrics have "+line, func() bool {
			_, metrics := g.get(g.admin + "/metrics")
			return strings.Contains(metrics, line+"\n")
		})
	}
}

// answeredBy reports whether an answer is as recorded, and names an output that is not.
func (row *goldenRow) answeredBy(answer []byte) (name string, ok bool) {
	var got struct{ Outputs []output }
	if json.Unmarshal(answer, &got) != nil {
		return "", false
	}
	for _, want := range row.Response.Outputs {
		k := slices.IndexFunc(got.Outputs, func(o output) bool { return o.Name == want.Name })
		if k < 0 || !slices.Equal(got.Outputs[k].Shape, want.Shape) || !alike(got.Outputs[k].Data, want.Data) {
			return want.Name, false
		}
	}
	return "", true
}

func alike(got, want []float64) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) <= 1e-4+1e-3*math.Abs(b) })
}

func TestBareModelFileIsServed(t *testing.T) {
	t.Parallel()
	g := startGateway(t, filepath.Join(examples, "eta", "1", "model.onnx"))
	status, body := g.post(g.predict+"/v2/repository/index", "")
	if status != http.StatusOK || strings.Count(body, `"READY"`) != 1 {
		t.Errorf("the index is %d %s", status, body)
	}
}

// barrage is golden requests sent from several connections.
type barrage struct {
	seen [600]atomic.Int64 // by status; 0 stands for a broken connection
	done atomic.Bool
	wg   sync.WaitGroup
}

func startBarrage(g *running, model string, request []byte) *barrage {
	l := &barrage{}
	for range 8 {
		l.wg.Go(func() {
			for !l.done.Load() {
				status, _ := g.post(g.predict+"/v2/models/"+model+"/infer", string(request))
				l.seen[status].Add(1)
			}
		})
	}
	return l
}

// stop ends the load and returns how often each status was seen.
func (l *barrage) stop() map[int]int64 {
	l.done.Store(true)
	l.wg.Wait()
	counts := map[int]int64{}
	for status := range l.seen {
		if n := l.seen[status].Load(); n > 0 {
			counts[status] = n
		}
	}
	return counts
}

// eventually polls for up to 30 s.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); !holds(); <-tick.C {
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("after 30 s still not: %s", what)
		}
	}
}

// answered fails the test unless all requests were, or were shed by an overloaded machine.
func answered(t *testing.T, counts map[int]int64) {
	t.Helper()
	if counts[http.StatusOK] == 0 {
		t.Error("no request was answered")
	}
	for status, n := range counts {
		if status != http.StatusOK && status != http.StatusTooManyRequests && status != http.StatusGatewayTimeout {
			t.Errorf("%d requests ended with status %d", n, status)
		}
	}
}

func TestNewVersionIsSwappedInUnderLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyBundle(t, "digits", dir, "1")
	g := startGateway(t, "--models", dir)
	l := startBarrage(g, "digits", golden(t, "digits")[0].Request)
	for _, step := range []struct{ comes, ready string }{{"2", `"versions":["1","2"]`}, {"3", `"versions":["2","3"]`}} {
		copyBundle(t, "digits", dir, step.comes)
		eventually(t, "the model has "+step.ready, func() bool {
			_, body := g.get(g.predict + "/v2/models/digits")
			return strings.Contains(body, step.ready)
		})
	}
	answered(t, l.stop())
}

// A way back loads nothing, fails no request, and outlives a restart.
func TestRollbackUnderLoad(t *testing.T) {
	t.Parallel()
	dir, state := t.TempDir(), t.TempDir()
	copyBundle(t, "digits", dir, "1")
	g := startGateway(t, "--models", dir, "--state", state)
	copyBundle(t, "digits", dir, "2")
	role := func(g *running, line string) func() bool {
		return func() bool {
			out, status := command(t, "models", "list", "--admin", g.Admin)
			return status == 0 && strings.Contains(strings.Join(strings.Fields(out), " "), line)
		}
	}
	eventually(t, "version 2 is live", role(g, "digits 2 READY live"))
	l := startBarrage(g, "digits", golden(t, "digits")[0].Request)
	out, status := command(t, "models", "rollback", "digits", "--admin", g.Admin, "--reason", "it is a test")
	if status != 0 {
		t.Fatalf("rollback: status %d, %s", status, out)
	}
	if !role(g, "digits 1 READY live")() {
		t.Error("version 1 is not live when rollback returns")
	}
	answered(t, l.stop())
	if out, _ := command(t, "models", "history", "digits", "--admin", g.Admin); !strings.Contains(strings.Join(strings.Fields(out), " "), "local rollback digits 1 2 it is a test") {
		t.Errorf("the history says %s", out)
	}
	g.stop()
	g = startGateway(t, "--models", dir, "--state", state)
	eventually(t, "version 1 is live and 2 is refused after a restart", func() bool {
		return role(g, "digits 1 READY live")() && role(g, "digits 2 FAILED rejected")()
	})
}

func TestUnloadAndLoadOnTheAdminPort(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "--models", onlyEta(t), "--scheduler-budget", "10s")
	request := golden(t, "eta")[0].Request
	f := func(step string, want int) {
		t.Helper()
		if step != "" {
			if status, body := g.post(g.admin+"/v2/repository/models/eta/"+step, ""); status != http.StatusOK {
				t.Fatalf("%s answered %d: %s", step, status, body)
			}
		}
		if status, body := g.post(g.predict+"/v2/models/eta/infer", string(request)); status != want {
			t.Errorf("after %q a request got %d, want %d: %s", step, status, want, body)
		}
	}
	f("", http.StatusOK)
	f("unload", http.StatusNotFound)
	f("load", http.StatusOK)
	if status, _ := g.post(g.predict+"/v2/repository/models/eta/unload", ""); status == http.StatusOK {
		t.Error("the predict port unloads models")
	}
	f("", http.StatusOK)
}

func TestTerminationLosesNoAcceptedRequest(t *testing.T) {
	beside(t)
	g := startGateway(t, "--models", examples)
	l := startBarrage(g, "ranker", golden(t, "ranker")[0].Request)
	eventually(t, "requests are answered", func() bool { return l.seen[http.StatusOK].Load() > 100 })
	if err := g.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := g.end(stopWithin)
	counts := l.stop()
	delete(counts, 0) // connections that were refused after the end
	if err != nil {
		t.Errorf("the gateway ended with %v", err)
	}
	answered(t, counts)
	if log := g.Log(); !strings.Contains(log, `"draining"`) || !strings.Contains(log, `"stopped"`) {
		t.Errorf("the log does not tell of the drain:\n%s", log)
	}
}
