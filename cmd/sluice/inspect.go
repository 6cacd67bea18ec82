package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/backends/nvml"
	"sluice/backends/onnx"
	"sluice/backends/worker"
	"sluice/internal/device"
	"sluice/models/bundle"
	"sluice/models/gates"
)

const inspectName = "session-trial"

// Bounds of an inspection: of the child, and of a run in it, by the cost table.
const (
	inspectTimeout = 3 * time.Minute
	inspectRun     = 2 * time.Second
)

// inspectRequest is what the child reads, and inspectReply what it writes.
type inspectRequest struct {
	Library onnx.Library
	Spec    worker.Spec
	Rows    int // of the batch that each lane runs
}

type inspectReply struct {
	Nodes  map[string]map[string]int
	Memory int64
	// DeviceMemory is of the GPU that the session is on; 0 where it has none or NVML does not tell.
	DeviceMemory int64
}

// inspect finds which nodes of a model run where on a device, and how much memory its session
// takes, in a process of its own: nothing else allocates there meanwhile.
func (f *fleet) inspect(ctx context.Context, b *bundle.Bundle, d *gates.DeviceReport) error {
	at := slices.IndexFunc(f.stations, func(s *station) bool { return s.device.Name == d.Device })
	if at < 0 {
		return fmt.Errorf("there is no device %s", d.Device)
	}
	s := f.stations[at]
	spec, err := workerSpec(b, max(d.Lanes, 1), &s.device)
	if err != nil {
		return err
	}
	rows := max(b.Schema.MaxBatch, 1)
	for rows > 1 && d.Curve.At(rows) > inspectRun {
		rows /= 2
	}
	request := inspectRequest{Library: onnx.Library{Path: f.library, Folders: s.device.LibraryFolders}, Spec: spec, Rows: rows}
	reply, err := runInspect(ctx, &request, s.device.Env)
	if err != nil {
		return err
	}
	d.Memory, d.DeviceMemory = reply.Memory, reply.DeviceMemory
	for provider, operators := range reply.Nodes {
		n := gates.NodesReport{Provider: provider, Operators: operators}
		for _, count := range operators {
			n.Count += count
		}
		d.Nodes = append(d.Nodes, n)
	}
	// The device's own first: the CPU's are what was left over.
	slices.SortFunc(d.Nodes, func(a, b gates.NodesReport) int {
		if onCPU := strings.HasPrefix(a.Provider, "CPU"); onCPU != strings.HasPrefix(b.Provider, "CPU") {
			if onCPU {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.Provider, b.Provider)
	})
	return nil
}

func runInspect(ctx context.Context, request *inspectRequest, env map[string]string) (*inspectReply, error) {
	limited, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	said, complained, err := runChild(limited, inspectName, deviceEnv(env), request)
	if err != nil {
		if limited.Err() != nil {
			return nil, fmt.Errorf("it took longer than %v", inspectTimeout)
		}
		return nil, fmt.Errorf("%w: %s", err, complained)
	}
	var reply inspectReply
	return &reply, json.Unmarshal(said, &reply)
}

// inspectCommand is the child's side.
func inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:    inspectName,
		Short:  "Open a session and tell what it takes, in a process of its own",
		Hidden: true,
		Args:   exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			var request inspectRequest
			if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
				return fmt.Errorf("cannot read which session to open: %w", err)
			}
			reply, err := inspectSession(&request)
			if err != nil {
				return err
			}
			if err := json.NewEncoder(os.Stdout).Encode(reply); err != nil {
				return err
			}
			os.Exit(0) // some drivers crash when a process ends in order
			return nil
		},
	}
}

func inspectSession(request *inspectRequest) (*inspectReply, error) {
	if err := onnx.Init(request.Library); err != nil {
		return nil, err
	}
	var c choice
	if err := json.Unmarshal(request.Spec.Provider, &c); err != nil {
		return nil, err
	}
	before, err := resident()
	if err != nil {
		return nil, err
	}
	usedBefore, _ := gpuMemory(c.Provider.Device)
	spec := &request.Spec
	s, err := onnx.Open(spec.Path, onnx.Options{
		Schema: spec.Schema, FixedBatch: spec.FixedBatch, External: spec.External, Lanes: spec.Lanes, IntraOp: spec.IntraOp,
		Provider: c.Provider, Digest: c.Digest, RecordNodes: true,
	})
	if err != nil {
		return nil, err
	}
	for lane := range spec.Lanes {
		if s.RunRaw(lane, request.Rows) != nil {
			break // a model need not take zeros: its memory is then told without a batch
		}
	}
	after, err := resident()
	if err != nil {
		return nil, err
	}
	reply := &inspectReply{Memory: max(after-before, 0)}
	if used, known := gpuMemory(c.Provider.Device); known {
		reply.DeviceMemory = max(used-usedBefore, 0)
	}
	// Providers that compile whole graphs may not tell: memory is worth telling without nodes.
	if reply.Nodes, err = s.Nodes(); err != nil && c.Provider.Device.Kind == device.CPU {
		return nil, err
	}
	return reply, nil
}

// gpuMemory is what is in use on an NVIDIA GPU, by all processes.
func gpuMemory(name device.Name) (used int64, known bool) {
	if name.Kind != device.CUDA && name.Kind != device.TensorRT {
		return 0, false
	}
	m, err := nvml.Open(nvml.Options{})
	if err != nil {
		return 0, false
	}
	defer m.Close() //nolint:errcheck // what was read stands
	gpus := m.Sample().GPUs
	if name.Index >= len(gpus) || !gpus[name.Index].MemoryUsed.Known {
		return 0, false
	}
	return int64(gpus[name.Index].MemoryUsed.Value), true
}

// resident is the memory of this process that belongs to no file.
func resident() (int64, error) {
	debug.FreeOSMemory() // what was read to open a file is not the session's
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("the system does not tell what this process takes")
}
