package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"sluice/backends/onnx"
	"sluice/backends/worker"
	"sluice/config"
	"sluice/internal/device"
	"sluice/models"
)

const workerName = "worker"

// workerProcess makes the command of a device's child: this binary, with the gateway's
// environment and the device's own. Not os.Executable: the file may have been replaced since
// this process started.
func workerProcess(binary, library string, d *config.Device) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command(binary, workerName, "--onnxruntime-library", library)
		for _, folder := range d.LibraryFolders {
			cmd.Args = append(cmd.Args, "--library-folder", folder)
		}
		cmd.Env = os.Environ()
		for name, value := range d.Env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		return cmd
	}
}

// workerSpec says what a worker has to know to open a bundle as openSession does here.
func workerSpec(b *models.Bundle, lanes int, d *config.Device) (worker.Spec, error) {
	p := provider(d)
	text, err := json.Marshal(&p)
	return worker.Spec{
		Path: b.ModelPath(), Schema: b.Schema, FixedBatch: b.FixedBatch, External: b.External, Lanes: lanes,
		Sizes: device.Sizes(p.Device.Kind, b.Schema.MaxBatch, b.FixedBatch), Provider: text,
	}, err
}

// workerCommand is the child's side of a device: whatever its driver does ends this process alone.
func workerCommand() *cobra.Command {
	var library onnx.Library
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
	cmd.Flags().StringVar(&library.Path, "onnxruntime-library", "", "path of libonnxruntime.so")
	cmd.Flags().StringArrayVar(&library.Folders, "library-folder", nil, "folder of the device's libraries")
	return cmd
}

func serveWorker(ctx context.Context, library onnx.Library) error {
	conn := os.NewFile(worker.Descriptor, "gateway")
	if info, err := conn.Stat(); err != nil || info.Mode()&os.ModeSocket == 0 {
		return errors.New("sluice worker is started by the gateway and is of no use by itself")
	}
	if err := onnx.Init(library); err != nil {
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
func chooseProvider(choice json.RawMessage, o *onnx.Options) error {
	if len(choice) == 0 || string(choice) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(choice))
	d.DisallowUnknownFields()
	if err := d.Decode(&o.Provider); err != nil {
		return fmt.Errorf("cannot read which device to use: %w", err)
	}
	return nil
}
