package models

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"sluice/internal/onnxgen"
	"sluice/models/bundle"
	"sluice/models/trial"
)

// TestReadingIsBounded has a real child parse a file that takes more memory than it may have.
func TestReadingIsBounded(t *testing.T) {
	t.Setenv("SLUICE_TEST_TRIAL", "real")
	w := newWorld(t)
	g := onnxgen.New(17).Input("x", onnxgen.Float32, "n", 2).Output("y")
	for range 200_000 {
		g.Node("Relu", "y", onnxgen.In("x"))
	}
	b := w.put(t, "m/1", fakeFile{}, bundle.ModelFile, string(g.File()))
	runner := &trial.Runner{Command: []string{os.Args[0]}, ReadMemory: 192 << 20}
	opts := w.options()
	opts.Trial = runner.Begin
	check := func(gate, want string) {
		t.Helper()
		report, err := Check(context.Background(), opts, b)
		if err != nil {
			t.Fatal(err)
		}
		if v := report.Refusal(); v == nil || v.Gate != gate || !strings.Contains(v.Text, want) {
			t.Errorf("refusal %+v, want %s", v, want)
		}
	}
	check("files", "reading its files took more than 192.0 MiB of memory in a trial process: not served")
	runner.ReadMemory = 0
	check("trial", "ONNX Runtime refuses to load it") // there is none
}

func TestTrialGate(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{}, bundle.ModelFile, string(onnxgen.New(17).Input("x", onnxgen.Float32, "n", 2).Output("y").Node("Relu", "y", onnxgen.In("x")).File()))
	opts := w.options()
	t.Setenv("SLUICE_TEST_TRIAL", "abort")
	opts.Trial = (&trial.Runner{Command: []string{os.Args[0]}}).Begin
	report, err := Check(context.Background(), opts, b)
	if err != nil {
		t.Fatal(err)
	}
	if v := report.Refusal(); v == nil || v.Gate != "trial" || w.opened.Load() != 0 {
		t.Errorf("refusal %+v with %d sessions opened", v, w.opened.Load())
	}
}

// tryReally is the trial process of this package's tests: the real one, without a library.
func tryReally(mode string) {
	says := os.NewFile(trial.Descriptor, "gateway")
	load := func() error {
		if mode == "abort" {
			syscall.Kill(os.Getpid(), syscall.SIGABRT) //nolint:errcheck // it does not return
		}
		return errors.New("there is no library")
	}
	if err := trial.Run(context.Background(), os.Stdin, says, load, nil); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}
