package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/onnxgen"
)

// A model that asks for it runs on the CPU in a process of its own, and survives that one's end.
func TestModelInAProcessOfItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyBundle(t, "eta", dir, "1")
	settings := filepath.Join(dir, "eta", "1", "model.yaml")
	text, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(settings, append(text, "\nisolation: process\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &drilled{running: startGateway(t, "--models", dir)}
	row := golden(t, "eta")[0]
	d.infer("eta", row.Request)
	if d.Worker() == 0 {
		t.Fatal("there is no process for the model")
	}
	d.signal(syscall.SIGKILL)
	eventually(t, "the model answers again", func() bool {
		status, _ := d.post(d.predict+"/v2/models/eta/infer", string(row.Request))
		return status == http.StatusOK
	})
	// The CPU itself has not failed: nothing is degraded.
	if _, body := d.get(d.predict + "/v2/health/ready"); strings.Contains(body, "degraded") {
		t.Errorf("readiness is %s", body)
	}
}

var routedTo = regexp.MustCompile(`sluice_requests_routed_total\{device="(\w+)",model="late",reason="\w+",version="1"\} (\d+)`)

// A device that is down while a model is loaded joins it when it is back; until then the CPU
// serves. Every scrape meanwhile names where each request went.
func TestDeviceJoinsAModelThatServes(t *testing.T) {
	t.Parallel()
	d := startDrilled(t)
	done := make(chan struct{})
	down := make(chan struct{})
	go func() { // keep the device down
		defer close(down)
		for {
			if pid := d.Worker(); pid != 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	if err := (onnxgen.MLP{Layers: []int{16, 32, 1}, Seed: 6}).Write(filepath.Join(d.Models, "late"), "1"); err != nil {
		t.Fatal(err)
	}
	device := func() string {
		res, err := http.Post(d.predict+"/v2/models/late/infer", "application/json", strings.NewReader(
			`{"inputs":[{"name":"input","datatype":"FP32","shape":[1,16],"data":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}]}`))
		if err != nil {
			return err.Error()
		}
		res.Body.Close()
		return res.Header.Get("Sluice-Device")
	}
	eventually(t, "the CPU serves the model", func() bool { return strings.HasPrefix(device(), "cpu") })
	close(done)
	<-down
	served, last := map[string]int{"cpu": 1}, 0
	eventually(t, "the device serves it", func() bool {
		on, _, _ := strings.Cut(device(), ";")
		served[on]++
		routed := map[string]int{}
		_, metrics := d.get(d.admin + "/metrics")
		for _, line := range routedTo.FindAllStringSubmatch(metrics, -1) {
			n, _ := strconv.Atoi(line[2])
			routed[line[1]] += n
		}
		if routed["cpu"] < last || routed["cpu"] < served["cpu"] {
			t.Fatalf("the metrics tell of %v, with %d on the CPU before; served were %v", routed, last, served)
		}
		last = routed["cpu"]
		return served["fake"] > 10 && routed["fake"] > 10
	})
}
