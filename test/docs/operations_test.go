package docs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"sluice/config"
	httpfront "sluice/gateway/http"
)

// beside are the folders whose code does not run in `sluice serve`.
var beside = []string{root + "/bench", root + "/loadtest", root + "/test", root + "/examples", root + "/plan", root + "/bin"}

// passedOn are messages that are no literal where they are written: the throttles write what they
// are given, and what is switched off says so itself.
var passedOn = map[string]func(t *testing.T) []string{
	"message": nil,
	"msg":     nil,
	"f.off.String()": func(t *testing.T) []string {
		return slices.DeleteFunc(stringsOf(t, "models", "String"), func(text string) bool { return !strings.HasSuffix(text, "switched off") })
	},
}

func TestLogLines(t *testing.T) {
	source, err := ReadSource(true, beside, root)
	if err != nil {
		t.Fatal(err)
	}
	found, dynamic := source.LogLines("error")
	if len(found) < 40 {
		t.Fatalf("only %d log lines were found", len(found))
	}
	var code []string
	for _, l := range found {
		code = append(code, l.Message+" | "+strings.Join(slices.DeleteFunc(l.Levels, func(level string) bool { return level == "debug" }), ", "))
	}
	for _, place := range dynamic {
		expression, _, _ := strings.Cut(place, " at ")
		texts, known := passedOn[expression]
		if !known {
			t.Errorf("the message %s is no literal, so nothing holds the page to it: write a literal, or name its texts in this test", place)
		}
		if texts != nil {
			for _, text := range texts(t) {
				code = append(code, text+" | warn")
			}
		}
	}
	code = slices.DeleteFunc(code, func(line string) bool { return strings.HasSuffix(line, " | ") }) // debug alone
	same(t, "docs/operations.md, Log lines,", rows(t, page(t, "docs/operations.md"), "Log lines", "Line", "Level"), code)
}

func TestStates(t *testing.T) {
	p := page(t, "docs/operations.md")
	same(t, "docs/operations.md, Model states,", rows(t, p, "Model states", "State"), stringsOf(t, "models", "stateNames"))
	same(t, "docs/operations.md, Device states,", rows(t, p, "Device states", "State"), stringsOf(t, "batcher/policy", "deviceStateNames"))
	same(t, "internal/telemetry, deviceStateNames,", stringsOf(t, "internal/telemetry", "deviceStateNames"), stringsOf(t, "batcher/policy", "deviceStateNames"))
	second := func(section string) *Page {
		for i := range p.Tables {
			if p.Tables[i].Section == section && i+1 < len(p.Tables) && p.Tables[i+1].Section == section {
				return &Page{Path: p.Path, Tables: p.Tables[i+1 : i+2]}
			}
		}
		t.Fatalf("%s has no second table under %q", p.Path, section)
		return nil
	}
	same(t, "docs/operations.md, devices of a version,", rows(t, second("Model states"), "Model states", "State"), stringsOf(t, "models/gates", "Placed"))
	same(t, "docs/operations.md, workers,", rows(t, second("Device states"), "Device states", "State"), stringsOf(t, "backends/worker", "stateNames"))
	index := rows(t, p, "Model states", "In the index")
	slices.Sort(index)
	same(t, "docs/operations.md, In the index,", slices.Compact(index), stringsOf(t, "internal/oip", "StateReady"))
}

// What readiness answers is in the page, with "..." for what varies.
func TestReadinessAnswers(t *testing.T) {
	source, err := ReadSource(false, nil, root+"/gateway/http")
	if err != nil {
		t.Fatal(err)
	}
	registry, err := ReadSource(false, nil, root+"/models")
	if err != nil {
		t.Fatal(err)
	}
	verb := regexp.MustCompile(`%[-+#0-9.]*[a-z]`)
	var code []string
	for _, text := range source.TextsOf("Readiness") {
		prefix, passes := strings.CutSuffix(text, "%v") // the registry says the rest
		if !passes {
			code = append(code, verb.ReplaceAllString(text, "..."))
			continue
		}
		texts := append(registry.TextsOf("Ready"), registry.TextsOf("noneLocked")...)
		if len(texts) < 4 {
			t.Fatalf("models says only %q of readiness: name in this test what answers now", texts)
		}
		for _, text := range texts {
			text = verb.ReplaceAllString(text, "...")
			if strings.HasSuffix(text, ": ") || strings.HasSuffix(text, "/") {
				text += "..."
			}
			code = append(code, prefix+text)
		}
	}
	var shown []string
	for _, text := range rows(t, page(t, "docs/operations.md"), "Readiness", "Answer", "Status") {
		if answer, refused := strings.CutSuffix(text, " | 503"); refused {
			shown = append(shown, answer)
		}
	}
	if len(code) == 0 {
		t.Fatal("gateway/http has no method Readiness with faults: name in this test what answers now")
	}
	same(t, "docs/operations.md, Readiness,", shown, code)
}

