package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/internal/doctext"
	"sluice/models/bundle"
	"sluice/models/gates"
	"sluice/serve"
)

// TestGoldenPageReplays takes the lines that docs/golden.md shows through the load gates.
func TestGoldenPageReplays(t *testing.T) {
	t.Parallel()
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

var update = flag.Bool("update", false, "rewrite the pages")

//go:generate go test -count=1 -run ^TestCommandsPage$ . -update

// TestCommandsPage holds docs/cli.md against the commands.
func TestCommandsPage(t *testing.T) {
	var commands, flags, statuses strings.Builder
	commands.WriteString("| Command | What it does |\n|---|---|\n")
	flags.WriteString("| Command | Flag | What it does |\n|---|---|---|\n")
	statuses.WriteString("| Command | Status | When |\n|---|---|---|\n")
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			if !c.IsAvailableCommand() || c.Name() == "help" || c.Name() == "completion" {
				continue
			}
			fmt.Fprintf(&commands, "| `%s` | %s |\n", doctext.Cell(strings.TrimSuffix(c.UseLine(), " [flags]")), doctext.Cell(c.Short))
			walk(c)
			if strings.Contains(c.CommandPath(), "loadtest") || c.Name() == "plan" {
				continue
			}
			c.Flags().VisitAll(func(f *pflag.Flag) {
				if _, setting := f.Value.(*settingValue); !setting && f.Name != "help" {
					fmt.Fprintf(&flags, "| `%s` | `--%s` | %s |\n", strings.TrimPrefix(c.CommandPath(), "sluice "), f.Name, doctext.Cell(f.Usage))
				}
			})
		}
	}
	walk(root())
	for _, m := range meanings {
		fmt.Fprintf(&statuses, "| %s | %d | %s |\n", m.command, m.code, m.text)
	}
	texts := map[string]string{"commands": commands.String(), "flags": flags.String(), "statuses": statuses.String()}
	if err := doctext.Hold("../../docs/cli.md", texts, *update); err != nil {
		t.Error(err)
	}
}

// TestExitStatuses holds the commands against the statuses that the page gives them.
func TestExitStatuses(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	nobody := freeAddress(t)
	empty := t.TempDir()
	said := map[string]bool{}
	for _, m := range meanings {
		said[fmt.Sprint(m.command, m.code)] = true
	}
	f := func(status int, args ...string) {
		t.Helper()
		if !said[fmt.Sprint("every command", status)] && !said[fmt.Sprint(args[0], status)] {
			t.Errorf("the page does not say that %s ends with %d", args[0], status)
		}
		if out, got := command(t, args...); got != status {
			t.Errorf("sluice %v: status %d, want %d\n%s", args, got, status, out)
		}
	}
	for _, name := range []string{"serve", "check", "config", "sample", "devices", "health", "plan", "loadtest", "version"} {
		f(0, name, "--help")
		f(2, name, "--no-such-flag")
	}
	for _, name := range []string{"config", "devices", "health", "version", "loadtest"} {
		f(2, name, "surplus")
	}
	f(0, "version")
	f(0, "config")
	f(1, "config", "--log-level", "loud")
	f(1, "serve", "--models", filepath.Join(empty, "nowhere"))
	f(1, "check", empty)
	f(1, "check", filepath.Join(empty, "nowhere.onnx"))
	f(0, "check", filepath.Join(examples, "eta", "1", "model.onnx"))
	f(1, "health", "--listen", nobody)
	f(1, "sample", "--listen", nobody)
	f(1, "plan", filepath.Join(empty, "nowhere.yaml"))
	f(3, "loadtest", "run", nobody)
}

// TestCheckPrintsJSONAlone: a program that reads it meets nothing else, and all of the report.
func TestCheckPrintsJSONAlone(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	out, complaints, status := runWith(t, nil, "check", "--json", "--verbose", examples)
	if status != 0 || complaints != "" {
		t.Errorf("status %d, standard error %q", status, complaints)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines", len(lines))
	}
	var last serve.MemoryLine
	strict := json.NewDecoder(strings.NewReader(lines[4]))
	strict.DisallowUnknownFields()
	if m := &last.Memory; strict.Decode(&last) != nil || m.Needed != m.Server+m.Workers+m.Models+m.Loading+m.Requests || m.Needed == 0 || m.Usable == 0 || m.Fits != (m.Needed <= m.Usable) || m.Largest == "" || m.Source == "" {
		t.Errorf("the last line is %s", lines[4])
	}
	for i, line := range lines[:4] {
		var r gates.Report
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&r); err != nil {
			t.Fatal(err)
		}
		d := r.Devices[0]
		nodes := map[string]int{"digits": 13, "encoder": 87, "eta": 1, "ranker": 27}[r.Name]
		if d.Memory < 100<<10 || d.Memory > 100<<20 || len(d.Nodes) != 1 || d.Nodes[0].Provider != "CPUExecutionProvider" || d.Nodes[0].Count != nodes || len(d.Curve) == 0 {
			t.Errorf("line %d: %s takes %d bytes and has %+v", i, r.Name, d.Memory, d.Nodes)
		}
		if len(r.Inputs) == 0 || len(r.Outputs) == 0 || r.Tolerance.Abs != 1e-4 || r.Batching.Basis != bundle.Proven || r.Budget == 0 || r.MaxRows != 1024 {
			t.Errorf("line %d: %+v", i, r)
		}
	}
}
