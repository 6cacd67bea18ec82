package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/backends/fake"
	"sluice/internal/onnxgen"
)

// The cases of this file are what operators met: states that looked healthy and were not, and
// good models that were refused.

// readiness is what the predict port's readiness says.
type readiness struct {
	Live, Ready bool
	Degraded    []string
	Error, Code string
}

func (g *running) readiness() (status int, r readiness) {
	g.t.Helper()
	status, body := g.get(g.predict + "/v2/health/ready")
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		g.t.Fatalf("readiness is %d %s", status, body)
	}
	return status, r
}

// loaded waits until every model of the index is ready or refused.
func (g *running) loaded(models int) {
	g.t.Helper()
	eventually(g.t, "all models are ready or refused", func() bool {
		_, body := g.post(g.predict+"/v2/repository/index", "")
		return strings.Count(body, `"state":"READY"`)+strings.Count(body, `"state":"UNAVAILABLE"`) == models
	})
}

// device asks a model and returns Sluice-Device.
func (g *running) device(model, body string) string {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, g.predict+"/v2/models/"+model+"/infer", strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Sluice-Budget-Ms", "5000") // models are loaded meanwhile, which takes processors
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		g.t.Fatalf("%s answered %d", model, res.StatusCode)
	}
	return res.Header.Get("Sluice-Device")
}

// cpuLibrary skips where the library has CUDA's provider.
func cpuLibrary(t *testing.T) {
	t.Helper()
	needLibrary(t)
	if _, err := os.Stat(filepath.Join(filepath.Dir(os.Getenv("SLUICE_ONNXRUNTIME")), "libonnxruntime_providers_cuda.so")); err == nil {
		t.Skip("this library has CUDA's provider")
	}
}

// A library without CUDA's provider: the device is not up, everything says so, and says why.
func TestDeviceWithoutItsProvider(t *testing.T) {
	t.Parallel()
	cpuLibrary(t)
	dir := t.TempDir()
	copyBundle(t, "eta", dir, "1")
	copyBundle(t, "digits", dir, "1")
	g := startGateway(t, "--models", dir, "--devices", "cuda:0,cpu")
	status, r := g.readiness()
	const cause = "this build of ONNX Runtime lacks the provider"
	if status != http.StatusOK || !r.Ready || len(r.Degraded) != 1 || !strings.HasPrefix(r.Degraded[0], "device cuda:0 takes no work: "+cause) {
		t.Errorf("readiness is %d %+v", status, r)
	}
	if library := os.Getenv("SLUICE_ONNXRUNTIME"); strings.Contains(strings.Join(r.Degraded, ""), library) || !strings.Contains(g.Log(), library) {
		t.Errorf("the library's path is for the log and not for clients: %+v\n%s", r, g.Log())
	}
	_, metrics := g.get(g.admin + "/metrics")
	for _, line := range []string{
		`sluice_device_state{device="cuda:0",state="up"} 0`, `sluice_device_state{device="cuda:0",state="closed"} 1`,
		`sluice_device_state{device="cpu",state="up"} 1`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
	if got := g.device("eta", string(golden(t, "eta")[0].Request)); got != "cpu;reason=unavailable" {
		t.Errorf("Sluice-Device is %q", got)
	}
	if _, metrics := g.get(g.admin + "/metrics"); !strings.Contains(metrics, `sluice_requests_routed_total{device="cpu",model="eta",reason="unavailable",version="1"} 1`+"\n") {
		t.Error("the metrics lack where the request went and why")
	}
	if n := strings.Count(g.Log(), cause); n != 1 {
		t.Errorf("the log says the cause %d times, want once:\n%s", n, g.Log())
	}
	if strings.Contains(g.Log(), "device left out") {
		t.Errorf("the log repeats for a model what is so for the device:\n%s", g.Log())
	}
	copyBundle(t, "encoder", dir, "1") // at run time it is the same
	eventually(t, "the model serves", func() bool {
		status, _ := g.get(g.predict + "/v2/models/encoder/ready")
		return status == http.StatusOK
	})
	if status, again := g.readiness(); status != http.StatusOK || fmt.Sprint(again.Degraded) != fmt.Sprint(r.Degraded) {
		t.Errorf("with another model readiness is %d %+v", status, again)
	}
}

// Without any other device there is nothing to serve with: the server ends and names the remedy.
func TestNoUsableDevice(t *testing.T) {
	t.Parallel()
	cpuLibrary(t)
	out, status := command(t, "serve", "--models", examples, "--devices", "cuda:0", "--listen", freeAddress(t), "--admin", "", "--drain-delay", "0s")
	last := out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]
	if want := "sluice: none of the devices can be used; add cpu to the setting devices, or see to what they lack: cuda:0: this build of ONNX Runtime lacks the provider"; status != 1 || !strings.HasPrefix(last, want) {
		t.Errorf("status %d, %q; want 1, %q", status, last, want)
	}
}

