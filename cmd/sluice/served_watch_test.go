package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// lowRow is a request whose true answer is -10000, and -5000 with the padding of the test's model.
const lowRow = `{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[-10000,-10000,-10000]}]}`

// highest asks for the answer to lowRow.
func (g *running) highest() float64 {
	g.t.Helper()
	var answer struct {
		Outputs []output `json:"outputs"`
	}
	if err := json.Unmarshal(g.infer("highest", []byte(lowRow)), &answer); err != nil {
		g.t.Fatal(err)
	}
	return answer.Outputs[0].Data[0]
}

// TestWatchStopsPadding serves a model whose padding changes answers that no gate has seen:
// live comparisons find it out, the server says so and goes on without, and so does the next
// one that is started over the same folder.
func TestWatchStopsPadding(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	g := startGateway(t, "--models", "testdata/padded", "--state", state, "--scheduler-budget", "10s")
	if got := g.highest(); got != -5000 {
		t.Fatalf("the first answer is %v, want -5000 of the padding", got)
	}
	right := false
	for begin := time.Now(); !right && time.Since(begin) < 20*time.Second; {
		right = g.highest() == -10000
	}
	if !right {
		t.Fatalf("answers are still wrong after 20 s\n%s", g.Log())
	}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 20 {
				status, body := g.post(g.predict+"/v2/models/highest/infer", lowRow)
				if status != http.StatusOK || !strings.Contains(body, "-10000") {
					t.Errorf("%d: %s", status, body)
				}
			}
		})
	}
	callers.Wait()
	const sentence = "padding is switched off: a live row was answered otherwise with padding in a batch of 1 on cpu than alone without it, in output y"
	if status, body := g.get(g.predict + "/v2/health/ready"); status != http.StatusOK || !strings.Contains(body, "model highest version 1 runs each request alone: "+sentence) {
		t.Errorf("readiness: %d %s", status, body)
	}
	_, metrics := g.get(g.admin + "/metrics")
	for _, series := range []string{`sluice_batching_differed_total{model="highest",version="1"} 1`, `sluice_batching_off{model="highest",version="1"} 1`} {
		if !strings.Contains(metrics, series+"\n") {
			t.Errorf("the metrics have no %s", series)
		}
	}
	if log := g.Log(); strings.Count(log, "should_be") != 1 || !strings.Contains(log, "y [1]: -10000") || strings.Contains(log, "remedy") {
		t.Errorf("the log says\n%s", log)
	}
	g.stop()
	if text, err := os.ReadFile(filepath.Join(state, "unbatched.json")); err != nil || !strings.Contains(string(text), `"padding_off": true`) {
		t.Errorf("remembered: %s, %v", text, err)
	}

	again := startGateway(t, "--models", "testdata/padded", "--state", state, "--scheduler-budget", "10s")
	if got := again.highest(); got != -10000 {
		t.Errorf("after a restart the answer is %v, want -10000", got)
	}
	if log := again.Log(); !strings.Contains(log, "served unpadded, as live answers showed before: "+sentence) {
		t.Errorf("the log says\n%s", log)
	}
	if _, body := again.get(again.predict + "/v2/health/ready"); !strings.Contains(body, "does without what live answers refuted before: "+sentence) {
		t.Errorf("readiness: %s", body)
	}
}
