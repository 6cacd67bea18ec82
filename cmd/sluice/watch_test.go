package main

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"sluice/loadtest/watch"
)

// What a load tester sees of a gateway whose device is a process of its own: who it is, both
// processes, and counts that agree with what was sent.
func TestGatewayIsWatched(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc")
	}
	config := t.TempDir() + "/sluice.yaml"
	if err := os.WriteFile(config, []byte("devices:\n  - {name: fake, isolation: process, fake: {cost: \"1:1ms,64:2ms\"}}\n  - cpu\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, "--models", onlyEta(t), "--config", config, "--scheduler-budget", "10s")
	pid, err := watch.FindPID(strings.TrimPrefix(g.predict, "http://"))
	if err != nil || pid != g.PID() {
		t.Fatalf("the gateway is process %d, not %d: %v", g.PID(), pid, err)
	}
	ctx := context.Background()
	before, err := watch.ServerCounters(ctx, g.admin+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	w, err := watch.Start(watch.Options{PID: pid, MetricsURL: g.admin + "/metrics", Every: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	request := string(golden(t, "eta")[0].Request)
	const good, bad = 200, 3
	for range good {
		if status := g.send("/v2/models/eta/infer", request); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	for range bad {
		g.send("/v2/models/eta/infer", "{}")
	}
	w.Stop()
	after, err := watch.ServerCounters(ctx, g.admin+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	if l := watch.Reconcile(before, after, good+bad, good+bad); !l.Agrees {
		t.Errorf("the gateway counted otherwise: %+v", l)
	}
	r := w.Between(begin.Add(-time.Minute), time.Now(), good+bad, good+bad)
	if r.Target == nil || r.Target.Restarted || r.Target.Threads < 4 || r.Target.FDs < 4 || r.Target.RSSMax <= 0 {
		t.Errorf("the target is %+v", r.Target)
	}
	if series := w.Series(); len(series) == 0 || series[len(series)-1].Target.Processes != 2 {
		t.Errorf("the worker process is not counted: %+v", series)
	}
	if m := r.Metrics; m == nil || m.Source != "sluice" || int(m.Answered+0.5) != good+bad || m.BatchMean < 1 || len(m.Devices) == 0 {
		t.Errorf("the metrics are %+v", m)
	}
	if notes := w.Notes(); len(notes) > 0 {
		t.Errorf("notes: %q", notes)
	}
}