// A device that loads no model is out of service until it loads one, and then the others join.
func TestDeviceWithoutASessionComesBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	orders := filepath.Join(dir, "orders.json")
	if err := fake.WriteOrders(orders, fake.Orders{FailOpen: true}); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(settings, fmt.Appendf(nil, "devices: [{name: fake, fake: {orders: %s}}, cpu]\n", orders), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "models")
	copyBundle(t, "eta", folder, "1")
	g := startGateway(t, "--config", settings, "--models", folder)
	const why = "device fake takes no work: no model could be loaded on it: cannot open model on fake: no model loads on the fake device, as ordered"
	if status, r := g.readiness(); status != http.StatusOK || len(r.Degraded) != 1 || r.Degraded[0] != why {
		t.Errorf("readiness is %d %+v", status, r)
	}
	request := string(golden(t, "eta")[0].Request)
	if got := g.device("eta", request); got != "cpu;reason=unavailable" {
		t.Errorf("Sluice-Device is %q", got)
	}
	if err := fake.WriteOrders(orders, fake.Orders{}); err != nil {
		t.Fatal(err)
	}
	copyBundle(t, "digits", folder, "1")
	eventually(t, "the model that could not be loaded has joined", func() bool { return g.device("eta", request) == "fake" })
	if status, r := g.readiness(); status != http.StatusOK || len(r.Degraded) != 0 {
		t.Errorf("readiness is %d %+v", status, r)
	}
}

// unservable writes a model that is refused: a graph without inputs.
func unservable(t *testing.T, folder, version string) {
	t.Helper()
	file := onnxgen.New(17).Floats("y", []int{1}, 1).Output("y").File()
	if err := os.MkdirAll(filepath.Join(folder, version), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, version, "model.onnx"), file, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A refused model blocks no other, whether it is there at the start or comes later, unless it is
// required.
func TestRefusedModelAtTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyBundle(t, "eta", dir, "1")
	unservable(t, filepath.Join(dir, "bad"), "1")
	g := startGateway(t, "--models", dir)
	g.loaded(2)
	status, r := g.readiness()
	if status != http.StatusOK || !r.Ready || len(r.Degraded) != 1 || !strings.HasPrefix(r.Degraded[0], "model bad version 1 is refused: ") || strings.HasSuffix(r.Degraded[0], ": ") {
		t.Errorf("readiness is %d %+v", status, r)
	}
	g.infer("eta", golden(t, "eta")[0].Request)
	unservable(t, filepath.Join(dir, "eta"), "2")
	unservable(t, filepath.Join(dir, "worse"), "1")
	eventually(t, "both are refused", func() bool {
		_, r := g.readiness()
		return len(r.Degraded) == 3
	})
	if status, r := g.readiness(); status != http.StatusOK || len(r.Degraded) != 3 || !strings.Contains(r.Degraded[1], "model eta version 2 is refused") || !strings.HasSuffix(r.Degraded[1], "; version 1 serves") {
		t.Errorf("readiness at run time is %d %+v", status, r)
	}
}

func TestRequiredModels(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyBundle(t, "eta", dir, "1")
	unservable(t, filepath.Join(dir, "bad"), "1")
	f := func(require, want string) {
		t.Helper()
		g := launchGateway(t, "--models", dir, "--require", require)
		g.loaded(2)
		status, r := g.readiness()
		if want == "" {
			if status != http.StatusOK || !r.Ready {
				t.Errorf("require %s: readiness is %d %+v", require, status, r)
			}
			return
		}
		if status != http.StatusServiceUnavailable || r.Code != "MODEL_NOT_READY" || !strings.HasPrefix(r.Error, "the server is not ready: required models are missing: "+want) {
			t.Errorf("require %s: readiness is %d %+v", require, status, r)
		}
		g.infer("eta", golden(t, "eta")[0].Request) // who asks all the same is answered
		out, exit := command(t, "health", "--listen", strings.TrimPrefix(g.predict, "http://"))
		if exit != 1 || !strings.Contains(out, r.Error) {
			t.Errorf("require %s: health ends with %d: %s", require, exit, out)
		}
	}
	f("eta", "")
	f("eta,bad", "'bad' version 1 is refused, ")
	f("all", "'bad' version 1 is refused, ")
	f("eta,other", "'other' is not in the models folder")
}

func TestServerWithoutAModelIsNeverReady(t *testing.T) {
	t.Parallel()
	f := func(prepare func(dir string), models int, want string) {
		t.Helper()
		dir := t.TempDir()
		prepare(dir)
		g := launchGateway(t, "--models", dir)
		eventually(t, "the models are loaded", func() bool {
			_, r := g.readiness()
			return r.Error != "" && !strings.Contains(r.Error, "loading")
		})
		g.loaded(models)
		if status, r := g.readiness(); status != http.StatusServiceUnavailable || !strings.HasPrefix(r.Error, "the server is not ready: "+want) {
			t.Errorf("readiness is %d %+v, want %q", status, r, want)
		}
		copyBundle(t, "eta", dir, "1")
		g.awaitReady()
	}
	f(func(string) {}, 0, "there is no model: the models folder holds none, neither <name>/<version>/model.onnx nor <name>.onnx")
	f(func(dir string) { unservable(t, filepath.Join(dir, "bad"), "1") }, 1, "no model can be served: 'bad' version 1 is refused, ")
}
