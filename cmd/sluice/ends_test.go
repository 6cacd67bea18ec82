package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// The oldest and the newest ONNX Runtime that the gateway takes load, prove the example models and answer
// their golden requests. `make ends` fetches them and sets SLUICE_REQUIRE_ENDS.
func TestBothEndsOfONNXRuntime(t *testing.T) {
	for _, end := range []string{"oldest", "newest"} {
		t.Run(end, func(t *testing.T) {
			library, err := filepath.Abs(filepath.FromSlash("../../.deps/onnxruntime-" + end + "/libonnxruntime.so"))
			if err == nil {
				_, err = os.Stat(library)
			}
			if err != nil {
				if os.Getenv("SLUICE_REQUIRE_ENDS") != "" {
					t.Fatal(err)
				}
				t.Skip("make ends fetches it")
			}
			t.Setenv("SLUICE_ONNXRUNTIME", library)
			g := startGateway(t, "--models", filepath.FromSlash("../../examples/models"))
			for _, model := range []string{"eta", "ranker", "digits", "encoder"} {
				answersGolden(t, g, model)
			}
		})
	}
}

// answersGolden sends a model its first golden request.
func answersGolden(t *testing.T, g *running, model string) {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "examples", "models", model, "1", "golden.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	lines.Scan()
	var golden struct {
		Request  json.RawMessage
		Response answerBody
	}
	if err := json.Unmarshal(lines.Bytes(), &golden); err != nil {
		t.Fatal(err)
	}
	status, text := g.post(g.predict+"/v2/models/"+model+"/infer", string(golden.Request))
	var got answerBody
	if status != http.StatusOK || json.Unmarshal([]byte(text), &got) != nil || len(got.Outputs) != len(golden.Response.Outputs) {
		t.Fatalf("%s answered %d %s", model, status, text)
	}
	for k, want := range golden.Response.Outputs {
		if len(got.Outputs[k].Data) != len(want.Data) || len(want.Data) == 0 {
			t.Fatalf("%s: output %d has %d values, want %d", model, k, len(got.Outputs[k].Data), len(want.Data))
		}
		for i, v := range want.Data {
			if d := got.Outputs[k].Data[i] - v; d > 1e-3 || d < -1e-3 {
				t.Errorf("%s: value %d of output %d is %g, want %g", model, i, k, got.Outputs[k].Data[i], v)
			}
		}
	}
}

type answerBody struct {
	Outputs []struct{ Data []float64 }
}
