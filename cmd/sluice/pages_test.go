package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGoldenPageReplays takes the lines that docs/golden.md shows through the load gates.
func TestGoldenPageReplays(t *testing.T) {
	needLibrary(t)
	page, err := os.ReadFile("../../docs/golden.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	lines, _, _ := strings.Cut(rest, "```")
	f := func(lines, want string, status int) {
		t.Helper()
		dir := t.TempDir()
		copyBundle(t, "eta", dir, "1")
		if err := os.Remove(filepath.Join(dir, "eta", "1", "model.yaml")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "eta", "1", "golden.jsonl"), []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, got := command(t, "check", dir); got != status || !strings.Contains(out, want) {
			t.Errorf("status %d, want %d and %q:\n%s", got, status, want, out)
		}
	}
	f(lines, "golden     passed   2 requests with 3 rows answered as expected, ", 0)
	f(strings.Replace(lines, "30.067066", "31.2", 1), "golden.jsonl line 2: the answer is wrong, worst in output eta_minutes, row 1: 30.06707 instead of 31.2", 1)
}
