package docs

import (
	"io"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"sluice/internal/fault"
	"sluice/internal/telemetry"
)

// everything is a registry in which each series has a value.
func everything() *telemetry.Metrics {
	metrics := telemetry.New("v1")
	m := metrics.NewModel("eta", "1", 8)
	m.ObserveRequest(&telemetry.Request{Rows: 1, Total: time.Millisecond})
	m.ObserveFault(fault.Overloaded, time.Millisecond)
	m.Device("cpu").ObserveBatch(&telemetry.Batch{Rows: 1, Run: time.Millisecond, Predicted: time.Millisecond})
	m.WatchRouting(func() telemetry.Routing {
		return telemetry.Routing{Sent: []telemetry.Sent{{Device: "cpu"}}}
	})
	m.WatchCompared(func() telemetry.Compared { return telemetry.Compared{} })
	m.SetLadder([]string{"previous"})
	m.WatchFeatures(func() []telemetry.FeatureValues { return []telemetry.FeatureValues{{Feature: "user:age"}} })
	known := telemetry.Reading{Value: 1, Known: true}
	metrics.WatchGPUs(func() telemetry.GPUSample {
		return telemetry.GPUSample{GPUs: []telemetry.GPU{{
			GPUReadings: telemetry.GPUReadings{
				Utilization: known, MemoryUtilization: known, MemoryUsed: known, MemoryFree: known,
				Power: known, PowerLimit: known, Energy: known, SMClock: known, MemoryClock: known,
				Temperature: known, ECCCorrected: known, ECCUncorrected: known, Processes: known,
				SMActive: known, SMOccupancy: known, TensorActive: known, DRAMActive: known, PCIeSent: known, PCIeReceived: known,
			},
			MemoryTotal: known, MaxSMClock: known, MaxMemoryClock: known, Slowdown: known,
			ClockReasons: []telemetry.ClockReason{{Name: "gpu_idle"}},
			Xids:         []telemetry.XidCount{{Code: 79, Count: 1}},
		}}}
	})
	metrics.WatchDevices(func() []telemetry.DeviceState { return []telemetry.DeviceState{{Name: "cpu", State: "up"}} })
	metrics.WatchVersions(func() telemetry.Versions {
		return telemetry.Versions{List: []telemetry.VersionInfo{{Model: "m", Version: "1", State: "READY", Role: "live"}, {Model: "m", Version: "2", State: "READY", Role: "canary", Share: 0.05}}, Refused: []telemetry.RefusedVersions{{Model: "m", Gate: "golden", Count: 1}}, Plans: []telemetry.PlanInfo{{Model: "m", Version: "2", Phase: "canary", Step: 2}}}
	})
	metrics.WatchWebhooks(func() telemetry.Webhooks { return telemetry.Webhooks{} })
	metrics.WatchRecording(func() telemetry.Recording { return telemetry.Recording{} })
	metrics.WatchPredictionLog(func() telemetry.PredictionLog {
		return telemetry.PredictionLog{Dropped: []telemetry.Dropped{{Reason: "disk"}}}
	})
	metrics.WatchAccessLog(func() telemetry.AccessLog { return telemetry.AccessLog{} })
	metrics.WatchShadows(func() []telemetry.Shadow {
		some := []telemetry.Dropped{{Reason: "late"}}
		return []telemetry.Shadow{{Model: "m", Version: "2", Levels: []telemetry.ShadowLevel{{Load: "low", Dropped: some, Failed: some}}, Verdicts: []telemetry.ShadowVerdict{{Criterion: "errors", Verdict: "WAIT"}}}}
	})
	metrics.WatchFeatures(func() telemetry.Features {
		some := []telemetry.Dropped{{Reason: "some"}}
		return telemetry.Features{
			Stores: []telemetry.FeatureStore{{Name: "hot", Breaker: "closed", Refused: some, Stages: []telemetry.FeatureStage{{Name: "reading"}}}},
			Views:  []telemetry.FeatureView{{Store: "hot", View: "user", Rows: some, Cache: some}},
		}
	})
	metrics.WatchLog(func() uint64 { return 0 })
	metrics.WatchMemory(func() telemetry.Memory {
		return telemetry.Memory{Ceiling: 3, GoLimit: 2, PSS: 1, Held: []telemetry.Held{{Stage: "bodies"}}}
	})
	metrics.HTTP.Answered(200)
	metrics.HTTP.Refused(fault.NotFound)
	metrics.HTTP.Connected(1)
	return metrics
}

