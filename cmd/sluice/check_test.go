package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// command runs the binary and returns its output and exit status.
func command(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(sluice, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

func TestCheckProvesTheExamples(t *testing.T) {
	needLibrary(t)
	out, status := command(t, "check", examples)
	if status != 0 {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{"digits/1: ready to serve", "golden     passed", "invariance passed", "<- target", "rows/s"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
}

func TestCheckRefusesByName(t *testing.T) {
	needLibrary(t)
	f := func(what string, spoil func(bundle string) error, want string) {
		t.Helper()
		dir := t.TempDir()
		copyBundle(t, "eta", dir, "1")
		if err := spoil(filepath.Join(dir, "eta", "1")); err != nil {
			t.Fatal(err)
		}
		out, status := command(t, "check", dir)
		if status != 1 || !strings.Contains(out, "eta/1: REFUSED") || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, output\n%s", what, status, out)
		}
	}
	write := func(name, text string) func(string) error {
		return func(bundle string) error { return os.WriteFile(filepath.Join(bundle, name), []byte(text), 0o600) }
	}
	f("garbage for a model", func(bundle string) error {
		if err := os.Remove(filepath.Join(bundle, "model.yaml")); err != nil {
			return err
		}
		return write("model.onnx", "no model")(bundle)
	}, "refused")
	f("a changed file", write("golden.jsonl", "{}\n"), "golden.jsonl")
	f("an unknown key", write("model.yaml", "bugdet: 5ms\n"), "bugdet")
}

func TestSettingsAreChecked(t *testing.T) {
	f := func(file, want string, args ...string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "sluice.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		out, status := command(t, append([]string{"serve", "--config", path}, args...)...)
		if status != 1 || !strings.Contains(out, want) {
			t.Errorf("status %d, output %q, want %q", status, out, want)
		}
	}
	f("listen: 127.0.0.1:0\nlissten: x\n", "sluice.yaml:2")
	f("drain: {delay: soon}\n", "sluice.yaml:1")
	f("", "--drain-delay", "--drain-delay", "soon")
}
