package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/internal/onnxgen"
)

// putModel writes a bundle of a drawn graph.
func putModel(t *testing.T, dir, name string, g *onnxgen.Graph, settings string) {
	t.Helper()
	bundle := filepath.Join(dir, name, "1")
	if err := os.MkdirAll(bundle, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "model.onnx"), g.File(), 0o600); err != nil {
		t.Fatal(err)
	}
	if settings == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(bundle, "model.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
}

// floatInput is one input of a request.
func floatInput(name string, shape []int, data ...float64) map[string]any {
	return map[string]any{"name": name, "datatype": "FP32", "shape": shape, "data": data}
}

func request(t *testing.T, inputs ...map[string]any) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{"inputs": inputs})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// numbers are the outputs of an answer by name.
func numbers(t *testing.T, body []byte) map[string]output {
	t.Helper()
	var answer struct {
		Outputs []output `json:"outputs"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	byName := map[string]output{}
	for _, o := range answer.Outputs {
		byName[o.Name] = o
	}
	return byName
}

// listModels are rankers of one user and many items: y = items + user, and u = user * user.
func listModels(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	draw := func(userAxis any, second bool) *onnxgen.Graph {
		g := (&onnxgen.Graph{}).Input("user", onnxgen.Float32, userAxis, 2).Input("items", onnxgen.Float32, "n", 2).
			Node("Add", "y", onnxgen.In("items", "user")).Shaped("y", onnxgen.Float32, "n", 2)
		if second {
			g.Node("Mul", "u", onnxgen.In("user", "user")).Shaped("u", onnxgen.Float32, "b", 2)
		}
		return g
	}
	putModel(t, dir, "shown", draw("b", false), "")
	putModel(t, dir, "asked", draw("b", true), "once: [user]\n")
	putModel(t, dir, "fixed", draw(1, false), "")
	return dir
}

// TestListsOfDifferentUsersShareBatches asks from many clients, each with users and lists of its
// own: one row of the user beside n items, or n equal ones.
func TestListsOfDifferentUsersShareBatches(t *testing.T) {
	g := startGateway(t, "--models", listModels(t), "--scheduler-budget", "10s")
	for _, model := range []string{"shown", "asked", "fixed"} {
		var shared atomic.Int64
		var wg sync.WaitGroup
		for c := range 16 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(c), 7))
				for range 60 {
					if beside := askList(t, g, model, rng); beside {
						shared.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if shared.Load() == 0 {
			t.Errorf("%s: no request shared a batch", model)
		}
	}
}

// askList sends one list and wants its own answer; it tells whether others shared the batch.
func askList(t *testing.T, g *running, model string, rng *rand.Rand) bool {
	n := 1 + rng.IntN(5)
	user := []float64{float64(rng.IntN(3)), 100} // few users, so that some are equal
	rows, many := 1, user
	if rng.IntN(3) == 0 {
		rows, many = n, nil
		for range n {
			many = append(many, user...)
		}
	}
	var items, want []float64
	for i := range 2 * n {
		items = append(items, float64(rng.IntN(50)))
		want = append(want, items[i]+user[i%2])
	}
	body := request(t, floatInput("user", []int{rows, 2}, many...), floatInput("items", []int{n, 2}, items...))
	res, err := http.Post(g.predict+"/v2/models/"+model+"/infer", "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Error(err)
		return false
	}
	batch, _ := strconv.Atoi(res.Header.Get("Sluice-Batch"))
	status, text := read(res, nil)
	if status != http.StatusOK {
		t.Errorf("%s answered %d: %s", model, status, text)
		return false
	}
	got := numbers(t, []byte(text))
	if y := got["y"]; !alike(y.Data, want) || len(y.Shape) != 2 || y.Shape[0] != n {
		t.Errorf("%s: %v, want %v", model, y, want)
	}
	if u, there := got["u"]; there {
		if !alike(u.Data, []float64{user[0] * user[0], user[1] * user[1]}) || u.Shape[0] != 1 {
			t.Errorf("%s: the user's own output is %v for %v", model, u, user)
		}
	}
	return batch > n
}

func TestListsAreRefusedByName(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "--models", listModels(t), "--scheduler-budget", "10s")
	f := func(model, want string, inputs ...map[string]any) {
		t.Helper()
		status, body := g.post(g.predict+"/v2/models/"+model+"/infer", string(request(t, inputs...)))
		if status != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want 400 with %q", model, status, body, want)
		}
	}
	items := floatInput("items", []int{3, 2}, 1, 2, 3, 4, 5, 6)
	f("shown", "batch size does not match", floatInput("user", []int{2, 2}, 1, 2, 1, 2), items)
	f("fixed", "once per request, but its 3 rows differ", floatInput("user", []int{3, 2}, 1, 2, 1, 2, 1, 3), items)
	f("asked", "once per request, but its 3 rows differ", floatInput("user", []int{3, 2}, 1, 2, 1, 2, 1, 3), items)
	f("shown", "missing", items)
}

// TestOptionalInput replaces a value of the file for one request alone.
func TestOptionalInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	draw := func() *onnxgen.Graph {
		return (&onnxgen.Graph{}).Input("x", onnxgen.Float32, "n", 4).Input("scale", onnxgen.Float32, 1).Floats("scale", []int{1}, 3).
			Node("Mul", "y", onnxgen.In("x", "scale")).Shaped("y", onnxgen.Float32, "n", 4)
	}
	putModel(t, dir, "given", draw(), "optional: [scale]\n")
	putModel(t, dir, "closed", draw(), "")
	g := startGateway(t, "--models", dir, "--scheduler-budget", "10s")
	x := floatInput("x", []int{1, 4}, 1, 2, 3, 4)
	var wg sync.WaitGroup
	for c := range 16 {
		wg.Go(func() {
			for range 40 {
				inputs, want := []map[string]any{x}, []float64{3, 6, 9, 12}
				if c%2 == 1 {
					inputs = append(inputs, floatInput("scale", []int{1}, float64(c)))
					want = []float64{float64(c), 2 * float64(c), 3 * float64(c), 4 * float64(c)}
				}
				status, body := g.post(g.predict+"/v2/models/given/infer", string(request(t, inputs...)))
				if status != http.StatusOK || !alike(numbers(t, []byte(body))["y"].Data, want) {
					t.Errorf("%d %s, want %v", status, body, want)
				}
			}
		})
	}
	wg.Wait()
	if status, body := g.get(g.predict + "/v2/models/given/config"); status != http.StatusOK || !strings.Contains(body, `"optional":true`) {
		t.Errorf("the configuration says %d %s", status, body)
	}
	status, body := g.post(g.predict+"/v2/models/closed/infer", string(request(t, x, floatInput("scale", []int{1}, 10))))
	if status != http.StatusBadRequest || !strings.Contains(body, "UNKNOWN_INPUT") {
		t.Errorf("an input that the settings do not name: %d %s", status, body)
	}
}

// TestCoupledAnswersSaySo batches a model whose rows change each other because its settings ask
// for it, and tells each caller.
func TestCoupledAnswersSaySo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mean := func() *onnxgen.Graph {
		return (&onnxgen.Graph{}).Input("x", onnxgen.Float32, "n", 2).
			Node("ReduceMean", "m", onnxgen.In("x"), onnxgen.Wholes("axes", 0)).
			Node("Sub", "y", onnxgen.In("x", "m")).Shaped("y", onnxgen.Float32, "n", 2)
	}
	putModel(t, dir, "coupled", mean(), "batch: coupled\n")
	putModel(t, dir, "whole", mean(), "")
	g := startGateway(t, "--models", dir, "--scheduler-budget", "10s")
	for model, want := range map[string]string{"coupled": "coupled", "whole": ""} {
		body := request(t, floatInput("x", []int{2, 2}, 1, 2, 3, 4))
		res, err := http.Post(g.predict+"/v2/models/"+model+"/infer", "application/json", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Get("Sluice-Batching"); got != want || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, Sluice-Batching %q, want %q", model, res.StatusCode, got, want)
		}
		if _, text := read(res, nil); !alike(numbers(t, []byte(text))["y"].Data, []float64{-1, -1, 1, 1}) {
			t.Errorf("%s: %s", model, text)
		}
		if _, config := g.get(g.predict + "/v2/models/" + model + "/config"); !strings.Contains(config, fmt.Sprintf(`"batching":{"string_value":%q}`, map[string]string{"coupled": "coupled", "whole": "single"}[model])) {
			t.Errorf("%s: %s", model, config)
		}
	}
}

// TestOutputsThatAreInputs gives back what the library computes nothing for: an input and a
// constant of the file.
func TestOutputsThatAreInputs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	putModel(t, dir, "pass", (&onnxgen.Graph{}).Input("x", onnxgen.Float32, "n", 2).Shaped("x", onnxgen.Float32, "n", 2).
		Node("Neg", "y", onnxgen.In("x")).Shaped("y", onnxgen.Float32, "n", 2), "")
	putModel(t, dir, "constant", (&onnxgen.Graph{}).Input("x", onnxgen.Float32, "n", 2).Floats("x2", []int{2}, 7, 8).
		Node("Neg", "y", onnxgen.In("x")).Shaped("y", onnxgen.Float32, "n", 2).Shaped("x2", onnxgen.Float32, 2), "")
	putModel(t, dir, "one", (&onnxgen.Graph{}).Input("x", onnxgen.Float32, 1, 2).Shaped("x", onnxgen.Float32, 1, 2).
		Node("Neg", "y", onnxgen.In("x")).Shaped("y", onnxgen.Float32, 1, 2), "")
	g := startGateway(t, "--models", dir, "--scheduler-budget", "10s")
	for _, model := range []string{"pass", "constant", "one"} {
		got := numbers(t, g.infer(model, request(t, floatInput("x", []int{2, 2}, 1, 2, 3, 4))))
		if !alike(got["y"].Data, []float64{-1, -2, -3, -4}) {
			t.Errorf("%s: y is %v", model, got["y"])
		}
		if x, there := got["x"]; there && !alike(x.Data, []float64{1, 2, 3, 4}) {
			t.Errorf("%s: x is %v", model, x)
		}
		if c, there := got["x2"]; there && !alike(c.Data, []float64{7, 8}) {
			t.Errorf("%s: the constant is %v", model, c)
		}
	}
}