// deployment is what this test looks at in the Kubernetes manifest.
type deployment struct {
	Kind string
	Spec struct {
		Template struct {
			Spec struct {
				Grace      int `yaml:"terminationGracePeriodSeconds"`
				Containers []struct {
					Args []string
					Env  []struct{ Name, Value string }

					Startup   probe `yaml:"startupProbe"`
					Readiness probe `yaml:"readinessProbe"`
					Liveness  probe `yaml:"livenessProbe"`
				}
			}
		}
	}
}

type probe struct {
	HTTPGet struct{ Path string } `yaml:"httpGet"`
}

func TestKubernetesManifest(t *testing.T) {
	var d deployment
	for _, b := range page(t, "docs/operations.md").Blocks {
		if b.Section == "Kubernetes" && b.Lang == "yaml" {
			first, _, _ := strings.Cut(b.Text, "\n---\n")
			if err := yaml.Unmarshal([]byte(first), &d); err != nil {
				t.Fatal(err)
			}
		}
	}
	if d.Kind != "Deployment" || len(d.Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("the manifest is %+v", d)
	}
	c := d.Spec.Template.Spec.Containers[0]
	cfg := config.Default()
	env := map[string]string{}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	if err := cfg.ApplyEnv(func(name string) (string, bool) { v, ok := env[name]; return v, ok }); err != nil {
		t.Fatal(err)
	}
	flags(t, cfg, c.Args[1:])
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if need := cfg.Drain.Delay + cfg.Drain.Deadline + 5*time.Second; time.Duration(d.Spec.Template.Spec.Grace)*time.Second < need {
		t.Errorf("terminationGracePeriodSeconds is %d, and a stop takes up to %v", d.Spec.Template.Spec.Grace, need)
	}
	known := map[string]bool{}
	for _, r := range httpfront.PredictRoutes() {
		known[r.Pattern] = true
	}
	for name, p := range map[string]probe{"startup": c.Startup, "readiness": c.Readiness, "liveness": c.Liveness} {
		if !known[p.HTTPGet.Path] {
			t.Errorf("the %s probe asks %q, which is no route", name, p.HTTPGet.Path)
		}
	}
}

// flags gives a configuration the flags of a command line.
func flags(t *testing.T, cfg *config.Config, args []string) {
	t.Helper()
	for i := 0; i+1 < len(args); i += 2 {
		found := false
		for _, o := range config.Options() {
			if "--"+o.Flag == args[i] {
				found = true
				if err := cfg.Set(o.Path, args[i+1], args[i]); err != nil {
					t.Error(err)
				}
			}
		}
		if !found {
			t.Errorf("%s is no flag", args[i])
		}
	}
}

func TestSystemdUnit(t *testing.T) {
	unit := ""
	for _, b := range page(t, "docs/operations.md").Blocks {
		if b.Lang == "ini" {
			unit = b.Text
		}
	}
	value := func(key string) string {
		t.Helper()
		for line := range strings.Lines(unit) {
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
				return text
			}
		}
		t.Fatalf("the unit has no %s", key)
		return ""
	}
	cfg := config.Default()
	command := strings.Fields(value("ExecStart"))
	flags(t, cfg, command[2:])
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	var stop, files int
	if _, err := fmt.Sscan(value("TimeoutStopSec"), &stop); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(value("LimitNOFILE"), &files); err != nil {
		t.Fatal(err)
	}
	if need := cfg.Drain.Delay + cfg.Drain.Deadline + 5*time.Second; time.Duration(stop)*time.Second < need {
		t.Errorf("TimeoutStopSec is %d, and a stop takes up to %v", stop, need)
	}
	if need := cfg.Limits.MaxConnections + 100; files < need {
		t.Errorf("LimitNOFILE is %d, and %d may be needed", files, need)
	}
}

// The fields of a line of the access log.
func TestAccessLogFields(t *testing.T) {
	var shown []string
	for _, cell := range rows(t, page(t, "docs/accesslog.md"), "Fields", "Field") {
		shown = append(shown, strings.Split(cell, ", ")...)
	}
	field := regexp.MustCompile(`^[a-z][a-z_]*$`)
	code := slices.DeleteFunc(append(stringsOf(t, "internal/accesslog", "add"), "time"), func(text string) bool { return !field.MatchString(text) })
	same(t, "docs/accesslog.md, Fields,", shown, code)
}
