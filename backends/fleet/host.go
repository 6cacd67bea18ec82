package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"sluice/backends/onnx"
	"sluice/backends/worker"
	"sluice/internal/device"
)

// workerProcess makes the command of a device's child: this program, whose main calls Child, with the
// gateway's environment and the device's own.
func workerProcess(library string, s *Settings) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command(ownBinary, workerName, "--onnxruntime-library", library)
		for _, folder := range s.LibraryFolders {
			cmd.Args = append(cmd.Args, "--library-folder", folder)
		}
		cmd.Env = deviceEnv(s.Env)
		return cmd
	}
}

// hosted is what a worker has to know of a device to open a model on it; the gateway writes it, its
// worker reads it.
type hosted struct {
	Settings Settings `json:"settings"`
	Digest   string   `json:"digest"`
}

// spec says what a worker has to know to open a model.
func (m *Model) spec(s *Settings) (worker.Spec, error) {
	name, err := ParseName(s.Name)
	if err != nil {
		return worker.Spec{}, err
	}
	about, err := json.Marshal(hosted{Settings: *s, Digest: m.Digest})
	k, _ := kindOf(name.Kind.String())
	return worker.Spec{
		Path: m.Path, Schema: m.Schema, FixedBatch: m.FixedBatch, External: m.External, Lanes: m.Lanes,
		Sizes: k.sizes(m.Schema.MaxBatch, m.FixedBatch), Provider: about,
	}, err
}

// sizes are the batch sizes that sessions run at; nil means any.
func (k *kind) sizes(maxBatch, fixedBatch int) []int {
	return device.Sizes(k.compiled, maxBatch, fixedBatch)
}

// Sizes are the batch sizes that sessions of the device run at, see device.Sizes.
func (d *Device) Sizes(maxBatch int) []int { return d.kind.sizes(maxBatch, 0) }

// serveWorker is the child's side of a device.
func serveWorker(ctx context.Context, library onnx.Library) error {
	conn := os.NewFile(worker.Descriptor, "gateway")
	if info, err := conn.Stat(); err != nil || info.Mode()&os.ModeSocket == 0 {
		return errors.New("sluice worker is started by the gateway and is of no use by itself")
	}
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(firstToEnd), 0) // where that is not possible the size decides
	if err := onnx.Init(library); err != nil {
		return err
	}
	return worker.Serve(ctx, conn, host{})
}

// firstToEnd has the system end a worker before the gateway when memory runs short: it is started again.
const firstToEnd = "500"

// host opens models in a worker.
type host struct{}

func (host) Open(spec worker.Spec, memory worker.Memory) (worker.Hosted, error) {
	o := onnx.Options{
		Schema: spec.Schema, FixedBatch: spec.FixedBatch, External: spec.External,
		Lanes: spec.Lanes, IntraOp: spec.IntraOp, Memory: memory,
	}
	about := hosted{Settings: Settings{Name: device.CPU.String()}}
	if len(spec.Provider) > 0 {
		d := json.NewDecoder(bytes.NewReader(spec.Provider))
		d.DisallowUnknownFields()
		if err := d.Decode(&about); err != nil {
			return nil, fmt.Errorf("cannot read which device to use: %w", err)
		}
	}
	name, err := ParseName(about.Settings.Name)
	if err != nil {
		return nil, err
	}
	o.Provider, o.Digest = about.Settings.provider(), about.Digest
	k, _ := kindOf(name.Kind.String())
	return k.host(spec.Path, o, &about.Settings)
}

// hostONNX loads a model into ONNX Runtime in a worker.
func hostONNX(path string, o onnx.Options, _ *Settings) (worker.Hosted, error) {
	s, err := onnx.Open(path, o)
	if err != nil {
		return nil, err // not a nil session in an interface that is not nil
	}
	return s, nil
}
