package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sluice/internal/longtest"
)

// onGPU are the examples that TestServeOnWebGPU serves; make gpu-check-software has the larger encoder.
var onGPU = []string{"digits", "ranker"}

// TestServeOnWebGPU serves examples on WebGPU, in a worker process on a software driver, with
// the CPU beside it: they pass all load gates on both, whose answers must agree; golden rows get
// their answers from the GPU, and both devices serve one model at once when there is more than the
// GPU can do in time.
func TestServeOnWebGPU(t *testing.T) {
	longtest.Skip(t)
	needLibrary(t)
	settings := settingsFile(t,
		"scheduler: {budget: 10s}",
		"model_defaults: {max_batch: 4, warmup: 50ms}",
		"devices:",
		"  - "+softwareGPU(t),
		"  - cpu")
	models := t.TempDir()
	for _, model := range onGPU {
		copyBundle(t, model, models, "1")
	}
	g := startGateway(t, "--config", settings, "--models", models)
	passedOnBoth(t, g)
	for _, model := range onGPU {
		row := golden(t, model)[0]
		var got struct{ Outputs []output }
		// Beside other work a run of the software driver may look as if it were stuck, and the CPU is quicker.
		for try := range 10 {
			res, err := http.Post(g.predict+"/v2/models/"+model+"/infer", "application/json", strings.NewReader(string(row.Request)))
			if err != nil {
				t.Fatal(err)
			}
			got.Outputs = nil
			err = json.NewDecoder(res.Body).Decode(&got)
			res.Body.Close()
			device := res.Header.Get("Sluice-Device")
			if err == nil && device == "webgpu" {
				break
			}
			if err != nil || device != "cpu;reason=hedge" || try == 9 {
				t.Fatalf("%s: status %d from %q, %v", model, res.StatusCode, device, err)
			}
		}
		for _, want := range row.Response.Outputs {
			k := slices.IndexFunc(got.Outputs, func(o output) bool { return o.Name == want.Name })
			if k < 0 || !slices.Equal(got.Outputs[k].Shape, want.Shape) || !alike(got.Outputs[k].Data, want.Data) {
				t.Errorf("%s: output %s is not as recorded", model, want.Name)
			}
		}
	}
	// How fast the software driver is depends on what else the machine does. Where it got nothing
	// the budget grows, where the CPU got nothing the burst does. A driver that looked stuck has its breaker open for a while.
	seen, n, budget := map[string]int{}, 100, 100
	for try := 0; try < 6 && (seen["webgpu"] == 0 || seen["cpu"] == 0); try++ {
		eventually(t, "the GPU takes work", func() bool {
			_, metrics := g.get(g.admin + "/metrics")
			return strings.Contains(metrics, `sluice_device_state{device="webgpu",state="up"} 1`)
		})
		for device, n := range burst(t, g, "digits", n, strconv.Itoa(budget)) {
			seen[device] += n
		}
		if seen["webgpu"] == 0 {
			budget *= 2
		}
		if seen["cpu"] == 0 {
			n *= 2
		}
	}
	if seen["webgpu"] == 0 || seen["cpu"] == 0 {
		t.Errorf("answers came from %v, want some from each device", seen)
	}
}

// passedOnBoth wants that no gate refused an example on either device, that each falls back to the
// CPU, and that it was all one worker.
func passedOnBoth(t *testing.T, g *running) {
	t.Helper()
	_, metrics := g.get(g.admin + "/metrics")
	for _, model := range onGPU {
		for _, device := range []string{"webgpu", "cpu"} {
			if !strings.Contains(metrics, fmt.Sprintf("sluice_run_duration_seconds_count{device=%q,model=%q,", device, model)) {
				t.Errorf("%s is not placed on %s", model, device)
			}
		}
	}
	counted := map[string]int{`"msg":"version ready"`: len(onGPU), `"msg":"worker","device":"webgpu","state":"up"`: 1}
	for _, bad := range []string{`"msg":"version refused"`, `"msg":"device left out"`, `"msg":"fallback switched off"`, `"not_on":`} {
		counted[bad] = 0
	}
	for text, want := range counted {
		eventually(t, fmt.Sprintf("the log says %d times %s", want, text), func() bool { return strings.Count(g.Log(), text) == want })
	}
}

// burst sends so many requests at once, each with a budget in milliseconds, and counts the good
// answers by device. Those of the model's first golden row are held against it.
func burst(t *testing.T, g *running, model string, n int, budget string) map[string]int {
	t.Helper()
	row := golden(t, model)[0]
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.predict+"/v2/models/"+model+"/infer", strings.NewReader(string(row.Request)))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Sluice-Budget-Ms", budget)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			var got struct{ Outputs []output }
			if err := json.NewDecoder(res.Body).Decode(&got); err != nil || res.StatusCode != http.StatusOK {
				return // shed, which is fair
			}
			device, _, _ := strings.Cut(res.Header.Get("Sluice-Device"), ";")
			mu.Lock()
			defer mu.Unlock()
			seen[device]++
			want := row.Response.Outputs[0]
			k := slices.IndexFunc(got.Outputs, func(o output) bool { return o.Name == want.Name })
			if k < 0 || !alike(got.Outputs[k].Data, want.Data) {
				t.Errorf("%s answered %s on %s otherwise than recorded", model, want.Name, device)
			}
		})
	}
	wg.Wait()
	return seen
}