// families are the metrics of a scrape in the text format.
func families(t *testing.T, text io.Reader) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	all, err := parser.TextToMetricFamilies(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// foreign reports whether a series is the Go client's own.
func foreign(name string) bool {
	return strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_")
}

// series are a page's tables of series, one text a row: name, type, labels.
func series(t *testing.T, p *Page) (all []string) {
	t.Helper()
	for i := range p.Tables {
		if p.Tables[i].Head[0] == "Series" {
			all = append(all, rows(t, &Page{Path: p.Path, Tables: p.Tables[i : i+1]}, p.Tables[i].Section, "Series", "Type", "Labels")...)
		}
	}
	return all
}

func TestMetrics(t *testing.T) {
	scrape := httptest.NewRecorder()
	everything().Handler().ServeHTTP(scrape, httptest.NewRequest("GET", "/metrics", nil))
	var code []string
	for name, family := range families(t, scrape.Body) {
		if foreign(name) {
			continue
		}
		labels := "none"
		for _, metric := range family.GetMetric() {
			var names []string
			for _, label := range metric.GetLabel() {
				names = append(names, label.GetName())
			}
			if len(names) > 0 {
				labels = strings.Join(names, ", ")
			}
		}
		code = append(code, name+" | "+strings.ToLower(family.GetType().String())+" | "+labels)
	}
	// The order of labels is the page's own.
	shown := series(t, page(t, "docs/metrics.md"))
	for i, line := range shown {
		parts := strings.Split(line, " | ")
		names := strings.Split(parts[2], ", ")
		slices.Sort(names)
		shown[i] = parts[0] + " | " + parts[1] + " | " + strings.Join(names, ", ")
	}
	same(t, "docs/metrics.md", shown, sortedLabels(code))
}

func sortedLabels(lines []string) []string {
	for i, line := range lines {
		at := strings.LastIndex(line, " | ") + len(" | ")
		names := strings.Split(line[at:], ", ")
		slices.Sort(names)
		lines[i] = line[:at] + strings.Join(names, ", ")
	}
	return lines
}

// Whatever the code calls a series is one that everything shows, so that none can be new and
// missing from the page.
func TestEverySeriesOfTheSourceIsShown(t *testing.T) {
	source, err := ReadSource(false, nil, root+"/internal/telemetry")
	if err != nil {
		t.Fatal(err)
	}
	scrape := httptest.NewRecorder()
	everything().Handler().ServeHTTP(scrape, httptest.NewRequest("GET", "/metrics", nil))
	shown := families(t, scrape.Body)
	named := source.Literals(regexp.MustCompile(`^(sluice|nv)_[a-z0-9_]*[a-z0-9]$`))
	if len(named) < 50 {
		t.Fatalf("only %d names were found in the source: %q", len(named), named)
	}
	for _, name := range named {
		prefix := false
		for other := range shown {
			prefix = prefix || strings.HasPrefix(other, name+"_")
		}
		if shown[name] == nil && !prefix {
			t.Errorf("internal/telemetry names %s, which is not among the series of this test: give it a value in everything, and a line in docs/metrics.md", name)
		}
	}
}

// A series' unit is that of its name.
func TestUnits(t *testing.T) {
	units := map[string]string{
		"seconds": "seconds", "secs": "seconds", "us": "microseconds", "bytes": "bytes", "ratio": "ratio", "watts": "watts", "hertz": "hertz",
		"celsius": "celsius", "joules_total": "joules", "bytes_per_second": "bytes per second", "total": "count", "rows": "rows", "info": "1",
	}
	exceptions := map[string]string{
		"sluice_queue_depth_rows": "count", "sluice_gpu_energy_joules_total": "joules", "sluice_prediction_log_conversion_seconds_total": "seconds",
		"sluice_device_busy_seconds_total": "seconds",
	}
	p := page(t, "docs/metrics.md")
	for i := range p.Tables {
		if p.Tables[i].Head[0] != "Series" {
			continue
		}
		for _, line := range rows(t, &Page{Path: p.Path, Tables: p.Tables[i : i+1]}, p.Tables[i].Section, "Series", "Unit") {
			name, unit, _ := strings.Cut(line, " | ")
			if unit == "" {
				t.Errorf("docs/metrics.md has no unit for %s", name)
			}
			want := exceptions[name]
			for suffix, meant := range units {
				if want == "" && strings.HasSuffix(name, "_"+suffix) && !strings.HasSuffix(name, "_bytes_per_second") {
					want = meant
				}
			}
			if want != "" && unit != want {
				t.Errorf("docs/metrics.md gives %s the unit %q; its name says %s", name, unit, want)
			}
		}
	}
}

// The page's expressions and rules name only series and labels that are there.
func TestExpressions(t *testing.T) {
	p := page(t, "docs/metrics.md")
	known := map[string]bool{}
	labels := map[string]bool{"le": true, "job": true}
	for _, line := range series(t, p) {
		parts := strings.Split(line, " | ")
		known[parts[0]] = true
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			known[parts[0]+suffix] = parts[1] == "histogram"
		}
		for _, label := range strings.Split(parts[2], ", ") {
			labels[label] = true
		}
	}
	expressions := rows(t, p, "Graphs", "Expression")
	for i := range p.Blocks {
		if p.Blocks[i].Section == "Alerts" {
			expressions = append(expressions, p.Blocks[i].Text)
		}
	}
	if len(expressions) < 4 {
		t.Fatalf("only %d expressions were found", len(expressions))
	}
	name := regexp.MustCompile(`\b(?:sluice|nv)_[a-z0-9_]+`)
	by := regexp.MustCompile(`by \(([^)]*)\)`)
	selected := regexp.MustCompile(`[{,]([a-z_]+)(?:=~|!=|=)"`)
	for _, text := range expressions {
		for _, found := range name.FindAllString(text, -1) {
			if !known[found] {
				t.Errorf("docs/metrics.md: %s is no series, in %s", found, text)
			}
		}
		for _, list := range by.FindAllStringSubmatch(text, -1) {
			for _, label := range strings.Split(list[1], ", ") {
				if !labels[label] {
					t.Errorf("docs/metrics.md: %s is no label, in %s", label, text)
				}
			}
		}
		for _, label := range selected.FindAllStringSubmatch(text, -1) {
			if !labels[label[1]] {
				t.Errorf("docs/metrics.md: %s is no label, in %s", label[1], text)
			}
		}
	}
}

