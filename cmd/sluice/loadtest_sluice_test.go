package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice/internal/browsertest"
	"sluice/internal/longtest"
	"sluice/loadtest/result"
)

// pages are the reports of runs against a real gateway. SLUICE_REPORT_DIR keeps them, for those
// who want to look themselves.
type pages struct {
	t     *testing.T
	dir   string
	names []string
}

// measure runs a command of the load tester against a gateway, with all its reports.
func (p *pages) measure(name string, args ...string) *result.Result {
	p.t.Helper()
	saved := filepath.Join(p.dir, name+".json")
	got := loadtestCommandLine(p.t, append(args, "--ui", "plain", "--json", saved, "--html", filepath.Join(p.dir, name+".html"))...)
	if strings.Contains(got.err, "sluice: ") {
		p.t.Fatalf("%s: status %d, %s", name, got.code, got.err)
	}
	r := readJSON(p.t, saved)
	if got.code != r.Exit.Code || got.code != result.ExitOK && !(got.code == result.ExitInvalid && busy(r)) {
		p.t.Errorf("%s: status %d, %+v, %q", name, got.code, r.Exit, r.Validity.Reasons)
	}
	if !r.Ledger.Closed || r.Ledger.Wrong != 0 || r.Ledger.OK == 0 || r.Schema != result.Schema {
		p.t.Errorf("%s: the ledger is %+v", name, r.Ledger)
	}
	lines := strings.Split(got.out, "\n")
	if !strings.HasSuffix(strings.TrimSpace(got.out), strings.TrimPrefix(lines[0], "INVALID: ")) {
		p.t.Errorf("%s: the text does not end with its verdict %q:\n%s", name, lines[0], got.out)
	}
	p.names = append(p.names, name)
	return r
}

// look holds all pages to what a reader wants: a verdict first, charts with axes and units,
// definitions last, and nothing from a network.
func (p *pages) look() {
	address := regexp.MustCompile(`(?i)(src|href|url\()\s*=?\s*["']?\s*(https?:)?//`)
	for _, name := range p.names {
		text, err := os.ReadFile(filepath.Join(p.dir, name+".html"))
		if err != nil {
			p.t.Fatal(err)
		}
		if address.Match(text) || bytes.Contains(text, []byte("://")) || bytes.Contains(text, []byte("<script")) {
			p.t.Errorf("%s: the page asks for something from a network", name)
		}
		order := []string{"<header", "<h1>", "<figure>", "<svg", "Ledger", "How these numbers are computed"}
		at := -1
		for _, part := range order {
			next := bytes.Index(text, []byte(part))
			if next < at {
				p.t.Errorf("%s: %q is missing or comes too early", name, part)
			}
			at = next
		}
		axes := []string{"latency, ms", "requests/s", "time since the start of the measured window, s"}
		if name == "capacity" { // its last run is too short for seconds
			axes = []string{"latency, ms", "good, requests/s", "offered, requests/s", "errors, % of the requests", "cores"}
		}
		for _, unit := range axes {
			if !bytes.Contains(text, []byte(unit)) {
				p.t.Errorf("%s: no axis says %q", name, unit)
			}
		}
	}
	browsertest.Fit(p.t, p.dir, append(p.names, "compare")...)
	var drawn []browsertest.Page
	for _, name := range p.names {
		drawn = append(drawn, browsertest.Page{Name: name, Scheme: "light"})
	}
	for i, got := range browsertest.Draw(p.t, p.dir, 3600, drawn...) {
		if got.Colours < 30 || got.Brightness < 0.5 {
			p.t.Errorf("%s: %d colours, brightness %.2f: the page is blank", p.names[i], got.Colours, got.Brightness)
		}
	}
}

