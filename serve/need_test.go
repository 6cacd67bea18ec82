package serve

import (
	"strings"
	"testing"

	"sluice/config"
	"sluice/models/gates"
)

func TestMemoryNeed(t *testing.T) {
	cfg := config.Default()
	if err := cfg.Fit(512<<20, "the cgroup"); err != nil {
		t.Fatal(err)
	}
	on := func(name string, bytes ...int64) *gates.Report {
		r := &gates.Report{Name: name, Version: "1"}
		for _, n := range bytes {
			r.Devices = append(r.Devices, gates.DeviceReport{Memory: n << 20})
		}
		return r
	}
	older := on("older", 500)
	older.NotLoaded = "keep_versions"
	f := func(want string, workers int, reports ...*gates.Report) {
		t.Helper()
		var b strings.Builder
		needed(cfg, reports, workers).WriteText(&b)
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%s\nwant %s", b.String(), want)
		}
	}
	// 48 for the server, 32 for a trial, 256 and three tenths for requests.
	f("about 413 MiB of 461 MiB: it fits", 0)
	f("models     about 15 MiB, and 52 MiB while the largest (b/1) is loaded anew", 0, on("a", 5), on("b", 4, 6), older)
	f("about 448 MiB of 461 MiB: it fits", 0, on("a", 5), on("b", 4, 6), older)
	f("about 480 MiB, and there are 461 MiB: it does NOT FIT; requests get what the models leave. Let the server have 19 MiB more", 1, on("a", 5), on("b", 4, 6), older)
	cfg.PredictionLog.Dir = "log"
	f("server     about 112 MiB", 0)
	f("about 477 MiB, and there are 461 MiB", 0)
}
