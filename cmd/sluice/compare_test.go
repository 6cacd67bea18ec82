package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/compare"
	"sluice/compare/criteria"
	"sluice/compare/sequence"
)

// compareRecorded compares version 2 of the model linear, which changes so many of 300 recorded answers, and version 1 with itself.
func compareRecorded(t *testing.T, models, log string, changed int) {
	t.Helper()
	settings := "shadow: pipeline\ncriteria:\n- {output: y, figure: differs, at_most: 2%}\n- {figure: errors, at_most: 5%}\n- {figure: defaults, at_most: 5%}\n"
	if err := os.WriteFile(filepath.Join(models, "linear", "model.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "report.html")
	out, stderr, status := runWith(t, nil, "compare", "linear", "--candidate", "2", "--capsules", log, "--again=false", "--in-process", "--models", models, "--json", "--html", page)
	var r compare.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s%s", err, out, stderr)
	}
	if !strings.HasPrefix(r.LeftOut, "defaults needs a shadow") || r.Pipeline != nil {
		t.Errorf("it is left out: %q", r.LeftOut)
	}
	if status != statusDiffers || r.Verdict != sequence.Fail || len(r.Criteria) != 2 || r.Criteria[0].Default || math.Abs(r.Criteria[0].Mean-float64(changed)/300) > 1e-9 || r.Criteria[1].Verdict != sequence.Pass {
		t.Errorf("status %d, %+v", status, r.Criteria)
	}
	if w := r.Outputs[0].Worst; len(w) != 20 || !strings.Contains(w[0].Request, `"inputs":[{"name":"x"`) || !strings.Contains(w[0].Replay, "--model linear:2") {
		t.Errorf("the worst rows are %+v", w)
	}
	if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), "<svg") {
		t.Errorf("the page: %v", err)
	}
	out, stderr, status = runWith(t, nil, "compare", "linear", "--candidate", "1", "--capsules", log, "--in-process", "--models", models)
	if status != statusUndecided || !strings.Contains(out, "units asked again (A/A)          ") || !strings.Contains(out, "the noise is not known: 300 of 1000 rows") {
		t.Errorf("itself: status %d: %s%s", status, out, stderr)
	}
}

// stopped is WAIT of a shadow that is stopped.
const stopped = sequence.Verdict("stopped")

// shadowed is an admin port whose shadows have verdicts, one for each time that it is asked.
func shadowed(t *testing.T, verdicts ...sequence.Verdict) (args []string) {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/models/ranker/shadow" {
			http.Error(w, `{"error":"there is no model"}`, http.StatusNotFound)
			return
		}
		if len(verdicts) == 0 {
			fmt.Fprint(w, "[]")
			return
		}
		at := min(int(asked.Add(1)), len(verdicts)) - 1
		report := compare.Report{
			Schema: compare.Schema, Model: "ranker", Primary: compare.Version{Name: "ranker", Version: "1"}, Candidate: compare.Version{Name: "ranker", Version: "2"}, Verdict: verdicts[at], Reason: "because",
			Criteria: []compare.Judged{{Name: "errors", Verdict: verdicts[at], Criterion: compare.Criterion{Figure: "errors", AtMost: criteria.At(0.1)}, Allowed: compare.Bounds{Low: math.Inf(-1), High: 0.1}, Interval: compare.Bounds{Low: math.Inf(-1), High: math.Inf(1)}}},
		}
		all := []shadowReport{{Report: report}}
		if verdicts[at] == "" {
			all[0].Report, all[0].Shadow.Wrong = compare.Report{}, "there is no schema"
		}
		if verdicts[at] == stopped {
			all[0].Verdict, all[0].Coverage.Stands, all[0].Shadow.State = "WAIT", "it is stopped", "stopped"
		}
		_ = json.NewEncoder(w).Encode(all)
	}))
	t.Cleanup(server.Close)
	return []string{"compare", "ranker", "--admin", strings.TrimPrefix(server.URL, "http://")}
}

// A running gateway's shadows are printed, waited for, and end the process by their verdict.
func TestCompareLive(t *testing.T) {
	f := func(args []string, code int, want string, more ...string) {
		t.Helper()
		var out strings.Builder
		cmd := root()
		cmd.SetOut(&out)
		cmd.SetArgs(append(args, more...))
		err, got := cmd.ExecuteContext(t.Context()), 0
		if err != nil {
			got = exitStatus(err)
			out.WriteString(err.Error())
		}
		if got != code || !strings.Contains(out.String(), want) {
			t.Errorf("%v: status %d, want %d: %s", more, got, code, out.String())
		}
	}
	f(shadowed(t, "PASS"), 0, "PASS: because\nranker: candidate ranker:2 against ranker:1\n")
	f(shadowed(t, "FAIL"), 10, "FAIL: because")
	f(shadowed(t, "WAIT"), 20, "WAIT: because")
	f(shadowed(t, "WAIT", "WAIT", "PASS"), 0, "PASS: because", "--wait", "--every", "100ms")
	f(shadowed(t, "WAIT", "LOOK"), 20, "LOOK: because", "--wait", "--watch", "--every", "100ms")
	f(shadowed(t, "WAIT", stopped), 20, "Nothing more is compared now: it is stopped.", "--wait", "--every", "100ms")
	f(shadowed(t, ""), 1, "the gateway cannot compare ranker", "--wait")
	f(shadowed(t, "PASS"), 0, `"verdict": "PASS"`, "--json", "--candidate", "2")
	f(shadowed(t, "PASS"), 1, "ranker:3 is no shadow of ranker; there is ranker:2", "--candidate", "3")
	f(shadowed(t), 1, "the gateway compares no shadow with ranker")
	for _, candidate := range []string{"", ":", ":2", "ranker_small:"} {
		f([]string{"compare", "eta"}, 2, fmt.Sprintf("--candidate: %q must be a VERSION, or NAME:VERSION of another model", candidate), "--candidate", candidate)
	}
	f([]string{"compare", ""}, 2, "compare needs a MODEL that is not empty")
	f([]string{"compare", "eta"}, 2, "--every: 1ms must be 100ms or more", "--every", "1ms")
	f([]string{"compare", "eta"}, 2, "--workers: 0 must be 1 or more", "--workers", "0")
	f([]string{"compare", "eta"}, 2, "--in-process and --primary are for --capsules", "--in-process")
}
