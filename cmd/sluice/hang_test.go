package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/longtest"
	"sluice/internal/onnxgen"
)

// endless is a number of which the models of endlessModels make a loop of a billion rounds.
const endless = 7777

// endlessModels adds models to a folder that take as long as their input says.
func endlessModels(t *testing.T, dir string, names ...string) {
	t.Helper()
	in := onnxgen.In
	body := onnxgen.New(17).Scalar("i", onnxgen.Int64).Scalar("go", onnxgen.Bool).Input("s", onnxgen.Float32, nil, 1).
		Node("Identity", "on", in("go")).Node("Mul", "next", in("s", "half")).
		OutputOf(onnxgen.Bool, "on").Shaped("next", onnxgen.Float32, nil, 1)
	file := onnxgen.New(17).Input("n", onnxgen.Int64, "batch", 1).
		Floats("half", nil, 0.5).Wholes("endless", nil, endless).Wholes("billion", nil, 1_000_000_000).Wholes("one", nil, 1).
		Node("ReduceMax", "most", in("n"), onnxgen.Whole("keepdims", 0)).
		Node("Equal", "is", in("most", "endless")).Node("Where", "rounds", in("is", "billion", "one")).
		Node("Cast", "x", in("n"), onnxgen.Whole("to", onnxgen.Float32)).
		Nodes("Loop", in("y"), in("rounds", "", "x"), onnxgen.Body("body", body)).
		Shaped("y", onnxgen.Float32, "batch", 1).File()
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(dir, name, "1"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "1", "model.onnx"), file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Two models hang in both lanes of the CPU. A third is answered meanwhile, and they are refused until
// their runs are cut at the hang limit; then they answer again.
func TestHungRunsDoNotStopTheOthers(t *testing.T) {
	longtest.Skip(t)
	longtest.NotRaced(t)
	dir := tableModel(t)
	endlessModels(t, dir, "first", "second")
	const limit = 4 * time.Second
	g := startGateway(t, "--models", dir, "--scheduler-cpu-lanes", "2", "--scheduler-hang-limit", limit.String())
	ask := func(model string, n int, budget time.Duration) (status int, text string, took time.Duration) {
		t.Helper()
		input, shape := "n", "[1,1]"
		if model == "table" {
			input, shape = "id", "[1]"
		}
		r, err := http.NewRequest(http.MethodPost, g.predict+"/v2/models/"+model+"/infer", strings.NewReader(
			fmt.Sprintf(`{"inputs":[{"name":%q,"datatype":"INT64","shape":%s,"data":[%d]}]}`, input, shape, n)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sluice-Budget-Ms", fmt.Sprint(budget.Milliseconds()))
		begin := time.Now()
		status, text = read(http.DefaultClient.Do(r))
		return status, text, time.Since(begin)
	}
	for _, model := range []string{"first", "second"} {
		if status, text, _ := ask(model, 3, time.Second); status != http.StatusOK {
			t.Fatalf("%s answered %d %s", model, status, text)
		}
	}
	began := time.Now()
	for _, model := range []string{"first", "second"} {
		if status, text, _ := ask(model, endless, 100*time.Millisecond); status != http.StatusGatewayTimeout {
			t.Errorf("%s, which hangs, answered %d %s", model, status, text)
		}
	}
	eventually(t, "both runs count as hanging, and their lanes are lent", func() bool {
		lent, err := g.Counters("sluice_device_lent_lanes", `device="cpu"`)
		return err == nil && lent == 2
	})
	answered, late := 0, 0
	const budget = 100 * time.Millisecond
	for range 200 {
		status, text, took := ask("table", 1, budget)
		switch {
		case status == http.StatusOK:
			answered++
		case status != http.StatusTooManyRequests && status != http.StatusGatewayTimeout: // both processors hang, after all
			t.Errorf("beside two hung runs the third model answered %d %s", status, text)
		}
		if took > budget+50*time.Millisecond {
			late++
		}
	}
	if answered < 190 || late > 4 {
		t.Errorf("beside two hung runs %d of 200 requests were answered, %d late", answered, late)
	}
	t.Logf("beside two hung runs %d of 200 requests were answered, %d late, within %v of the first", answered, late, time.Since(began))
	if time.Since(began) < limit {
		status, text, took := ask("first", 3, time.Second)
		if status != http.StatusServiceUnavailable || !strings.Contains(text, "scheduler.hang_limit") || took > budget {
			t.Errorf("a model that hangs answered %d %s after %v", status, text, took)
		}
	}
	for end := began.Add(limit + 10*time.Second); ; time.Sleep(50 * time.Millisecond) {
		status, text, _ := ask("first", 3, time.Second)
		if status == http.StatusOK {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("long after the hang limit the model answers %d %s", status, text)
		}
	}
}
