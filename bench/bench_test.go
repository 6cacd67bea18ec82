package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/tensor"
	"sluice/loadtest/result"
	"sluice/predlog"
)

func TestQuantiles(t *testing.T) {
	values := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	f := func(q, want float64) {
		t.Helper()
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %g: %g, want %g", q, got, want)
		}
	}
	f(0, 1)
	f(0.1, 1)
	f(0.5, 5)
	f(0.99, 10)
	f(1, 10)
	if got := median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("median of three: %g", got)
	}
	if got := median([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("median of four: %g", got)
	}
}

func TestChoose(t *testing.T) {
	all, err := choose("")
	if err != nil || len(all) != len(parts) || !all["overload"] {
		t.Errorf("everything: %v, %v", all, err)
	}
	some, err := choose("json,idle")
	if err != nil || !some["json"] || !some["idle"] || some["binary"] {
		t.Errorf("two: %v, %v", some, err)
	}
	if _, err := choose("jsn"); err == nil || !strings.Contains(err.Error(), `"jsn"`) {
		t.Errorf("an unknown part: %v", err)
	}
}

func TestResultNests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "latest.json")
	r := Result{
		Binary: &Closed{Ratio: 0.7}, JSON: &Closed{Ratio: 0.6}, Idle: &Idle{AddedP50: 1}, Half: &Half{AddedP99: 2},
		Goodput: &Goodput{Ratio: 0.9, Share: 0.88, Turns: []turn{{Oracle: []float64{1}, CPURow: []float64{1, 1}, Sluice: make([]openResult, 1)}}}, Overload: &Overload{Ratio3x: 0.91, Ratio5x: 0.92, ShedP99: 3}, Allocs: &Allocs{Binary: 4},
	}
	if err := writeJSON(path, &r); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]map[string]any
	dec := json.NewDecoder(bytes.NewReader(bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(`"seconds": 0,`), nil), []byte(`"onnxruntime": "",`), nil)))
	if err := dec.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	f := func(key string, want float64) {
		t.Helper()
		part, name, _ := strings.Cut(key, ".")
		if got := tree[part][name]; got != want {
			t.Errorf("%s is %v, want %g", key, got, want)
		}
	}
	f("binary.ratio", 0.7)
	f("json.ratio", 0.6)
	f("idle.added_p50_us", 1)
	f("half.added_p99_ms", 2)
	f("goodput.ratio", 0.9)
	f("overload.ratio_3x", 0.91)
	f("overload.ratio_5x", 0.92)
	f("overload.shed_p99_ms", 3)
	f("allocs.binary", 4)
}