// The reasons for refusals are those of the scheduler and of the metrics.
func TestRefusals(t *testing.T) {
	shown := rows(t, page(t, "docs/metrics.md"), "Why requests are refused", "Outcome")
	same(t, "docs/metrics.md, Why requests are refused,", shown, stringsOf(t, "internal/telemetry", "dropNames"))
	for _, reason := range stringsOf(t, "batcher/policy", "reasonNames") {
		if reason != "none" && !slices.Contains(shown, reason) {
			t.Errorf("docs/metrics.md lacks %q, a reason of the scheduler", reason)
		}
	}
}

// The page on moving from Triton names each series that Triton's dashboards find, and no other.
func TestTritonMetrics(t *testing.T) {
	name := regexp.MustCompile(`nv_[a-z_]+[a-z]`)
	var listed []string
	for _, line := range series(t, page(t, "docs/metrics.md")) {
		if series, _, _ := strings.Cut(line, " | "); strings.HasPrefix(series, "nv_") {
			listed = append(listed, series)
		}
	}
	_, after, found := strings.Cut(page(t, "docs/triton.md").Text, "## Metrics\n")
	section, _, _ := strings.Cut(after, "\n## ")
	if !found || len(listed) == 0 {
		t.Fatal("docs/triton.md has no section on metrics, or docs/metrics.md lists none of Triton's")
	}
	var named []string
	for _, series := range name.FindAllString(section, -1) {
		if !strings.Contains(section, series+"_*") {
			named = append(named, series)
			continue
		}
		if slices.ContainsFunc(listed, func(one string) bool { return strings.HasPrefix(one, series+"_") }) {
			t.Errorf("docs/triton.md says that there are no %s_*, and docs/metrics.md lists some", series)
		}
	}
	same(t, "docs/triton.md", named, listed)
}
