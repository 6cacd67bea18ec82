package main

import (
	"net/http"
	"strings"
	"testing"
)

// The port for metrics serves them and health, and nothing that changes the server.
func TestMetricsPort(t *testing.T) {
	t.Parallel()
	addr := freeAddress(t)
	g := startGateway(t, "--models", onlyEta(t), "--metrics-listen", addr)
	f := func(path string, want int) {
		t.Helper()
		if status, body := g.get("http://" + addr + path); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	f("/metrics", http.StatusOK)
	f("/v2/health/ready", http.StatusOK)
	f("/debug/pprof/cmdline", http.StatusNotFound)
	if status, body := g.post("http://"+addr+"/v2/repository/models/eta/unload", ""); status != http.StatusNotFound {
		t.Errorf("unload: %d %s", status, body)
	}
	if log := g.Log(); !strings.Contains(log, `"metrics":"`+addr+`"`) {
		t.Errorf("the log does not tell of it:\n%s", log)
	}
}
