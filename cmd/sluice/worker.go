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
	"sluice/internal/cost"
	"sluice/internal/device"
	"sluice/models/bundle"
	"sluice/plan"
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
		cmd.Env = deviceEnv(d.Env)
		return cmd
	}
}

// workerSpec says what a worker has to know to open a bundle.
func workerSpec(b *bundle.Bundle, lanes int, d *config.Device) (worker.Spec, error) {
	name, err := device.Parse(d.Name)
	if err != nil {
		return worker.Spec{}, err
	}
	choice, err := chooseFor(d, name.Kind, b.Digest)
	return worker.Spec{
		Path: b.OpenPath(), Schema: b.Schema, FixedBatch: b.FixedBatch, External: b.External, Lanes: lanes,
		Sizes: device.Sizes(name.Kind, b.Schema.MaxBatch, b.FixedBatch), Provider: choice,
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

// choice is what a worker's sessions run on; the gateway writes it, its worker reads it.
type choice struct {
	Provider onnx.Provider `json:"provider"`
	Digest   string        `json:"digest"`
	// Fake makes the sessions, which are on the CPU then, those of the fake device.
	Fake *fakeChoice `json:"fake,omitempty"`
}

type fakeChoice struct {
	Curve  cost.Curve `json:"curve"`
	Orders string     `json:"orders"`
}

// chooseFor describes a device to its worker.
func chooseFor(d *config.Device, kind device.Kind, digest string) (json.RawMessage, error) {
	c := choice{Digest: digest}
	if kind == device.Fake {
		c.Fake = &fakeChoice{Orders: d.Fake.Orders}
		if d.Fake.Cost != "" {
			costs := plan.Costs{}
			if err := costs.ParseCost(device.Fake.String() + "=" + d.Fake.Cost); err != nil {
				return nil, err
			}
			c.Fake.Curve = costs[device.Fake.String()][plan.AnyModel]
		}
	} else {
		c.Provider = provider(d)
	}
	return json.Marshal(c)
}

// onnxHost opens models in a worker.
type onnxHost struct{}

func (onnxHost) Open(spec worker.Spec, memory worker.Memory) (worker.Hosted, error) {
	o := onnx.Options{
		Schema: spec.Schema, FixedBatch: spec.FixedBatch, External: spec.External,
		Lanes: spec.Lanes, IntraOp: spec.IntraOp, Memory: memory,
	}
	var c choice
	if len(spec.Provider) > 0 {
		d := json.NewDecoder(bytes.NewReader(spec.Provider))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			return nil, fmt.Errorf("cannot read which device to use: %w", err)
		}
	}
	o.Provider, o.Digest = c.Provider, c.Digest
	s, err := onnx.Open(spec.Path, o)
	switch {
	case err != nil:
		return nil, err // not a nil session in an interface that is not nil
	case c.Fake != nil:
		h := newFakeHosted(s, c.Fake)
		if err := h.device.Loads(); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		return h, nil
	}
	return s, nil
}
