package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"sluice/compare"
	"sluice/internal/browsertest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func text(t *testing.T, r *compare.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The text fits a terminal, says the verdict first, and has each part in its order.
func TestText(t *testing.T) {
	for name, moved := range map[string]float32{"pass": 1e-4, "fail": 0.3} {
		got, golden := text(t, example(t, moved)), "testdata/"+name+".txt"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(golden); err != nil || string(want) != got {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
		for line := range strings.Lines(got) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > columns {
				t.Errorf("%s: a line of %d columns: %s", name, n, line)
			}
		}
	}
}

// What clients and models call things steers no terminal and no page.
func TestNamesAreText(t *testing.T) {
	r := example(t, 0.3)
	r.Outputs[1].Worst[0].ID = "\x1b[2J<script>alert(1)</script>"
	if got := text(t, r); strings.Contains(got, "\x1b") {
		t.Error("an escape came through")
	}
	var page bytes.Buffer
	if err := HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	if s := page.String(); strings.Contains(s, "<script") || strings.Contains(s, "\x1b") || strings.Contains(s, "http") && strings.Contains(s, "://") {
		t.Error("the page has a script, an escape or an address")
	}
}

// withPipeline is a report of a candidate that fills its inputs itself.
func withPipeline(t *testing.T) *compare.Report {
	t.Helper()
	r := example(t, 1e-4)
	p := &compare.Pipeline{
		Units: 1800, Primary: compare.Found{Sums: compare.Sums{Stored: 1_079_000, Default: 1000}, DefaultShare: 0.001},
		Candidate: compare.Found{Sums: compare.Sums{Stored: 1_000_000, Default: 80_000, Late: 12, Stale: 54_000}, DefaultShare: 0.0741, StaleShare: 0.05},
		Defaults:  compare.Figure{Unit: compare.UnitShare, Mean: 0.073, Units: 1790, Interval: compare.Bounds{Low: 0.06, High: 0.08}},
	}
	for i := range 12 {
		p.Features = append(p.Features, compare.FeatureDefaults{Name: "dense.user:f" + string(rune('a'+i)), Stored: 90, CandidateStored: 90 - int64(i), CandidateDefault: int64(i)})
	}
	p.Features = append(p.Features, compare.FeatureDefaults{Name: "dense.store:gone", Stored: 9, Default: 1})
	for i := range r.Outputs {
		s := compare.Split{Output: r.Outputs[i].Name}
		for _, f := range r.Outputs[i].Figures {
			s.Model = append(s.Model, f)
			f.Mean, f.Largest = 3*f.Mean, 3*f.Largest
			s.Features = append(s.Features, f)
		}
		p.Split = append(p.Split, s)
	}
	r.Pipeline, r.LeftOut = p, "defaults needs something else"
	return r
}

// The text of a candidate that fills its inputs itself has the two effects, and what it found in the stores; it fits a terminal.
func TestPipelineText(t *testing.T) {
	r := withPipeline(t)
	got, golden := text(t, r), "testdata/pipeline.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(golden); err != nil || string(want) != got {
		t.Errorf("%v\n%s", err, got)
	}
	for line := range strings.Lines(got) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > columns {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	r.Pipeline.NoSplit = `input "dense" has another shape`
	if got := text(t, r); !strings.Contains(strings.Join(strings.Fields(got), " "), `primary's inputs: input "dense" has another shape.`) {
		t.Error(got)
	}
	var page bytes.Buffer
	if err := HTML(&page, r); err != nil || !strings.Contains(page.String(), "dense.user:fl") {
		t.Errorf("%v: %s", err, page.String())
	}
}

// A report without samples has both forms.
func TestEmptyReport(t *testing.T) {
	r := &compare.Report{Verdict: "WAIT", Reason: "there is no criterion"}
	if got := text(t, r); !strings.HasPrefix(got, "WAIT: there is no criterion\n") {
		t.Error(got)
	}
	var page bytes.Buffer
	if err := HTML(&page, r); err != nil || !strings.Contains(page.String(), "WAIT") {
		t.Errorf("%v: %s", err, page.String())
	}
}

// Requests that were left out for their size are told in the text and on the page.
func TestTooLarge(t *testing.T) {
	r := &compare.Report{Verdict: "WAIT", Reason: "there is no criterion"}
	r.Coverage.TooLarge = "requests of more than 8 rows are never mirrored, and one had 9: raise shadow.max_rows"
	want := "The comparison is of smaller requests than there are: " + r.Coverage.TooLarge + "."
	if got := strings.Join(strings.Fields(text(t, r)), " "); !strings.Contains(got, want) {
		t.Error(got)
	}
	var page bytes.Buffer
	if err := HTML(&page, r); err != nil || !strings.Contains(page.String(), want) {
		t.Errorf("%v: %s", err, page.String())
	}
}

// The page fits the width of a phone and of a desk. Its colours are those of all pages, which loadtest/report has drawn in light and dark.
func TestPageFits(t *testing.T) {
	browsertest.Need(t)
	dir := os.Getenv("SLUICE_REPORT_DIR") // for those who want to look themselves
	if dir == "" {
		dir = t.TempDir()
	}
	var page bytes.Buffer
	if err := HTML(&page, withPipeline(t)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "compare.html"), page.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	browsertest.Fit(t, dir, "compare")
}
