package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice/config"
	"sluice/internal/onnxgen"
)

// TestTritonReshape asks models whose shapes on the wire are not their own, in each form that a
// request and an answer may have.
func TestTritonReshape(t *testing.T) {
	t.Parallel()
	double := func(in, out []any) *onnxgen.Graph {
		return onnxgen.New(17).Input("x", floats, in...).Shaped("y", floats, out...).Node("Add", "y", onnxgen.In("x", "x"))
	}
	settings := func(batch int, dims, own string) string {
		return fmt.Sprintf(`max_batch_size: %[1]d input { name: "x" dims: %[2]s reshape { shape: %[3]s } } output { name: "y" data_type: TYPE_FP32 dims: %[2]s reshape { shape: %[3]s } }`, batch, dims, own)
	}
	dir := t.TempDir()
	for _, m := range []tritonModel{
		{name: "scalars", file: double([]any{"n"}, []any{"n"}), settings: settings(4, "[1]", "[]")},
		{name: "free", file: double([]any{"n", 2, 2, "m"}, []any{"n", 2, 2, "m"}), settings: settings(4, "[4,-1]", "[2,2,-1]")},
		{name: "whole", file: double([]any{1, "m"}, []any{1, "m"}), settings: settings(0, "[-1]", "[1,-1]")},
		{name: "single", file: double([]any{}, []any{}), settings: settings(0, "[1]", "[]")},
	} {
		m.write(t, dir)
	}
	put(t, filepath.Join(dir, "free", "1", "golden.jsonl"), `{"request":{"inputs":[{"name":"x","datatype":"FP32","shape":[1,4,1],"data":[1,2,3,4]}]},"response":{"outputs":[{"name":"y","datatype":"FP32","shape":[1,4,1],"data":[2,4,6,8]}]}}`)
	g := startGateway(t, "--models", dir, "--scheduler-budget", "10s")
	f := func(model, shape, data, wantShape, want string) {
		t.Helper()
		url := g.predict + "/v2/models/" + model + "/infer"
		request := fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"FP32","shape":%s,"data":%s}]}`, shape, data)
		status, body := g.post(url, request)
		text := fmt.Sprintf(`"outputs":[{"name":"y","datatype":"FP32","shape":%s,"data":%s}]}`, wantShape, want)
		if status != http.StatusOK || !strings.HasSuffix(body, text) {
			t.Errorf("%s: %d %s, want %s", model, status, body, text)
		}
		status, body = g.post(url, strings.TrimSuffix(request, "}")+`,"parameters":{"binary_data_output":true}}`)
		if text = fmt.Sprintf(`"shape":%s,"parameters":{"binary_data_size":`, wantShape); status != http.StatusOK || !strings.Contains(body, text) {
			t.Errorf("%s: %d %q, want %s", model, status, body, text)
		}
	}
	f("scalars", "[3,1]", "[1,2,3]", "[3,1]", "[2.0,4.0,6.0]")
	f("free", "[1,4,2]", "[1,2,3,4,5,6,7,8]", "[1,4,2]", "[2.0,4.0,6.0,8.0,10.0,12.0,14.0,16.0]")
	f("whole", "[3]", "[1,2,3]", "[3]", "[2.0,4.0,6.0]")
	f("single", "[1]", "[3]", "[1]", "[6.0]")
	v1 := func(model, request, want string) {
		t.Helper()
		if status, body := g.post(g.predict+"/v1/models/"+model+":predict", request); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %s, want %s", model, status, body, want)
		}
	}
	v1("scalars", `{"instances":[[1],[2]]}`, `{"predictions":[[2.0],[4.0]]}`)
	v1("scalars", `{"instances":[{"x":[1]},{"x":[2]}]}`, `{"predictions":[[2.0],[4.0]]}`)
	v1("free", `{"inputs":[[[1],[2],[3],[4]]]}`, `{"outputs":[[[2.0],[4.0],[6.0],[8.0]]]}`)
	v1("whole", `{"inputs":[1,2]}`, `{"outputs":[2.0,4.0]}`)
	refused := func(model, shape, data, want string) {
		t.Helper()
		status, body := g.post(g.predict+"/v2/models/"+model+"/infer", fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"FP32","shape":%s,"data":%s}]}`, shape, data))
		if status != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%s %s: %d %s, want %s", model, shape, status, body, want)
		}
	}
	refused("scalars", "[2]", "[1,2]", "Expected [-1,1], got [2]")
	refused("scalars", "[5,1]", "[1,2,3,4,5]", "batch-size must be <= 4 for 'scalars', got 5")
	refused("free", "[1,2,2,1]", "[1,2,3,4]", "Expected [-1,4,-1], got [1,2,2,1]")
	refused("whole", "[1,2]", "[1,2]", "Expected [-1], got [1,2]")
	// A body of nothing but the tensor has the shape of the wire too.
	req, err := http.NewRequest(http.MethodPost, g.predict+"/v2/models/free/infer", strings.NewReader(strings.Repeat("\x00\x00\x80\x3f", 8)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Inference-Header-Content-Length", "0")
	if status, body := read(http.DefaultClient.Do(req)); status != http.StatusOK || !strings.Contains(body, `"shape":[1,4,2]`) {
		t.Errorf("raw: %d %q", status, body)
	}
	editTriton(t, g, dir)
}

// editTriton edits the settings under a loaded version: the edit is noticed, and holds once the
// model is unloaded and loaded again.
func editTriton(t *testing.T, g *running, dir string) {
	t.Helper()
	config := func() string {
		_, body := g.get(g.predict + "/v2/models/scalars/config")
		return body
	}
	path := filepath.Join(dir, "scalars", "config.pbtxt")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, strings.Replace(string(text), "max_batch_size: 4", "max_batch_size: 16", 1))
	eventually(t, "the edit is noticed", func() bool { return strings.Contains(g.Log(), "files changed under a loaded version") })
	if body := config(); !strings.Contains(body, `"max_batch_size":4`) {
		t.Errorf("before it is loaded again: %s", body)
	}
	for _, step := range []string{"unload", "load"} {
		if status, body := g.post(g.admin+"/v2/repository/models/scalars/"+step, ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", step, status, body)
		}
	}
	if body := config(); !strings.Contains(body, `"max_batch_size":16`) {
		t.Errorf("after it was loaded again: %s", body)
	}
}

// TestTritonPageNamesFlags wants each flag that stands in for one of Triton's to be there.
func TestTritonPageNamesFlags(t *testing.T) {
	page, err := os.ReadFile("../../docs/triton.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Flags and ports")
	table, _, _ = strings.Cut(table, "\n## ")
	named := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		for _, flag := range regexp.MustCompile(`--[a-z][a-z-]*`).FindAllString(cells[max(0, len(cells)-2)], -1) {
			named++
			if !slices.ContainsFunc(config.Options(), func(o config.Option) bool { return "--"+o.Flag == flag }) {
				t.Errorf("there is no flag %s", flag)
			}
		}
	}
	if named < 8 {
		t.Errorf("%d flags are named", named)
	}
}