// What a log adds is the median over turns, so that one turn beside other work does not count.
func TestAddedPercent(t *testing.T) {
	runs := func(cpu ...float64) (all []closedRun) {
		for _, c := range cpu {
			all = append(all, closedRun{CPURequest: c})
		}
		return all
	}
	if got := addedPercent(runs(10, 20, 10), runs(10.1, 20.4, 19)); got != 2 {
		t.Errorf("got %g, want 2", got)
	}
	if got := addedPercent(runs(10, 20), runs(9.9, 20.2)); got != 0 {
		t.Errorf("got %g, want 0", got)
	}
	if got := meanOf([]AccessRound{{Added: 1}, {Added: -0.5}}, func(r AccessRound) float64 { return r.Added }); got != 0.25 {
		t.Errorf("the mean is %g, want 0.25", got)
	}
	var out strings.Builder
	r := Result{Access: &Access{AccessRound: AccessRound{Added: 0.4, Control: -0.1, All: 30}, CPURequest: 12, Rounds: []AccessRound{{Added: 0.9}, {Added: -0.1}}}}
	r.accessLine(&out)
	if want := "access.added_percent\t0.4\t<= 1  ok\trounds from -0.1 to 0.9; a server without the log -0.1, with every request in it +30; 12.0 us CPU without\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// What the prediction log adds is a ratio of each round, so that rounds at different speeds count alike, and a limit below what a
// control shows is the control's.
func TestAdded(t *testing.T) {
	f := func(without, with []float64, want Added) {
		t.Helper()
		if got := added(without, with); got != want {
			t.Errorf("%v, %v: %+v, want %+v", without, with, got, want)
		}
	}
	f([]float64{10, 20, 40}, []float64{10.2, 20.4, 40.8}, Added{2, 2, 2})
	// Log ratios of +-0.01 have a mean of 0 and a standard error of 0.01; t with one degree of freedom is 12.706.
	f([]float64{1, 1}, []float64{math.Exp(0.01), math.Exp(-0.01)}, Added{0, round(100*math.Expm1(-0.12706), 2), round(100*math.Expm1(0.12706), 2)})
	f(slices.Repeat([]float64{10}, 8), []float64{10.1, 10.1, 10.1, 10.1, 10.3, 10.3, 10.3, 10.3}, Added{2, 1.11, 2.89})
	if got := (Added{Low: -3, High: 2}).spread(); got != 3 {
		t.Errorf("the spread is %g", got)
	}
	var out strings.Builder
	r := Result{PredLog: &PredLog{Rate: 20000, Control: Added{0, -2.5, 2}, Sample: Added{2.4, 2, 3}, All: Added{3.1, 3, 4}}}
	r.print(&out)
	for _, want := range []string{"predlog.sample_percent  2.4  <= 2.5  ok    THE CONTROL IS WIDER", "predlog.all_percent     3.1  <= 3  MISSED  limit 3;"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// What a killed server has left is converted, and its records are counted.
func TestConversion(t *testing.T) {
	live, left := t.TempDir(), t.TempDir()
	w, err := predlog.Start(predlog.Options{Dir: live, Sample: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		w.Take(&predlog.Record{ID: []byte("a"), Model: "m", Status: predlog.OK, Schema: &tensor.Schema{}})
	}
	var spool []byte
	for end := time.Now().Add(10 * time.Second); !bytes.Contains(spool, []byte("requests")) && time.Now().Before(end); time.Sleep(time.Millisecond) {
		names, err := filepath.Glob(filepath.Join(live, "*.spool"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if spool, err = os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(t.Context()), os.WriteFile(filepath.Join(left, "current-20260101T000000.000000000Z.spool"), spool, 0o600)); err != nil {
		t.Fatal(err)
	}
	if c, err := conversion(left); err != nil || c.Records != 500 || c.CPURecord <= 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := conversion(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no records") {
		t.Errorf("of an empty folder: %v", err)
	}
}

func TestVerdicts(t *testing.T) {
	f := func(want target, got float64, ok bool) {
		t.Helper()
		if v := want.verdict(got); strings.HasSuffix(v, "ok") != ok {
			t.Errorf("%g: %s", got, v)
		}
	}
	f(atLeast(0.7), 0.7, true)
	f(atLeast(0.7), 0.699, false)
	f(atMost(2), 2, true)
	f(atMost(2), 2.1, false)
}

func TestCapacityOfTheHeavyModel(t *testing.T) {
	b := &bench{cores: 2}
	// 2 ms for one row, 8 ms for eight: batches of eight count only while they take at most
	// half of the budget of 100 ms.
	rows := &sweep{Points: []rawPoint{{Rows: 1, CPURow: 2000}, {Rows: 8, CPURow: 1000}}}
	f := func(times, want float64) {
		t.Helper()
		if got := b.capacity(rows, times); got != want {
			t.Errorf("%g times: %g rows/s, want %g", times, got, want)
		}
	}
	f(1, 2000)
	f(5, 400)
	f(10, 100)
}

// A figure is marked if any of its runs is invalid, and the reasons of one are told.
func TestDoubts(t *testing.T) {
	good, bad := openResult{Validity: result.Validity{Valid: true}}, openResult{Validity: result.Validity{Reasons: []string{"it was late"}}}
	var d doubts
	if got := d.mark("a", validities([]openResult{good, good})); got != "" {
		t.Errorf("two valid runs: %q", got)
	}
	if got := d.mark("b", validities([]openResult{good, bad}, []openResult{bad})); got != " (INVALID 2 of 3)" {
		t.Errorf("one valid run of three: %q", got)
	}
	var out strings.Builder
	d.print(&out)
	if got := out.String(); !strings.Contains(got, "b, 2 of 3 runs") || !strings.Contains(got, "it was late") || strings.Contains(got, "a,") {
		t.Errorf("the table says %q", got)
	}
}

func TestInvalidRunsShowInTheTable(t *testing.T) {
	run := func(valid bool) closedRun {
		return closedRun{Validity: result.Validity{Valid: valid, Reasons: []string{"it was late"}}}
	}
	r := Result{Binary: &Closed{At: []ClosedPair{
		{Connections: 64, Served: true, CeilingRuns: []closedRun{run(true)}, SluiceRuns: []closedRun{run(false)}},
		{Connections: 256, Served: true, CeilingRuns: []closedRun{run(true)}, SluiceRuns: []closedRun{run(true)}},
	}}}
	var out strings.Builder
	r.print(&out)
	for line := range strings.Lines(out.String()) {
		name, _, _ := strings.Cut(line, ".ratio (")
		if name == "binary" && strings.Contains(line, "INVALID 1 of 2") != strings.Contains(line, "(64") {
			t.Errorf("the table has the line %q", line)
		}
	}
	if !strings.Contains(out.String(), "it was late") {
		t.Errorf("the table does not say why:\n%s", out.String())
	}
}
