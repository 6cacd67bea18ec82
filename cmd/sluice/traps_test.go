package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sluice/internal/onnxgen"
)

// A processor has no quotient of the least integer and -1, and ends the process that asks for it. A model
// that divides integers is therefore in a process of its own, and its clients alone notice.
func TestDivisionThatTraps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := onnxgen.New(17).Input("a", onnxgen.Int64, "N", 1).Input("b", onnxgen.Int64, "N", 1).
		Node("Div", "y", onnxgen.In("a", "b")).OutputOf(onnxgen.Int64, "y").File()
	for name, settings := range map[string]string{"div": "batch: coupled\nmax_batch: 8\n", "alone": "max_batch: 0\n"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "1"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "1", "model.onnx"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "1", "model.yaml"), []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copyBundle(t, "eta", dir, "1")
	d := &drilled{running: startGateway(t, "--models", dir)}
	ask := func(model, a, b string) int {
		status, body := d.post(d.predict+"/v2/models/"+model+"/infer", `{"inputs":[{"name":"a","datatype":"INT64","shape":[1,1],"data":[`+a+
			`]},{"name":"b","datatype":"INT64","shape":[1,1],"data":[`+b+`]}]}`)
		if status >= 500 && status != http.StatusGatewayTimeout && !strings.Contains(body, "process that runs the model") {
			t.Errorf("%s of %s and %s: %d %s", model, a, b, status, body)
		}
		return status
	}
	const least = "-9223372036854775808"
	row := golden(t, "eta")[0]
	for range 2 {
		for _, model := range []string{"div", "alone"} {
			eventually(t, model+" answers", func() bool { return ask(model, "6", "-1") == http.StatusOK })
			if status := ask(model, least, "-1"); status == http.StatusOK {
				t.Errorf("%s: the request that ends its process got %d", model, status)
			}
			d.infer("eta", row.Request)
		}
	}
	// Those who were in a batch with it, or come before the process is back, may come again.
	eventually(t, "div answers", func() bool { return ask("div", "6", "-1") == http.StatusOK })
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			if n == 7 {
				ask("div", least, "-1")
			} else if status := ask("div", "6", "3"); status != http.StatusOK && status != http.StatusServiceUnavailable && status != http.StatusGatewayTimeout {
				t.Errorf("a neighbour got %d", status)
			}
		})
	}
	wg.Wait()
	// A crash loop closes the process; readiness says so, and it can be opened again.
	for range 12 {
		eventually(t, "div answers, or its process is closed", func() bool {
			return ask("div", "6", "-1") == http.StatusOK || strings.Contains(d.ready(), "closed")
		})
		if pid := d.Worker(); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	eventually(t, "readiness says that the process is closed", func() bool {
		return strings.Contains(d.ready(), "isolation: process") && strings.Contains(d.ready(), "closed")
	})
	if status := ask("div", "6", "-1"); status != http.StatusServiceUnavailable {
		t.Errorf("a request while the process is closed got %d", status)
	}
	d.infer("eta", row.Request)
	// The models that it ran are not ready; the others are.
	ready := func(model string) (int, string) { return d.get(d.predict + "/v2/models/" + model + "/ready") }
	for _, model := range []string{"div", "alone"} {
		status, body := ready(model)
		if status != http.StatusServiceUnavailable || !strings.Contains(body, "MODEL_NOT_READY") || !strings.Contains(body, "model '"+model+"' version 1 is not ready: device cpu for models with isolation: process takes no work: its worker is closed") {
			t.Errorf("%s is ready: %d %s", model, status, body)
		}
	}
	if status, body := ready("eta"); status != http.StatusOK {
		t.Errorf("eta is not ready: %d %s", status, body)
	}
	if status, body := d.post(d.admin+"/v2/devices/cpu/reopen", ""); status != http.StatusOK {
		t.Errorf("reopening: %d %s", status, body)
	}
	eventually(t, "div answers again", func() bool { return ask("div", "6", "-1") == http.StatusOK })
	if status, body := ready("div"); status != http.StatusOK {
		t.Errorf("div is not ready: %d %s", status, body)
	}
	if text := d.ready(); strings.Contains(text, "degraded") {
		t.Errorf("readiness is %s", text)
	}
}

// ready is what readiness says.
func (d *drilled) ready() string {
	_, body := d.get(d.predict + "/v2/health/ready")
	return body
}
