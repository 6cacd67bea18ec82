package gates

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/internal/agree"
	"sluice/internal/cost"
	"sluice/models/bundle"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func testReport() *Report {
	r := &Report{
		Name: "digits", Version: "3", Digest: strings.Repeat("0123456789abcdef", 4), Schema: "image FP32[-1,64] -> label INT64[-1]",
		Inputs:  []TensorReport{{Name: "image", Datatype: "FP32", Shape: []int64{-1, 64}}, {Name: "seed", Datatype: "INT64", Shape: []int64{1}, Optional: true}},
		Outputs: []TensorReport{{Name: "label", Datatype: "INT64", Shape: []int64{-1}}, {Name: "boxes", Datatype: "FP32", Shape: []int64{-1, -1, 4}}},
		MaxRows: 1024, Tolerance: &agree.Tolerance{Abs: 1e-4, Rel: 1e-3},
		Gates: []Verdict{
			{Gate: "files", Outcome: Passed, Text: "2 files, 1.5 MiB", Took: time.Millisecond},
			{Gate: "golden", Outcome: Skipped, Text: "the bundle has no golden.jsonl"},
			{Gate: "invariance", Outcome: Changed, Text: "served unpadded"},
		},
		Curve: cost.Curve{
			{Rows: 1, P50: 12_345, P95: 20 * time.Microsecond},
			{Rows: 2, P50: 15 * time.Microsecond, P95: 1_234_567},
			{Rows: 4, P50: 25 * time.Microsecond, P95: 123_456_789},
		},
		MaxBatch: 64, Target: 4, BudgetReport: BudgetReport{Budget: 100 * time.Millisecond, BudgetBasis: bundle.BudgetLeast}, Took: 123_456_789,
	}
	r.Devices = []DeviceReport{{Device: "cpu", State: Placed, Curve: r.Curve, Target: r.Target, Lanes: 1, Memory: 3 << 20, Nodes: []NodesReport{{"CPUExecutionProvider", 2, map[string]int{"Gemm": 2}}}}}
	return r
}

// devicesReport is of a version on a server of four devices.
func devicesReport() *Report {
	r := testReport()
	r.Gates = append(r.Gates, Verdict{Gate: "parity", Outcome: Changed, Text: "fallback is switched off: cpu differs from cuda:1, worst in output label, row 3: 8 instead of 7"})
	r.FallbackOff = "cpu differs from cuda:1, worst in output label, row 3: 8 instead of 7"
	r.Asked = true
	passed := []Verdict{{Gate: "open", Outcome: Passed, Text: "1 lane and one for live comparisons"}}
	r.Devices = []DeviceReport{
		{Device: "cuda:0", State: Down, Reason: "its worker is restarting"},
		{
			Device: "cuda:1", State: Placed, Gates: passed, Curve: r.Curve, Target: 4, Lanes: 2, Memory: 300 << 20, DeviceMemory: 700 << 20,
			Nodes: []NodesReport{{"CUDAExecutionProvider", 120, map[string]int{"Conv": 120}}, {"CPUExecutionProvider", 5, map[string]int{"Shape": 3, "Gather": 2}}},
		},
		{Device: "webgpu", State: Placed, Gates: passed, Curve: r.Curve[:2], Target: 2, Sizes: []int{1, 2}},
		{Device: "cpu", State: LeftOut, Reason: "parity: " + r.FallbackOff, Gates: append(passed, Verdict{Gate: "parity", Outcome: Refused, Text: r.FallbackOff})},
	}
	return r
}

func TestReportText(t *testing.T) {
	refused := testReport()
	refused.Curve, refused.Devices = nil, nil
	refused.Gates = append(refused.Gates, Verdict{Gate: "warmup", Outcome: Refused, Text: "a run failed", Detail: "Gather: index 7 is out of bounds"})
	many := &Report{Name: "digits", Version: "4", Gates: []Verdict{{Gate: "files", Outcome: Refused, Text: "model.yaml line 2: unproven must be a single value, not a list\nmodel.yaml line 3: there is no key \"bugdet\""}}}
	between := testReport()
	between.Target, between.Devices[0].Target = 3, 3
	older, short := testReport(), testReport()
	older.NotLoaded = "model_defaults.keep_versions keeps the newest 1"
	short.BudgetReport = BudgetReport{
		Budget: 5 * time.Millisecond, BudgetBasis: bundle.BudgetOwn, Row: 8 * time.Millisecond,
		BudgetShort: "one row takes 8ms on cpu and the budget is 5ms", BudgetRemedy: "give the model budget: 100ms in its model.yaml, or have clients ask for more with each request",
	}
	all := []*Report{testReport(), refused, many, between, devicesReport(), older, short}
	var text strings.Builder
	for _, r := range all {
		if err := r.WriteText(&text, 80); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteResults(&text, all, 80); err != nil {
		t.Fatal(err)
	}
	const path = "testdata/report.txt"
	if *update {
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || text.String() != string(want) {
		t.Errorf("%v\n%s\nwant (rewritten with -update):\n%s", err, text.String(), want)
	}
}

func TestReportJSON(t *testing.T) {
	for _, r := range []*Report{testReport(), devicesReport()} {
		var text strings.Builder
		if err := r.WriteJSON(&text); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(text.String(), "\n"); n != 1 {
			t.Errorf("%d lines, want one", n)
		}
		var back Report
		if err := json.Unmarshal([]byte(text.String()), &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(&back, r) {
			t.Errorf("came back as %+v", back)
		}
	}
	var fields struct {
		Devices []map[string]any `json:"devices"`
		Off     string           `json:"fallback_off"`
	}
	var text strings.Builder
	if err := devicesReport().WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text.String()), &fields); err != nil {
		t.Fatal(err)
	}
	if len(fields.Devices) != 4 || fields.Devices[2]["device"] != "webgpu" || fields.Devices[2]["target"] != 2.0 || fields.Devices[3]["state"] != "left_out" || fields.Off == "" {
		t.Errorf("%+v", fields)
	}
}

func TestRefusal(t *testing.T) {
	r := testReport()
	if v := r.Refusal(); v != nil {
		t.Errorf("refused by %+v", v)
	}
	r.Gates[1].Outcome = Refused
	if v := r.Refusal(); v != &r.Gates[1] {
		t.Errorf("refused by %+v", v)
	}
}
