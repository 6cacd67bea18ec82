package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/onnxgen"
	"sluice/internal/unit"
)

// A canary has its share of the units; each answer's header, the prediction log and the metrics say the same of it, and
// a share that grows keeps its units.
func TestCanaryEndToEnd(t *testing.T) {
	t.Parallel()
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "predictions")
	for seed, version := range []string{"1", "2"} {
		if err := (onnxgen.MLP{Layers: []int{2, 4, 1}, Seed: uint64(seed)}).Write(filepath.Join(dir, "m"), version); err != nil {
			t.Fatal(err)
		}
	}
	g := startGateway(t, "--models", dir, "--model-defaults-promote", "manual", "--scheduler-budget", "10s", "--state", filepath.Join(t.TempDir(), "state"),
		"--prediction-log-dir", log, "--prediction-log-sample", "0.01", "--prediction-log-index", "all")
	models := func(want string, args ...string) {
		t.Helper()
		out, status := command(t, append(append([]string{"models"}, args...), "--admin", g.Admin)...)
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("%q: status %d, %q is not in %s", args, status, want, out)
		}
	}
	const live, other = "2", "1" // the newest, and what is loaded as its canary

	const body = `{"inputs":[{"name":"input","datatype":"FP32","shape":[1,2],"data":[0.5,-1]}]}`
	said := map[string]string{} // by id: version, and bucket and share
	before := map[string]bool{} // units of the canary
	counts := map[string]int{}  // as the metrics have them
	ask := func(id string, headers ...string) (version, exposure string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, g.predict+"/v2/models/m/infer", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Request-Id", id)
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Set(name, value)
		}
		a, err := http.DefaultClient.Do(r)
		if status, text := read(a, err); status != http.StatusOK {
			t.Fatalf("%s: %d, %s", id, status, text)
		}
		parts := strings.SplitN(a.Header.Get("Sluice-Model"), ";", 4)
		version, _ = strings.CutPrefix(parts[1], "version=")
		if len(parts) > 3 {
			exposure = parts[3]
		}
		said[id] = version + " " + exposure
		return version, exposure
	}
	n := 0
	for _, share := range []float64{0.1, 0.25, 0.5} {
		models("", "canary", "m", other, fmt.Sprint(100*share, "%"))
		models(fmt.Sprintf("canary %g%%", 100*share), "list")
		for i := range 400 {
			n++
			user := fmt.Sprint("user-", i)
			version, exposure := ask(fmt.Sprint(share, "-", i), "Sluice-Unit: "+user)
			bucket := unit.Bucket(unit.Hash("m", []byte(user)))
			want := live
			if bucket < int(share*unit.Buckets) {
				want = other
			}
			if version != want || exposure != fmt.Sprintf("bucket=%d;share=%g", bucket, share) {
				t.Fatalf("%s with a share of %g: version %s, %s; want %s", user, share, version, exposure, want)
			}
			if before[user] && version != other {
				t.Fatalf("%s left the canary when its share grew to %g", user, share)
			}
			before[user] = version == other
			counts[version+" known"]++
		}
	}
	n++
	if version, exposure := ask("no-unit"); version != live || exposure != "bucket=none;share=0.5" {
		t.Errorf("without a unit: version %s, %s", version, exposure)
	}
	counts[live+" none"]++
	_, metrics := g.get(g.admin + "/metrics")
	for _, version := range []string{"1", "2"} {
		for _, u := range []string{"known", "none"} {
			want := fmt.Sprintf("sluice_split_requests_total{model=\"m\",unit=%q,version=%q} %d\n", u, version, counts[version+" "+u])
			if !strings.Contains(metrics, want) {
				t.Errorf("the metrics lack %s", want)
			}
		}
	}
	if !strings.Contains(metrics, fmt.Sprintf("sluice_model_canary_share_ratio{model=\"m\",version=%q} 0.5\n", other)) {
		t.Error("the metrics lack the canary's share")
	}

	models("", "promote", "m", other)
	n++
	if version, exposure := ask("promoted", "Sluice-Unit: user-1"); version != other || exposure != "" {
		t.Errorf("after the promotion: version %s, %q", version, exposure)
	}
	models("canary 50%", "history", "m")

	models("", "canary", "m", live, "10%")
	if err := os.RemoveAll(filepath.Join(dir, "m", live)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a canary whose folder is gone is listed", func() bool {
		out, _ := command(t, "models", "list", "--admin", g.Admin)
		return strings.Contains(out, "it stays the canary until that is ended")
	})
	models("canary 10%", "list")
	models("", "canary", "m", live, "0")
	if out, _ := command(t, "models", "list", "--admin", g.Admin); strings.Contains(out, "canary") {
		t.Errorf("the canary has ended, and is listed: %s", out)
	}
	g.stop()

	rows := logged(t, log)
	if len(rows) != n {
		t.Errorf("the log has %d records, want %d", len(rows), n)
	}
	for id, want := range said {
		r := rows[id]
		got, role := r.Version+" ", "live"
		if r.Exposure != nil {
			got += *r.Exposure
		}
		if r.Version == other && id != "promoted" {
			role = "canary"
		}
		if got != want || r.Role == nil || *r.Role != role || (r.UnitHash == nil) != (id == "no-unit") {
			t.Errorf("the log has of %s: %q, %v, %v; the answer said %q", id, got, r.Role, r.UnitHash, want)
		}
	}
	if out, status := command(t, "log", "find", "0.5-1", "--dir", log); status != 0 || !strings.Contains(out, "(bucket=") {
		t.Errorf("log find: %d, %s", status, out)
	}
}
