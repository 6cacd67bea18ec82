package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"sluice/internal/onnxgen"
)

// slowGraph takes many times a budget of a millisecond for one row.
func slowGraph() *onnxgen.Graph {
	const width, layers = 512, 300
	rng := rand.New(rand.NewPCG(3, 4))
	weights := make([]float32, width*width)
	for i := range weights {
		weights[i] = float32(rng.NormFloat64() / 22.6)
	}
	g := (&onnxgen.Graph{}).Input("x", onnxgen.Float32, "n", width).Floats("w", []int{width, width}, weights...)
	from := "x"
	for i := range layers {
		to := fmt.Sprint("h", i)
		if i == layers-1 {
			to = "y"
		}
		g.Node("MatMul", to, onnxgen.In(from, "w"))
		from = to
	}
	return g.Shaped("y", onnxgen.Float32, "n", width)
}

// A model that takes longer than its budget is of use to those who ask for more time in the body,
// also while it refuses the others.
func TestTimeoutParameterOfASlowModel(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "slow", slowGraph(), "budget: 1ms\n")
	g := startGateway(t, "--models", dir)
	row := `"inputs":[{"name":"x","datatype":"FP32","shape":[1,512],"data":[` + strings.TrimSuffix(strings.Repeat("0.5,", 512), ",") + `]}]`
	for range 5 {
		if status, body := g.post(g.predict+"/v2/models/slow/infer", "{"+row+"}"); status == http.StatusOK {
			t.Errorf("without a timeout: got 200 %.200s", body)
		}
		if status, body := g.post(g.predict+"/v2/models/slow/infer", `{"parameters":{"timeout":5000000},`+row+"}"); status != http.StatusOK {
			t.Errorf("with a timeout: got %d %s", status, body)
		}
		if status, body := g.post(g.predict+"/v2/models/slow/infer", "{"+row+`,"parameters":{"timeout":5000000}}`); status != http.StatusOK {
			t.Errorf("with a timeout at the end: got %d %s", status, body)
		}
	}
}

// Answers hold what a strict reader of JSON takes where a model or a request says so, and a missing
// value can be sent as null.
func TestNonFiniteOnTheWire(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	logs := func() *onnxgen.Graph {
		return (&onnxgen.Graph{}).Input("x", onnxgen.Float32, "n", 4).Node("Log", "y", onnxgen.In("x")).Shaped("y", onnxgen.Float32, "n", 4)
	}
	putModel(t, dir, "log", logs(), "")
	putModel(t, dir, "strict", logs(), "nonfinite: null\n")
	g := startGateway(t, "--models", dir, "--scheduler-budget", "10s")
	ask := func(model, form, data, want string) {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, g.predict+"/v2/models/"+model+"/infer", strings.NewReader(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,4],"data":`+data+`}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if form != "" {
			req.Header.Set("Sluice-Nonfinite", form)
		}
		status, body := read(http.DefaultClient.Do(req))
		if status != http.StatusOK || !strings.Contains(body, `"data":`+want+`}`) {
			t.Errorf("%s %q: got %d %s, want %s", model, form, status, body, want)
		}
		if strict := !strings.Contains(want, "NaN"); json.Valid([]byte(body)) != strict {
			t.Errorf("%s %q: %s is strict JSON: %v, want %v", model, form, body, !strict, strict)
		}
	}
	const data, words, nulls = "[-1,0,1,null]", "[NaN,-Infinity,0.0,NaN]", "[null,null,0.0,null]"
	ask("log", "", data, words)
	ask("log", "null", data, nulls)
	ask("strict", "", data, nulls)
	ask("strict", "literal", data, words)
}

// A model without rows takes tensors without elements; one with rows refuses them.
func TestEmptyTensors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, settings := range map[string]string{"whole": "max_batch: 0\n", "apart": "max_batch: 0\nisolation: process\n", "rows": ""} {
		putModel(t, dir, name, (&onnxgen.Graph{}).Input("x", onnxgen.Float32, "n", 2).Node("Neg", "y", onnxgen.In("x")).Shaped("y", onnxgen.Float32, "n", 2), settings)
	}
	g := startGateway(t, "--models", dir, "--scheduler-budget", "10s")
	const request = `{"inputs":[{"name":"x","datatype":"FP32","shape":[0,2],"data":[]}]}`
	for _, model := range []string{"whole", "apart"} {
		status, body := g.post(g.predict+"/v2/models/"+model+"/infer", request)
		if want := `"outputs":[{"name":"y","datatype":"FP32","shape":[0,2],"data":[]}]}`; status != http.StatusOK || !strings.HasSuffix(body, want) {
			t.Errorf("%s, without rows: got %d %s, want %s", model, status, body, want)
		}
	}
	status, body := g.post(g.predict+"/v2/models/rows/infer", request)
	if status != http.StatusBadRequest || !strings.Contains(body, "INVALID_SHAPE") || !strings.Contains(body, "there must be one at least") {
		t.Errorf("with rows: got %d %s", status, body)
	}
}
