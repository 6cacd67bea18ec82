package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// accessLine is a line of the access log.
type accessLine struct {
	Time                                            time.Time
	Why, Method, Path, Code, Model, Version, Device string
	RequestID                                       string `json:"request_id"`
	Status, Rows, Batch                             int
	BytesIn                                         int     `json:"bytes_in"`
	BudgetMs                                        float64 `json:"budget_ms"`
	TotalMs                                         float64 `json:"total_ms"`
}

func accessLines(t *testing.T, text string) (all []accessLine) {
	t.Helper()
	for raw := range strings.Lines(text) {
		var l accessLine
		if json.Unmarshal([]byte(raw), &l) == nil && l.Why != "" {
			all = append(all, l)
		}
	}
	return all
}

// What was asked is in the access log when the server has stopped, to the last request; a file that
// was moved away is made again meanwhile.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "access.log")
	g := startGateway(t, "--models", onlyEta(t), "--access-log-file", path, "--access-log-sample", "1")
	request := string(golden(t, "eta")[0].Request)
	begin := time.Now().Add(-time.Second)
	ask := func(id, model string, want int) {
		t.Helper()
		if status := g.send("/v2/models/"+model+"/infer", request, "X-Request-Id: "+id, "Sluice-Budget-Ms: 5000"); status != want {
			t.Fatalf("status %d, want %d", status, want)
		}
	}
	ask("before", "eta", http.StatusOK)
	eventually(t, "the line is written", func() bool {
		text, _ := os.ReadFile(path)
		return strings.Contains(string(text), `"before"`)
	})
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := g.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file is made again", func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
	ask("unknown", "none", http.StatusNotFound)
	ask("last", "eta", http.StatusOK)
	if _, metrics := g.get(g.admin + "/metrics"); !strings.Contains(metrics, "sluice_access_log_dropped_total 0\n") || !strings.Contains(metrics, "sluice_access_log_lines_total ") {
		t.Error("the metrics do not tell of the access log")
	}
	g.stop()

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]accessLine{}
	for _, l := range accessLines(t, string(text)) {
		byID[l.RequestID] = l
	}
	l := byID["last"]
	if l.Time.Before(begin) || l.Time.After(time.Now()) || l.TotalMs <= 0 {
		t.Errorf("it came at %v and took %v ms", l.Time, l.TotalMs)
	}
	l.Time, l.TotalMs = time.Time{}, 0
	want := accessLine{
		Why: "sample", Method: "POST", Path: "/v2/models/eta/infer", Model: "eta", Version: "1", Device: "cpu", RequestID: "last", Status: 200, Rows: l.Rows, Batch: l.Batch,
		BytesIn: len(request), BudgetMs: 5000,
	}
	if l != want || l.Rows < 1 || l.Batch < l.Rows {
		t.Errorf("got %+v, want %+v", l, want)
	}
	if l := byID["unknown"]; l.Status != 404 || l.Code != "MODEL_NOT_FOUND" || l.Path != "/v2/models/none/infer" || l.Model != "" {
		t.Errorf("the refusal's line is %+v", l)
	}
	if _, there := byID["before"]; there {
		t.Error("the new file has a line of the old one")
	}
}

// Without a sample those are written that went wrong; standard output takes them as a file does.
func TestAccessLogOfRefusals(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "--models", onlyEta(t), "--access-log-file", "stdout", "--access-log-sample", "0", "--access-log-max-per-second", "2")
	for range 40 {
		g.send("/v2/models/none/infer", "{}")
	}
	g.stop()
	n := 0
	for _, l := range accessLines(t, g.Stdout()) {
		switch {
		case l.Path == "/v2/health/ready" && l.Why == "failed": // until the models were loaded
		case l.Why == "refused" && l.Code == "MODEL_NOT_FOUND":
			n++
		default:
			t.Errorf("the line %+v", l)
		}
	}
	if n < 2 || n > 30 {
		t.Errorf("%d lines of 40 refusals", n)
	}
}

func TestFullDiskCostsTheAccessLogAlone(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	g := startGateway(t, "--models", onlyEta(t), "--access-log-file", "/dev/full", "--access-log-sample", "1", "--scheduler-budget", "10s")
	request := string(golden(t, "eta")[0].Request)
	eventually(t, "the log tells of the disk", func() bool {
		if status := g.send("/v2/models/eta/infer", request); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
		return strings.Contains(g.Log(), "no space left")
	})
	if _, metrics := g.get(g.admin + "/metrics"); !strings.Contains(metrics, "sluice_access_log_lines_total 0\n") || strings.Contains(metrics, "sluice_access_log_dropped_total 0\n") {
		t.Error("the metrics do not tell of the lost lines")
	}
}

func TestAccessLogThatCannotBegin(t *testing.T) {
	needLibrary(t)
	for flags, want := range map[string]string{
		"--access-log-file /nowhere/a.log": "--access-log-file: access_log.file: cannot open the access log /nowhere/a.log: no such file or directory: create its folder, or correct the path",
		"--access-log-file ./":             `access_log.file: "./" must name a file, not a folder`,
		"--access-log-sample 2":            "--access-log-sample: access_log.sample: 2 must be from 0 to 1",
	} {
		args := append([]string{"serve", "--models", examples, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, strings.Fields(flags)...)
		if out, status := command(t, args...); status != 1 || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, output %s", flags, status, out)
		}
	}
}
