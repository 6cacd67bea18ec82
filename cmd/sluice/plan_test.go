package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/trace"
	"sluice/plan"
)

const planCost = "gpu=1:2.128ms,2:2.194ms,4:2.759ms,8:3.895ms,16:5.793ms,32:11.193ms"

// planned runs the command with a quick study.
func planned(t *testing.T, args ...string) (string, int) {
	t.Helper()
	return command(t, append([]string{"plan", "--length", "2s", "--warmup", "500ms"}, args...)...)
}

func TestPlanAnswers(t *testing.T) {
	t.Parallel()
	out, status := planned(t, "--cost", planCost, "--budget", "20ms", "--load", "poisson:300", "--scale", "5x", "--slo", "p99<20ms", "--search", "gpu=4")
	for _, want := range []string{"1 GPU holds p99<20ms at 15", "(5x)", "\ngoodput ", "\nlatency ", "\n  gpu ", "search for the smallest number of gpu"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if status != 0 {
		t.Errorf("status %d", status)
	}
}

// The example of the command's own help is run, and begins as the help shows.
func TestPlanHelpShowsWhatItPrints(t *testing.T) {
	t.Parallel()
	_, rest, found := strings.Cut(planCommand().Long, "\n  sluice ")
	example, rest, more := strings.Cut(rest, "\n\nbegins with\n\n  ")
	first, _, last := strings.Cut(rest, "\n")
	if !found || !more || !last {
		t.Fatalf("the help has no example with its first line:\n%s", planCommand().Long)
	}
	args := strings.Fields(strings.NewReplacer("\\\n", " ", "'", "").Replace(example))
	if out, status := command(t, args...); status != 0 || !strings.HasPrefix(out, first) {
		t.Errorf("sluice %s: status %d; the help shows %q, it prints\n%s", strings.Join(args, " "), status, first, out)
	}
}

// More GPUs answer more in time, until all is.
func TestPlanGainsByEachDevice(t *testing.T) {
	t.Parallel()
	last := 0.0
	for _, n := range []string{"1", "2", "3", "4", "16", "64"} {
		out, status := planned(t, "--cost", "gpu=1:2.1ms,8:3.9ms,32:11.2ms", "--fleet", "gpu="+n, "--budget", "20ms", "--load", "poisson:7500", "--json")
		var a plan.Answer
		if err := json.Unmarshal([]byte(out), &a); status != 0 || err != nil {
			t.Fatalf("%s GPUs: status %d, error %v", n, status, err)
		}
		if a.Outcome.Attainment < last {
			t.Errorf("%s GPUs: %.4f in time, with fewer %.4f", n, a.Outcome.Attainment, last)
		}
		last = a.Outcome.Attainment
	}
	if last < 1 {
		t.Errorf("64 GPUs for the work of three: %.4f in time", last)
	}
}

func TestPlanFailsOnAnObjectiveThatDoesNotHold(t *testing.T) {
	t.Parallel()
	out, status := planned(t, "--cost", planCost, "--budget", "20ms", "--load", "poisson:9000", "--slo", "attainment>=0.99")
	if status != statusNotHeld || !strings.HasPrefix(out, "1 GPU: attainment>=0.99 does not hold at ") {
		t.Errorf("status %d, output\n%s", status, out)
	}
}

func TestPlanIsReproducible(t *testing.T) {
	t.Parallel()
	ask := func(name, seed string) (text, page string) {
		path := filepath.Join(t.TempDir(), name)
		out, status := planned(t, "--cost", planCost, "--budget", "20ms", "--load", "gamma:1500,cv=2", "--json", "--html", path, "--seed", seed)
		if status != 0 {
			t.Fatalf("status %d, output\n%s", status, out)
		}
		html, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return out, string(html)
	}
	text, page := ask("a", "7")
	if again, pageAgain := ask("b", "7"); again != text || pageAgain != page {
		t.Error("the same seed gave other bytes")
	}
	if other, _ := ask("c", "8"); other == text {
		t.Error("another seed gave the same bytes")
	}
	var a plan.Answer
	if err := json.Unmarshal([]byte(text), &a); err != nil || a.Schema != plan.Schema || a.Outcome.Arrived < 2000 || len(a.Sweeps) != 1 {
		t.Errorf("schema %q, %d sweeps, error %v", a.Schema, len(a.Sweeps), err)
	}
}

func TestPlanRunsItsExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "examples", "plan", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, file := range files {
		if filepath.Base(file) == "costs.yaml" {
			continue
		}
		ran++
		if out, status := planned(t, file); status != 0 && status != statusNotHeld || !strings.Contains(out, "\ngoodput ") {
			t.Errorf("%s: status %d, output\n%s", file, status, out)
		}
	}
	if ran < 3 {
		t.Errorf("ran %d examples", ran)
	}
}

