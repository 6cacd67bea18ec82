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
	if err := HTML(&page, example(t, 0.3)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "compare.html"), page.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	browsertest.Fit(t, dir, "compare")
}
