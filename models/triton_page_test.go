package models

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestTritonPage holds the table of the page "Moving from Triton" against the code's.
func TestTritonPage(t *testing.T) {
	const page, begin, end = "../docs/triton.md", "-update` -->\n", "<!-- end -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	table, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", page)
	}
	var want strings.Builder
	want.WriteString("\n| Field | What becomes of it | |\n|---|---|---|\n")
	for _, f := range TritonFields {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", f.Name, f.Fate, f.Note)
	}
	want.WriteString("\n")
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+want.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want.String() {
		t.Errorf("the table of %s is not the code's: run go test ./models -run TestTritonPage -update", page)
	}
}
