package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"sluice/config"
	"sluice/internal/task"
	"sluice/models/bundle"
	"sluice/models/gates"
	"sluice/serve"
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
	t.Parallel()
	needLibrary(t)
	out, status := command(t, "check", examples)
	if status != 0 {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{
		"digits/1: served (", "    golden     passed ", "    invariance passed ", "<- target", "rows/s", "  inputs     image  FP32  [rows, 1, 8, 8]\n", "  kind       proven\n",
		"  tolerance  0.0001 + 0.001 of the expected value\n", "    nodes      13, all on CPU\n", "    memory     about ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if want := "digits/1   served\nencoder/1  served\neta/1      served\nranker/1   served\n\ndigits/1: "; !strings.HasPrefix(out, want) {
		t.Errorf("the output does not begin with\n%s", want)
	}
	if strings.Contains(out, "max_body_bytes") {
		t.Error("the settings are printed unasked")
	}
}

func TestCheckRefusesByName(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	f := func(what string, spoil func(bundle string) error, want string) {
		t.Helper()
		dir := t.TempDir()
		copyBundle(t, "eta", dir, "1")
		if err := spoil(filepath.Join(dir, "eta", "1")); err != nil {
			t.Fatal(err)
		}
		out, status := command(t, "check", dir)
		if status != 1 || !strings.HasPrefix(out, "eta/1  REFUSED by ") || !strings.Contains(out, want) {
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
	f("keys below", write("model.yaml", "tolerance: {abs: 1, relative: 1}\n"), "relative")
	f("a changed file", write("golden.jsonl", "{}\n"), "golden.jsonl")
	f("an unknown key", write("model.yaml", "bugdet: 5ms\n"), "bugdet")
	f("an unknown device", write("model.yaml", "budget: 5ms\ndevices: [cuda:0, cpu]\n"), `model.yaml line 2: device "cuda:0" is not there; there is cpu`)
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
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

// shifted is a real session whose first output is not what the model says.
type shifted struct {
	bundle.Session
	by float32
}

func (s shifted) Scatter(lane int, parts []task.Part) error {
	if err := s.Session.Scatter(lane, parts); err != nil {
		return err
	}
	for _, p := range parts {
		data := p.Task.Outputs[0].Data
		value := math.Float32frombits(binary.LittleEndian.Uint32(data)) + s.by
		binary.LittleEndian.PutUint32(data, math.Float32bits(value))
	}
	return nil
}

// TestCheckFindsAFallbackThatDiffers checks a real model on two devices whose answers differ
// by more than the golden rows show, because there are none.
func TestCheckFindsAFallbackThatDiffers(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	library, err := serve.LoadLibrary(os.Getenv("SLUICE_ONNXRUNTIME"))
	if err != nil {
		t.Fatal(err)
	}
	f := func(what, settings string, by float32, want string) {
		t.Helper()
		dir := t.TempDir()
		copyBundle(t, "eta", dir, "1")
		for _, name := range []string{"golden.jsonl", "model.yaml"} {
			if err := os.Remove(filepath.Join(dir, "eta", "1", name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "eta", "1", "model.yaml"), []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := config.Default()
		cfg.Models = dir
		c, err := serve.OpenCheck(t.Context(), &serve.Options{Config: cfg, Log: zap.NewNop()}, library)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}()
		options := c.Options
		options.Trial = nil
		cpu := options.Devices[0]
		open := cpu.Open
		cpu.Open = func(ctx context.Context, b *bundle.Bundle) (bundle.Session, error) {
			session, err := open(ctx, b)
			if err != nil {
				return nil, err
			}
			return shifted{session, by}, nil
		}
		preferred := options.Devices[0]
		preferred.Name = "cuda:0"
		options.Devices = []gates.Device{preferred, cpu}
		cmd := &cobra.Command{}
		cmd.SetContext(t.Context())
		switch err := check(cmd, options, checkOptions{json: true}); {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	const asked = "devices: [cuda:0, cpu]\ntolerance: {abs: 0.01, rel: 0}\n"
	f("equal", asked, 0, "")
	f("within the tolerance", asked, 0.005, "")
	f("beyond it", asked, 0.5, "1 of 1 models cannot be served on every device that the settings name")
	f("beyond it, not asked for", "tolerance: {abs: 0.01, rel: 0}\n", 0.5, "")
}

// A check is what a server with the same settings does: it tells of versions that are not loaded,
// of budgets that are too short, and of models that are required and not there.
func TestCheckTellsWhatAServerWouldDo(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	dir := t.TempDir()
	copyBundle(t, "eta", dir, "1")
	copyBundle(t, "eta", dir, "2")
	f := func(status int, args []string, wanted ...string) { // few runs: each loads and proves both versions
		t.Helper()
		out, got := command(t, append([]string{"check", dir}, args...)...)
		for _, want := range wanted {
			if got != status || !strings.Contains(out, want) {
				t.Errorf("%q: status %d, want %d; output, want %q\n%s", args, got, status, want, out)
			}
		}
	}
	f(0, []string{"--limits-memory", "1GiB", "--require", "eta"},
		"eta/1  passes, NOT LOADED: model_defaults.keep_versions keeps the newest 1\neta/2  served\n",
		"  ceiling    1024 MiB (limits.memory), of which a tenth is left to the kernel\n")
	f(0, []string{"--model-defaults-keep-versions", "2", "--require", "all"}, "eta/1  served\neta/2  served\n")
	f(0, []string{"--json"}, `"not_loaded":"model_defaults.keep_versions keeps the newest 1"`)
	f(1, []string{"--require", "eta,rankr"}, "sluice: 'rankr' is required and there is no such model", "sluice: 1 of 2 required models are not there\n")
	putModel(t, dir, "slow", slowGraph(), "budget: 1ms\nmax_batch: 2\n")
	f(0, nil, "slow/1  served, with a note: the budget is too short: one row takes ", "  budget     1ms (of model.yaml)\n             TOO SHORT: one row takes ")
}
