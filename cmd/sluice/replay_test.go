package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sluice/internal/longtest"
	"sluice/internal/onnxgen"
	"sluice/predlog/replay"
)

// replayed runs the command and reads its report.
func replayed(t *testing.T, args ...string) (r replay.Report, status int) {
	t.Helper()
	out, stderr, status := runWith(t, nil, append([]string{"replay", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s%s", err, out, stderr)
	}
	return r, status
}

// What the example models have answered, each agrees with itself: asked of a gateway that runs and in process, in
// whatever batches.
func TestReplayAgreesWithItself(t *testing.T) {
	longtest.Skip(t)
	dir := filepath.Join(t.TempDir(), "predictions")
	g := startGateway(t, "--models", examples, "--prediction-log-dir", dir, "--prediction-log-sample", "1")
	var clients sync.WaitGroup
	asked := 0
	for _, model := range []string{"digits", "encoder", "ranker", "eta"} {
		rows := golden(t, model)
		asked += 50 * len(rows)
		clients.Go(func() {
			for i := range 50 {
				for k, row := range rows {
					if status := g.send("/v2/models/"+model+"/infer", string(row.Request), fmt.Sprintf("X-Request-Id: %s-%d-%d", model, i, k), "Sluice-Budget-Ms: 10000"); status != http.StatusOK {
						t.Errorf("%s: status %d", model, status)
					}
				}
			}
		})
	}
	clients.Wait()
	g.stop()
	if r, status := replayed(t, dir, "--in-process", "--models", examples); status != 0 || r.Agree != asked || r.Differ+r.Failed+len(r.Skipped) > 0 {
		t.Errorf("in process: status %d, %+v, want %d", status, r, asked)
	}
	g = startGateway(t, "--models", examples)
	listen := strings.TrimPrefix(g.predict, "http://")
	if r, status := replayed(t, dir, "--listen", listen); status != 0 || r.Agree != asked {
		t.Errorf("over the protocol: status %d, %+v, want %d", status, r, asked)
	}
	if r, status := replayed(t, "eta-7-0", "--dir", dir, "--listen", listen, "--model", "eta"); status != 0 || r.Agree != 1 {
		t.Errorf("one id: status %d, %+v", status, r)
	}
	if r, status := replayed(t, "eta-7-0", "--dir", dir, "--listen", listen, "--model", "none", "--of", "eta"); status != 1 || r.Failed != 1 || !strings.Contains(r.Failure, "none") {
		t.Errorf("a model that is not there: status %d, %+v", status, r)
	}
	if r, status := replayed(t, dir, "--listen", listen, "--model", "eta:1"); status != 0 || r.Agree == 0 || r.Agree+r.Skipped["of_other_models"] != asked {
		t.Errorf("one model of a folder: status %d, %+v, want %d in all", status, r, asked)
	}
}

// Against a version with one other weight every row that the weight changes is found, and no other.
func TestReplayFindsOneChangedWeight(t *testing.T) {
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "predictions")
	put := func(version string, second float32) {
		t.Helper()
		file := onnxgen.New(17).Input("x", onnxgen.Float32, "batch", 2).Floats("w", []int{2, 1}, 3, second).
			Node("MatMul", "y", onnxgen.In("x", "w")).Shaped("y", onnxgen.Float32, "batch", 1).File()
		folder := filepath.Join(dir, "linear", version)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "model.onnx"), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("1", 5)
	g := startGateway(t, "--models", dir, "--prediction-log-dir", log, "--prediction-log-sample", "1")
	changed := 0
	for i := range 300 {
		second := 0
		if i%7 == 0 {
			second = 1
			changed++
		}
		body := fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[%d,%d]}]}`, i%10, second)
		if status := g.send("/v2/models/linear/infer", body, "Sluice-Budget-Ms: 10000"); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	g.stop()
	put("2", 5.5)
	r, status := replayed(t, log, "--in-process", "--models", dir, "--model", "linear:2")
	if status != statusDiffers || r.Differ != changed || r.Agree != 300-changed || len(r.Worst) != 10 {
		t.Errorf("status %d, %+v; %d rows have changed", status, r, changed)
	}
	state := t.TempDir()
	out, _, _ := runWith(t, []string{"XDG_STATE_HOME=" + state}, "replay", log, "--in-process", "--models", dir, "--model", "linear:2", "--worst", "1")
	if !strings.Contains(out, "300 replayed: ") || !strings.Contains(out, "linear:2, recorded of linear:1: worst in output y, row 0: 5.5 instead of 5") {
		t.Errorf("it says %s", out)
	}
	if left, err := os.ReadDir(state); len(left) > 0 || err != nil {
		t.Errorf("it has changed the roles of the models folder's gateway: %v, %v", left, err)
	}
	compareRecorded(t, dir, log, changed)
}