func TestPlanReplaysATrace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "trace.jsonl.gz")
	o, err := trace.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		if err := o.Write(&trace.Arrival{At: time.Duration(i) * time.Millisecond, Model: []string{"a", "b"}[i%2], Rows: 1 + i%3}); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	f := func(arrived int, args ...string) {
		t.Helper()
		out, status := command(t, append([]string{"plan", "--cost", planCost, "--budget", "20ms", "--trace", path, "--json"}, args...)...)
		var a plan.Answer
		if err := json.Unmarshal([]byte(out), &a); status != 0 || err != nil || a.Outcome.Arrived != arrived || len(a.Outcome.Models) != 2 {
			t.Errorf("%v: status %d, error %v, output\n%.2000s", args, status, err, out)
		}
	}
	f(2000)
	f(2000, "--speed", "2x")
	f(4000, "--scale", "2x", "--length", "2.1s") // the copies come up to 10 ms later
	f(1000, "--length", "1s")

	// A trace may also be the load of one model, its path counted from the study's folder: an arrival each 2 ms, from 0 on.
	if err := os.WriteFile(filepath.Join(dir, "each.txt"), []byte(strings.Repeat("2000\n", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	study := filepath.Join(dir, "study.yaml")
	if err := os.WriteFile(study, []byte("cost: \""+planCost+"\"\nbudget: 20ms\nwarmup: 0s\ntraffic: [{model: a, load: \"trace:each.txt,speed=2\", rows: 2}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var a plan.Answer
	if out, status := command(t, "plan", study, "--length", "250ms", "--json"); status != 0 || json.Unmarshal([]byte(out), &a) != nil || a.Outcome.Arrived != 250 {
		t.Errorf("a trace as a load: status %d, output\n%.2000s", status, out)
	}

	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, status := command(t, "plan", "--cost", planCost, "--budget", "20ms", "--trace", path); status != 1 || !strings.Contains(out, "trace.jsonl.gz") {
		t.Errorf("a broken trace: status %d, output %s", status, out)
	}
}

func TestPlanTakesReportsForCosts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "check.json")
	// Two reports as `sluice check --json` prints them, one by device, and the line of the memory.
	text := `{"name":"eta","version":"1","gates":[{"gate":"files","outcome":"passed","text":"","took_ns":1}],"curve":[{"rows":1,"p50_ns":50000,"p95_ns":60000},{"rows":64,"p50_ns":900000,"p95_ns":950000}],"max_batch":64,"budget_ns":20000000,"took_ns":1}
{"name":"digits","version":"1","gates":[],"devices":[{"device":"cuda:0","curve":[{"rows":1,"p50_ns":400000,"p95_ns":500000}]},{"device":"cpu","curve":[{"rows":1,"p50_ns":900000,"p95_ns":950000}]}],"max_batch":32,"budget_ns":30000000}
{"memory":{"ceiling_bytes":1}}
`
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	out, status := planned(t, "--costs", path, "--fleet", "cuda=1,cpu=1x2", "--load", "eta=poisson:100", "--load", "digits=poisson:100", "--json")
	var a plan.Answer
	if err := json.Unmarshal([]byte(out), &a); status != 0 || err != nil {
		t.Fatalf("status %d, error %v, output\n%s", status, err, out)
	}
	if m := a.Inputs.Models; len(m) != 2 || m[0] != (plan.ModelInput{Name: "eta", Budget: 20 * time.Millisecond, MaxBatch: 64}) || m[1].Budget != 30*time.Millisecond {
		t.Errorf("models %+v", m)
	}
	if len(a.Inputs.Costs) != 3 || a.Inputs.Costs[0].Kind != "cpu" || a.Inputs.Costs[1].Kind != "cuda" || !strings.Contains(a.Inputs.Noise, "sigma 0.1") {
		t.Errorf("costs %+v, noise %s", a.Inputs.Costs, a.Inputs.Noise)
	}
	out, _ = planned(t, "--costs", path, "--fleet", "cpu=1", "--load", "eta=poisson:100", "--json")
	if err := json.Unmarshal([]byte(out), &a); err != nil || len(a.Inputs.Models) != 1 {
		t.Errorf("traffic for one of two models: error %v, models %+v", err, a.Inputs.Models)
	}
	for broken, want := range map[string]string{
		text + "{": "check.json:4: cannot read the report",
		`{"name":"eta","gates":[{"gate":"files","outcome":"refused","text":"","took_ns":1}],"max_batch":0}`: "the report of eta has no cost table",
	} {
		write(broken)
		if out, status := planned(t, "--costs", path, "--load", "eta=poisson:100"); status != 1 || !strings.Contains(out, want) {
			t.Errorf("status %d, output %q, want %q", status, out, want)
		}
	}
}

// Faults of a study are one sentence with the file's line, and no stack.
func TestPlanNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	f := func(file, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "study.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		out, status := command(t, "plan", path)
		if status != 1 || !strings.Contains(out, want) || strings.Contains(out, "goroutine") {
			t.Errorf("%q: status %d, output %q, want %q", file, status, out, want)
		}
	}
	const good = "cost: \"gpu=1:2ms\"\nbudget: 20ms\ntraffic: [{load: \"poisson:10\"}]\n"
	f("", "the file is empty")
	f("- a", "study.yaml:1: the study must be a mapping")
	f("budget: 20ms\nbuget: 1s\n", "study.yaml:2: there is no key buget in the study (did you mean budget?), which may have budget, fleet, models, traffic, cost, ")
	f("seed: 1\nseed: 2\n", "study.yaml")
	f("budget: soon\n", `study.yaml:1: budget: "soon" is not a length of time`)
	f("budget: [1s]\n", "study.yaml:1: budget must be a single value")
	f("load: poisson:1\n", "there is no key load")
	f(good+"fleet: gpu\n", "study.yaml:4: fleet: cannot read")
	f(good+"fleet:\n  - {kind: gpu, count: 0}\n", `study.yaml:5: count: "0" is not a whole number`)
	f(good+"fleet:\n  - {kind: gpu, number: 1}\n", "study.yaml:5: there is no key number in a group of the fleet, which may have kind, count, lanes, contention")
	f(good+"models:\n  - {budget: 1ms}\n", "study.yaml:5: a model has no name")
	f(good+"models:\n  - {name: a}\n  - {name: a}\n", "study.yaml:6: the model a comes twice")
	f("traffic:\n  - {model: a}\n", "study.yaml:2: traffic for a has no load")
	f("traffic:\n  - {load: x}\n", "study.yaml:2: load: cannot read the load")
	f("traffic:\n  - {load: \"poisson:1\", priority: urgent}\n", "study.yaml:2: priority:")
	f("costs: none.yaml\n", "study.yaml:1: costs: cannot read the costs")
	f(good+"---\nseed: 1\n", "begins a second document")
	f(good+"slo: p99\n", `study.yaml:4: slo: cannot read "p99", which begins at column 1 of the objective "p99": column 4: a comparison is missing`)
	f("traffic:\n  - {load: \"closed:8\"}\n", "study.yaml:2: load: cannot simulate the load")
	f("traffic:\n  - {load: \"trace:none.txt\"}\n", "study.yaml:2: load: cannot open the trace")
	f(good+"search: tpu\n", "without an objective")
	f(good+"search: tpu\nslo: p99<1s\n", "the fleet has none; add tpu=1")
	f(good+"fleet: tpu=1\n", "no cost is known of the device tpu; known are gpu")
	f("{", "study.yaml")

	if out, status := command(t, "plan", "--costs"); status != 2 || strings.Count(out, "\n") != 1 {
		t.Errorf("a flag without its value: status %d, output %q", status, out)
	}
	if out, status := command(t, "plan", "--speling", "1"); status != 2 || !strings.Contains(out, "speling") {
		t.Errorf("an unknown flag: status %d, output %q", status, out)
	}
	if out, status := command(t, "plan", "a", "b"); status != 2 || !strings.Contains(out, "one study file") {
		t.Errorf("two files: status %d, output %q", status, out)
	}
	if out, status := command(t, "plan"); status != 1 || !strings.Contains(out, "there is no traffic") {
		t.Errorf("no study: status %d, output %q", status, out)
	}
	if out, status := command(t, "plan", "none.yaml"); status != 1 || !strings.Contains(out, "none.yaml") {
		t.Errorf("a missing file: status %d, output %q", status, out)
	}
}

func TestPlanFlagsGoBeforeTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "study.yaml")
	if err := os.WriteFile(path, []byte("cost: [\"gpu=1:2ms,8:4ms\"]\nbudget: 20ms\nseed: 3\ntraffic: [{model: a, load: \"poisson:10\"}]\nslo: [p99<1ns]\nsweep: [1, 2]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, status := planned(t, path, "--load", "b=constant:100", "--rows", "2", "--slo", "attainment>=0.5", "--json", "--budget", "30ms")
	var a plan.Answer
	if err := json.Unmarshal([]byte(out), &a); status != 0 || err != nil {
		t.Fatalf("status %d, error %v, output\n%s", status, err, out)
	}
	if len(a.Inputs.Loads) != 1 || a.Inputs.Loads[0] != "b: constant:100" || a.Outcome.Seed != 3 || len(a.Checks) != 1 || a.Inputs.Models[0].Budget != 30*time.Millisecond ||
		a.Outcome.GoodRows != 2*a.Outcome.Goodput || len(a.Sweeps[0].Points) != 2 {
		t.Errorf("inputs %+v, checks %+v, outcome %.0f rows/s of %.0f/s", a.Inputs, a.Checks, a.Outcome.GoodRows, a.Outcome.Goodput)
	}
}