// Every command that measures, against a real gateway with real models: their structure, not
// their figures, which are this machine's.
func TestLoadtestMeasuresSluice(t *testing.T) {
	longtest.Skip(t)
	longtest.NotRaced(t)
	t.Parallel()
	p := &pages{t: t, dir: os.Getenv("SLUICE_REPORT_DIR")}
	if p.dir == "" {
		p.dir = t.TempDir()
	}
	trace, whole := filepath.Join(t.TempDir(), "trace.jsonl"), filepath.Join(t.TempDir(), "whole.jsonl")
	models := t.TempDir()
	copyBundle(t, "ranker", models, "1")
	g := startGateway(t, "--models", models, "--record", trace)
	at := strings.TrimPrefix(g.predict, "http://")

	r := p.measure("run", "run", at, "--model", "ranker", "--metrics", g.admin+"/metrics", "--duration", "3s", "--warmup", "500ms", "--fail", "p50<10s", "--fail", "wrong==0")
	if r.Command != "run" || r.Verify.Checked != r.Ledger.OK || len(r.Thresholds) != 2 || r.Targets[0].Model != "ranker" || r.Targets[0].Digest == "" || r.Targets[0].PID != g.PID() {
		t.Errorf("run: %+v, verified %d of %d, thresholds %+v", r.Targets, r.Verify.Checked, r.Ledger.OK, r.Thresholds)
	}
	if names := stageNames(r); !slices.Contains(names, "queue") || !slices.Contains(names, "run") || len(r.Devices) == 0 || len(r.Batches) == 0 {
		t.Errorf("run: stages %v, devices %+v, batches %+v", names, r.Devices, r.Batches)
	}
	if s := r.Ledger.Server; s == nil || !s.Agrees || r.Resources.Target == nil {
		t.Errorf("run: the gateway's own counters say %+v, its process %+v", s, r.Resources.Target)
	}

	r = p.measure("capacity", "capacity", at, "--model", "ranker", "--quick", "--low", "100", "--high", "150", "--precision", "0.5", "--probe", "300ms", "--confirm", "500ms", "--confirmations", "1", "--no-recovery", "--slo", "p90<1s,err<50%")
	if c := r.Capacity; r.Command != "capacity" || c == nil || len(c.Probes) == 0 || c.Probes[0].Phase != "grid" || c.Probes[0].Rate != 100 || c.Recovery != nil || c.Capacity > 150 {
		t.Errorf("capacity: %+v", c)
	}

	r = p.measure("ab", "ab", at, "--model", "ranker", "--protocol", "json", "--protocol-b", "binary", "--mode", "block:150ms", "--duration", "3s", "--warmup", "500ms")
	if r.Command != "ab" || r.AB == nil || r.AB.Mode != "block" || len(r.AB.Metrics) == 0 || len(r.Targets) != 2 || r.Targets[0].Protocol != "oip-json" || r.Targets[1].Protocol != "oip-binary" {
		t.Errorf("ab: %+v of %+v", r.AB, r.Targets)
	}
	g.stop()

	g = startGateway(t, "--models", models, "--record", whole, "--record-payloads")
	at = strings.TrimPrefix(g.predict, "http://")
	r = p.measure("replay", "replay", trace, at, "--speed", "2", "--warmup", "500ms", "--duration", "2s")
	if r.Command != "replay" || !strings.HasPrefix(r.Load.Expression, "trace:") || r.Load.Duration != 2 {
		t.Errorf("replay: %+v", r.Load)
	}
	g.stop()

	g = startGateway(t, "--models", models)
	at = strings.TrimPrefix(g.predict, "http://")
	r = p.measure("replay-payloads", "replay", whole, at, "--warmup", "0s")
	if !slices.ContainsFunc(r.Targets[0].Inputs, func(in string) bool { return strings.HasSuffix(in, "recorded requests") }) || r.Verify.Checked == 0 {
		t.Errorf("replay with payloads: %+v, verified %d", r.Targets, r.Verify.Checked)
	}

	expect := filepath.Join(t.TempDir(), "ranker.jsonl")
	if got := loadtestCommandLine(t, "record", at, "--model", "ranker", "--variants", "32", "--out", expect); got.code != 0 || got.out != "32 answers are in "+expect+"\n" {
		t.Fatalf("record: %+v", got)
	}
	r = p.measure("expect", "run", at, "--model", "ranker", "--variants", "32", "--expect", expect, "--duration", "2s", "--warmup", "0s")
	if r.Verify.Checked != r.Ledger.OK || !strings.Contains(r.Verify.Source, "ranker.jsonl") {
		t.Errorf("expect: %+v", r.Verify)
	}
	p.compare()
	p.look()
}

func stageNames(r *result.Result) (names []string) {
	for _, s := range r.Stages {
		names = append(names, s.Name)
	}
	return names
}

// compare shows saved results again: one as it was, and two side by side.
func (p *pages) compare() {
	p.t.Helper()
	one, other := filepath.Join(p.dir, "run.json"), filepath.Join(p.dir, "expect.json")
	again := filepath.Join(p.dir, "again.html")
	got := loadtestCommandLine(p.t, "report", one, "--html", again)
	if r := readJSON(p.t, one); got.code != 0 || !strings.HasPrefix(got.out, r.Verdict+"\n") {
		p.t.Errorf("report: status %d, %s%s", got.code, got.out, got.err)
	}
	first, err := os.ReadFile(filepath.Join(p.dir, "run.html"))
	if err != nil {
		p.t.Fatal(err)
	}
	if second, err := os.ReadFile(again); err != nil || !bytes.Equal(first, second) {
		p.t.Errorf("the page of a saved result is not that of the run: %v", err)
	}
	got = loadtestCommandLine(p.t, "report", one, other, "--html", filepath.Join(p.dir, "compare.html"))
	if got.code != 0 || got.err != "" || !strings.Contains(got.out, "one after the other") {
		p.t.Errorf("report of two: %+v", got)
	}
}
