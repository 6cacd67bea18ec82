package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/backends/onnx"
	"sluice/config"
	"sluice/internal/device"
)

const probeName = "device-trial"

// probeTimeout bounds the try of one device: the first session on a GPU loads gigabytes of libraries.
const probeTimeout = 2 * time.Minute

// verdict is what came of trying a device.
type verdict struct {
	Device string `json:"device"`
	// GPU is what the driver calls it; empty if it has no name here.
	GPU string `json:"gpu,omitempty"`
	// Configured is set for the devices of the settings, Chosen for those that a server uses.
	Configured bool `json:"configured"`
	Chosen     bool `json:"chosen"`
	Usable     bool `json:"usable"`
	// Missing are sentences about what an unusable device lacks.
	Missing []string `json:"missing,omitempty"`
	// Error is what came of trying it, of an unusable device.
	Error string `json:"error,omitempty"`

	name device.Name
}

// why is an unusable device's reason in one line.
func (v *verdict) why() string {
	if len(v.Missing) > 0 {
		return strings.Join(v.Missing, "; ")
	}
	return cmp.Or(v.Error, "its probe did not say why")
}

// probeRequest is what the child reads, and probeReply each line that it writes.
type probeRequest struct {
	Library  onnx.Library
	Provider onnx.Provider
}

type probeReply struct {
	Version string   `json:",omitempty"`
	Missing []string `json:",omitempty"`
	Error   string   `json:",omitempty"`
	Done    bool
}

// probeCommand is the child's side: a driver that crashes ends this process alone.
func probeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    probeName,
		Short:  "Try a device, in a process of its own",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var request probeRequest
			if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
				return fmt.Errorf("cannot read which device to try: %w", err)
			}
			reply := json.NewEncoder(os.Stdout)
			answer := func(r probeReply, err error) error {
				if err != nil {
					r.Error = strings.Join(strings.Fields(err.Error()), " ")
				}
				return reply.Encode(r)
			}
			if err := onnx.Init(request.Library); err != nil {
				return answer(probeReply{Done: true}, err)
			}
			// Said before the try, which may not return.
			if err := answer(probeReply{Version: onnx.Version(), Missing: onnx.Missing(request.Provider.Device)}, nil); err != nil {
				return err
			}
			err := answer(probeReply{Done: true}, onnx.Probe(request.Provider))
			if err == nil {
				os.Exit(0) // some drivers crash when a process ends in order
			}
			return err
		},
	}
}

// probeDevice tries a device in a child process. The version is the library's, if the child got as far.
func probeDevice(ctx context.Context, d *config.Device, library string) (v verdict, version string) {
	v = verdict{Device: d.Name}
	var err error
	if v.name, err = device.Parse(d.Name); err != nil {
		v.Error = err.Error()
		return v, ""
	}
	if v.name.Kind == device.Fake {
		v.Usable = true
		return v, ""
	}
	if gpus := onnx.NVIDIA().Models; (v.name.Kind == device.CUDA || v.name.Kind == device.TensorRT) && v.name.Index < len(gpus) {
		v.GPU = gpus[v.name.Index]
	}
	replies, err := runProbe(ctx, d, library)
	done := false
	for _, r := range replies {
		v.Missing, v.Error, done = append(v.Missing, r.Missing...), r.Error, r.Done
		version = orElse(r.Version, version)
	}
	switch {
	case done:
		v.Usable = v.Error == ""
	case err != nil:
		v.Error = err.Error()
	default:
		v.Error = "the process that tried it ended without a word"
	}
	if v.Usable {
		v.Missing = nil // it works all the same
	}
	return v, version
}

// runProbe runs the child. An error is about the child itself: it crashed, or took too long.
func runProbe(ctx context.Context, d *config.Device, library string) ([]probeReply, error) {
	limited, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request := probeRequest{Library: onnx.Library{Path: library, Folders: d.LibraryFolders}, Provider: provider(d)}
	said, complained, err := runChild(limited, probeName, deviceEnv(d.Env), &request)
	var replies []probeReply
	for decoder := json.NewDecoder(bytes.NewReader(said)); ; {
		var r probeReply
		if decoder.Decode(&r) != nil {
			break
		}
		replies = append(replies, r)
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return replies, nil
	case limited.Err() != nil:
		return replies, fmt.Errorf("trying it took longer than %v", probeTimeout)
	case errors.As(err, &exit):
		return replies, fmt.Errorf("trying it crashed the process (%s: %s): reinstall the device's driver, or leave the device out", exit.ProcessState, complained)
	}
	return replies, fmt.Errorf("the process that tries it could not be started: %w", err)
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
