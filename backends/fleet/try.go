package fleet

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sluice/backends/onnx"
	"sluice/backends/onnx/provider"
	"sluice/internal/device"
)

// tryTimeout bounds the try of one device: the first session on a GPU loads gigabytes of libraries.
const tryTimeout = 2 * time.Minute

// Verdict is what came of trying a device.
type Verdict struct {
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
}

// Why is an unusable device's reason in one line.
func (v *Verdict) Why() string {
	if len(v.Missing) > 0 {
		return strings.Join(v.Missing, "; ")
	}
	return cmp.Or(v.Error, "its trial did not say why")
}

// tryFunc tries a device of a kind. The version is the library's, if it was loaded.
type tryFunc func(ctx context.Context, s *Settings, library string) (v Verdict, version string)

// Try tries a device in a child process: it opens a small model on it, runs it and compares with
// the CPU. The version is the library's, if the child got as far.
func Try(ctx context.Context, s *Settings, library string) (v Verdict, version string) {
	name, err := ParseName(s.Name)
	if err != nil {
		return Verdict{Device: s.Name, Error: err.Error()}, ""
	}
	k, _ := kindOf(name.Kind.String())
	return k.try(ctx, s, library)
}

// tryNothing is for a device that lacks nothing.
func tryNothing(_ context.Context, s *Settings, _ string) (Verdict, string) {
	return Verdict{Device: s.Name, Usable: true}, ""
}

// tryRequest is what the child reads, and tryReply each line that it writes.
type tryRequest struct {
	Library  onnx.Library
	Provider provider.Provider
}

type tryReply struct {
	Version string   `json:",omitempty"`
	Missing []string `json:",omitempty"`
	Error   string   `json:",omitempty"`
	Done    bool
}

// tryChild is the child's side.
func tryChild([]string) error {
	var request tryRequest
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		return fmt.Errorf("cannot read which device to try: %w", err)
	}
	reply := json.NewEncoder(os.Stdout)
	answer := func(r tryReply, err error) error {
		if err != nil {
			r.Error = strings.Join(strings.Fields(err.Error()), " ")
		}
		return reply.Encode(r)
	}
	if err := onnx.Init(request.Library); err != nil {
		return answer(tryReply{Done: true}, err)
	}
	// Said before the try, which may not return.
	if err := answer(tryReply{Version: onnx.Version(), Missing: onnx.Missing(request.Provider.Device)}, nil); err != nil {
		return err
	}
	return answer(tryReply{Done: true}, onnx.Probe(request.Provider))
}

// tryONNX tries one of ONNX Runtime's devices.
func tryONNX(ctx context.Context, s *Settings, library string) (v Verdict, version string) {
	v = Verdict{Device: s.Name}
	name := s.provider().Device
	if gpus := provider.NVIDIA().Models; (name.Kind == device.CUDA || name.Kind == device.TensorRT) && name.Index < len(gpus) {
		v.GPU = gpus[name.Index]
	}
	replies, err := runTry(ctx, s, library)
	done := false
	for _, r := range replies {
		v.Missing, v.Error, done = append(v.Missing, r.Missing...), r.Error, r.Done
		version = cmp.Or(r.Version, version)
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

// runTry runs the child. An error is about the child itself: it crashed, or took too long.
func runTry(ctx context.Context, s *Settings, library string) ([]tryReply, error) {
	limited, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	request := tryRequest{Library: onnx.Library{Path: library, Folders: s.LibraryFolders}, Provider: s.provider()}
	said, complained, err := runChild(limited, tryName, deviceEnv(s.Env), &request)
	var replies []tryReply
	for decoder := json.NewDecoder(bytes.NewReader(said)); ; {
		var r tryReply
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
		return replies, fmt.Errorf("trying it took longer than %v", tryTimeout)
	case errors.As(err, &exit):
		return replies, fmt.Errorf("trying it crashed the process (%s: %s): reinstall the device's driver, or leave the device out", exit.ProcessState, complained)
	}
	return replies, fmt.Errorf("the process that tries it could not be started: %w", err)
}

// HasGPU reports whether the machine shows a GPU: one of NVIDIA's, or a node for rendering.
func HasGPU() bool {
	nodes, _ := filepath.Glob("/dev/dri/renderD*")
	_, err := os.Stat("/dev/dxg")
	return len(provider.NVIDIA().Models) > 0 || len(nodes) > 0 || err == nil
}
