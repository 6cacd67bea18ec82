package bundle

import (
	"fmt"
	"strings"
	"testing"

	"sluice/internal/doctext"
)

//go:generate go test -count=1 -run ^TestTritonPage$ . -update

// TestTritonPage holds the table of docs/triton.md against TritonFields.
func TestTritonPage(t *testing.T) {
	var table strings.Builder
	table.WriteString("| Field | What becomes of it | |\n|---|---|---|\n")
	for _, f := range TritonFields {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", f.Name, f.Fate, f.Note)
	}
	if err := doctext.Hold("../../docs/triton.md", map[string]string{"fields": table.String()}, *rewrite); err != nil {
		t.Error(err)
	}
}
