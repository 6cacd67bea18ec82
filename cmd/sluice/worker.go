package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"sluice/backends/onnx"
	"sluice/backends/worker"
	"sluice/models"
)

const workerName = "worker"

// workerProcess makes the command of a device's child: this binary, with the gateway's
// environment. Not os.Executable: the file may have been replaced since this process started.
func workerProcess(binary, library string) func() *exec.Cmd {
	return func() *exec.Cmd { return exec.Command(binary, workerName, "--onnxruntime-library", library) }
}

// workerSpec says what a worker has to know to open a bundle as openSession does here.
func workerSpec(b *models.Bundle, lanes int, provider json.RawMessage) worker.Spec {
	return worker.Spec{Path: b.ModelPath(), Schema: b.Schema, FixedBatch: b.FixedBatch, External: b.External, Lanes: lanes, Provider: provider}
}

// workerCommand is the child's side of a device: whatever its driver does ends this process alone.
func workerCommand() *cobra.Command {
	var library string
	cmd := &cobra.Command{
		Use:    workerName,
		Short:  "Run models for a gateway, which starts this process itself",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			// Not the command's context: SIGTERM, which a service manager sends to all
			// processes at once, is for the gateway. It drains, and then hangs up here.
			if err := serveWorker(context.Background(), library); err != nil {
				return err
			}
			// At once: a provider's own clean-up at the end of a process can crash it.
			os.Exit(0)
			return nil
		},
	}
	cmd.Flags().StringVar(&library, "onnxruntime-library", "", "path of libonnxruntime.so")
	return cmd
}

func serveWorker(ctx context.Context, library string) error {
	conn := os.NewFile(worker.Descriptor, "gateway")
	if info, err := conn.Stat(); err != nil || info.Mode()&os.ModeSocket == 0 {
		return errors.New("sluice worker is started by the gateway and is of no use by itself")
	}
	if _, err := loadLibrary(library); err != nil {
		return err
	}
	return worker.Serve(ctx, conn, onnxHost{})
}

// onnxHost opens models in a worker.
type onnxHost struct{}

func (onnxHost) Open(spec worker.Spec, memory worker.Memory) (worker.Hosted, error) {
	o := onnx.Options{
		Schema: spec.Schema, FixedBatch: spec.FixedBatch, External: spec.External,
		Lanes: spec.Lanes, IntraOp: spec.IntraOp, Memory: memory,
	}
	if err := chooseProvider(spec.Provider, &o); err != nil {
		return nil, err
	}
	// A nil session must not become an interface that is not nil.
	s, err := onnx.Open(spec.Path, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// chooseProvider sets what a session runs on. Without a choice it is the CPU.
func chooseProvider(choice json.RawMessage, _ *onnx.Options) error {
	if len(choice) > 0 && string(choice) != "null" {
		return errors.New("this binary knows no provider but the CPU")
	}
	return nil
}
