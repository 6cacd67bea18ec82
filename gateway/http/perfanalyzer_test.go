package httpfront

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// The requests of perf_analyzer in its order, and the fields that it reads without
// looking whether they are there.
func TestPerfAnalyzerSequence(t *testing.T) {
	e := serve(t, fixtures(), nil)
	read := func(raw string, into any) {
		t.Helper()
		a := e.send(raw)
		if a.status != 200 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		if err := json.Unmarshal([]byte(a.body), into); err != nil {
			t.Fatal(err)
		}
	}
	var metadata struct {
		Name            string
		Inputs, Outputs []struct {
			Name, Datatype string
			Shape          []int64
		}
	}
	read(get("/v2/models/simple"), &metadata)
	var config struct {
		MaxBatch int `json:"max_batch_size"`
		Input    []struct {
			Name          string
			IsShapeTensor *bool `json:"is_shape_tensor"`
			Optional      *bool
		}
		Output []struct{ Name string }
	}
	read(get("/v2/models/simple/config"), &config)
	for i, in := range config.Input {
		if in.Name != metadata.Inputs[i].Name || in.IsShapeTensor == nil || in.Optional == nil {
			t.Errorf("input %d: config has %+v, metadata %+v", i, in, metadata.Inputs[i])
		}
	}
	for i, out := range config.Output {
		if out.Name != metadata.Outputs[i].Name {
			t.Errorf("output %d: config has %q, metadata %q", i, out.Name, metadata.Outputs[i].Name)
		}
	}
	if config.MaxBatch != 8 || len(config.Input) != 2 || len(config.Output) != 2 {
		t.Errorf("config is %+v", config)
	}
	var server struct{ Extensions []string }
	read(get("/v2"), &server)
	if !strings.Contains(strings.Join(server.Extensions, " "), "statistics") {
		t.Errorf("extensions are %v", server.Extensions)
	}
	queued := func() int {
		var stats struct {
			Models []struct {
				Name, Version string
				Inferences    *int                                `json:"inference_count"`
				Executions    *int                                `json:"execution_count"`
				Stats         map[string]struct{ Count, NS *int } `json:"inference_stats"`
			} `json:"model_stats"`
		}
		read(get("/v2/models/simple/stats"), &stats)
		m := stats.Models[0]
		if _, err := strconv.Atoi(m.Version); err != nil || m.Name != "simple" || m.Inferences == nil || m.Executions == nil {
			t.Fatalf("statistics are %+v", m)
		}
		for _, name := range []string{"success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss"} {
			if d := m.Stats[name]; d.Count == nil || d.NS == nil {
				t.Fatalf("statistic %s is incomplete", name)
			}
		}
		return *m.Stats["queue"].Count
	}
	before := queued()
	shape := func(name string) string {
		return input(name, "INT32", "[8,16]", `"parameters":{"binary_data_size":512}`)
	}
	const outputs = `"outputs":[{"name":"OUTPUT0","parameters":{"binary_data":true}},{"name":"OUTPUT1","parameters":{"binary_data":true}}]`
	eight := []byte(strings.Repeat(string(count(1)), 8))
	for n := range 10 {
		header := fmt.Sprintf(`{"id":"%d",%s,%s}`, n, inputs(shape("INPUT0"), shape("INPUT1")), outputs)
		a := e.send(binaryPost(simpleInfer, header, eight, eight))
		length, err := strconv.Atoi(a.header.Get("Inference-Header-Content-Length"))
		if a.status != 200 || err != nil || len(a.body)-length != 1024 || !strings.HasPrefix(a.body, fmt.Sprintf(`{"id":"%d"`, n)) {
			t.Fatalf("infer got %d with header length %d: %q", a.status, length, a.body)
		}
		if strings.Count(a.body[:length], `"parameters"`) != 2 || strings.Contains(a.body[:length], `"data"`) {
			t.Fatalf("outputs carry other parameters than their size: %s", a.body[:length])
		}
	}
	if after := queued(); after != before+10 {
		t.Errorf("the queue count went from %d to %d", before, after)
	}
}
