package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"sluice/backends/nvml"
	"sluice/backends/onnx"
	"sluice/backends/worker"
	"sluice/internal/device"
)

// inspectTimeout bounds an inspection.
const inspectTimeout = 3 * time.Minute

// inspectRequest is what the child reads; it writes what the session takes.
type inspectRequest struct {
	Library onnx.Library
	Spec    worker.Spec
	Rows    int // of the batch that each lane runs
}

// Taken is what a session takes.
type Taken struct {
	// Nodes counts the model's nodes by provider and operator.
	Nodes map[string]map[string]int
	// Memory is of the process, in bytes that belong to no file.
	Memory int64
	// DeviceMemory is of the GPU that the session is on; 0 where it has none or NVML does not tell.
	DeviceMemory int64
}

// Inspect finds which nodes of a model run where on a device, and how much memory its session takes
// with a batch of so many rows on each lane, in a process of its own: nothing else allocates there
// meanwhile.
func (f *Fleet) Inspect(ctx context.Context, name string, m Model, rows int) (*Taken, error) {
	d := f.Find(name)
	if d == nil {
		return nil, fmt.Errorf("there is no device %s", name)
	}
	spec, err := m.spec(&d.settings)
	if err != nil {
		return nil, err
	}
	request := inspectRequest{Library: onnx.Library{Path: f.o.Library, Folders: d.settings.LibraryFolders}, Spec: spec, Rows: rows}
	return runInspect(ctx, &request, d.settings.Env)
}

func runInspect(ctx context.Context, request *inspectRequest, env map[string]string) (*Taken, error) {
	limited, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	said, complained, err := runChild(limited, inspectName, deviceEnv(env), request)
	if err != nil {
		if limited.Err() != nil {
			return nil, fmt.Errorf("it took longer than %v", inspectTimeout)
		}
		return nil, fmt.Errorf("%w: %s", err, complained)
	}
	var taken Taken
	return &taken, json.Unmarshal(said, &taken)
}

// inspectChild is the child's side.
func inspectChild([]string) error {
	var request inspectRequest
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		return fmt.Errorf("cannot read which session to open: %w", err)
	}
	taken, err := inspectSession(&request)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(taken)
}

func inspectSession(request *inspectRequest) (*Taken, error) {
	if err := onnx.Init(request.Library); err != nil {
		return nil, err
	}
	var about hosted
	if err := json.Unmarshal(request.Spec.Provider, &about); err != nil {
		return nil, err
	}
	before, err := resident()
	if err != nil {
		return nil, err
	}
	on := about.Settings.provider()
	usedBefore, _ := gpuMemory(on.Device)
	spec := &request.Spec
	s, err := onnx.Open(spec.Path, onnx.Options{
		Schema: spec.Schema, FixedBatch: spec.FixedBatch, External: spec.External, Lanes: spec.Lanes, IntraOp: spec.IntraOp,
		Provider: on, Digest: about.Digest, RecordNodes: true,
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
	taken := &Taken{Memory: max(after-before, 0)}
	if used, known := gpuMemory(on.Device); known {
		taken.DeviceMemory = max(used-usedBefore, 0)
	}
	// Providers that compile whole graphs may not tell: memory is worth telling without nodes.
	if taken.Nodes, err = s.Nodes(); err != nil && on.Device.Kind == device.CPU {
		return nil, err
	}
	return taken, nil
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
