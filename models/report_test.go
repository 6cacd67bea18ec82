package models

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/internal/cost"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func testReport() *Report {
	return &Report{
		Name: "digits", Version: "3", Digest: strings.Repeat("0123456789abcdef", 4), Schema: "image FP32[-1,64] -> label INT64[-1]",
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
		MaxBatch: 64, Target: 4, Budget: 100 * time.Millisecond, Took: 123_456_789,
	}
}

func TestReportText(t *testing.T) {
	refused := testReport()
	refused.Curve = nil
	refused.Gates = append(refused.Gates, Verdict{Gate: "warmup", Outcome: Refused, Text: "a run failed", Detail: "Gather: index 7 is out of bounds"})
	between := testReport()
	between.Target = 3
	var text strings.Builder
	for _, r := range []*Report{testReport(), refused, between} {
		if err := r.WriteText(&text); err != nil {
			t.Fatal(err)
		}
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
	var text strings.Builder
	if err := testReport().WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(text.String(), "\n"); n != 1 {
		t.Errorf("%d lines, want one", n)
	}
	var back Report
	if err := json.Unmarshal([]byte(text.String()), &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&back, testReport()) {
		t.Errorf("came back as %+v", back)
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
