package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sluice/backends"
	"sluice/backends/fake"
	"sluice/backends/fleet"
	"sluice/backends/onnx"
	"sluice/batcher"
	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/onnxfile"
	"sluice/internal/onnxgen"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// network takes some milliseconds a row on one core, as a model that deserves a GPU does.
// Inputs and outputs are as wide, so that the fake session can stand in for it.
var network = onnxgen.MLP{Layers: []int{64, 1024, 64}, Repeat: 150, Seed: 1}

const width = 64

// rig is the two devices and a scheduler between them.
type rig struct {
	dir              string
	lanes            int
	gpuSession       *fake.Session
	cpuSession       backends.Session
	gpu, cpu         cost.Curve
	gpuRate, cpuRate float64 // rows per second, all lanes
	input            []byte
}

const (
	gpuName = "gpu"
	cpuName = "cpu"
	// mostOnCPU is the largest batch whose cost there is measured.
	mostOnCPU = 4
	// laneNice is the niceness of the CPU's lanes: the GPU's lane and the arrivals go first.
	laneNice = 10
)

func newRig() (r *rig, err error) {
	r = &rig{lanes: runtime.NumCPU(), input: make([]byte, 4*width)}
	// A run holds its processor inside C.
	runtime.GOMAXPROCS(r.lanes + 3)
	if err := onnx.Init(onnx.Library{Path: os.Getenv("SLUICE_ONNXRUNTIME")}); err != nil {
		return nil, err
	}
	if r.dir, err = os.MkdirTemp("", "sluice-fallback-"); err != nil {
		return nil, fmt.Errorf("cannot make a folder for the model: %w", err)
	}
	if err := network.Write(r.dir, "1"); err != nil {
		return nil, err
	}
	path := filepath.Join(r.dir, "1", "model.onnx")
	file, err := onnxfile.Read(path)
	if err != nil {
		return nil, err
	}
	inferred, err := onnxfile.Infer(file, onnxfile.Rules{MaxBatch: maxBatch})
	if err != nil {
		return nil, err
	}
	if r.cpuSession, err = fleet.OpenOnCPU(fleet.Model{Path: path, Schema: &inferred.Schema, Lanes: r.lanes}); err != nil {
		return nil, err
	}
	r.gpuSession = fake.New(fake.Options{Schema: &inferred.Schema, Curve: table})
	if r.gpu, err = measured(r.gpuSession, 1, cost.Sizes(maxBatch)...); err != nil {
		return nil, err
	}
	if r.cpu, err = measured(r.cpuSession, r.lanes, cost.Sizes(mostOnCPU)...); err != nil {
		return nil, err
	}
	// What arrives while a batch runs waits for its end: on the CPU it may take half of the budget.
	r.gpuRate = r.gpu.RowsPerSecond(r.gpu.Best(maxBatch, 0))
	r.cpuRate = r.cpu.RowsPerSecond(r.cpu.Best(mostOnCPU, budget/2)) * float64(r.lanes)
	return r, nil
}

func (r *rig) close() error {
	return errors.Join(r.gpuSession.Close(), r.cpuSession.Close(), os.RemoveAll(r.dir))
}

// measured is what batches cost with every lane at work, as it is when there is much to do.
func measured(s backends.Session, lanes int, sizes ...int) (c cost.Curve, err error) {
	for _, rows := range sizes {
		p, err := together(s, lanes, rows)
		if err != nil {
			return nil, err
		}
		c = append(c, p)
	}
	return c.Monotone(), nil
}

// together runs batches of a size on all lanes at once.
func together(s backends.Session, lanes, rows int) (cost.Point, error) {
	const runs = 20
	took, faults := make([][]time.Duration, lanes), make([]error, lanes)
	var wg sync.WaitGroup
	for lane := range lanes {
		wg.Go(func() {
			for range runs {
				begin := clock.Now()
				if faults[lane] = s.RunRaw(lane, rows); faults[lane] != nil {
					return
				}
				took[lane] = append(took[lane], clock.Now().Sub(begin))
			}
		})
	}
	wg.Wait()
	if err := errors.Join(faults...); err != nil {
		return cost.Point{}, fmt.Errorf("a run of %d rows failed: %w", rows, err)
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return cost.Point{Rows: rows, P50: all[len(all)/2], P95: all[len(all)*95/100]}, nil
}

// service is a scheduler with the model on it as a policy wants.
type service struct {
	b        *batcher.Batcher
	first    *batcher.Model
	overflow *batcher.Model // of the threshold policy: the model on the CPU alone
}

func (r *rig) start(p sharing) (*service, error) {
	b, err := batcher.Start(batcher.Options{
		Devices:    []policy.DeviceOptions{{Name: gpuName, Lanes: 1}, {Name: cpuName, Lanes: r.lanes}},
		LeadWithin: -1,
		OnLane: func(d policy.DeviceID, _ int) {
			runtime.LockOSThread()
			if d == 1 {
				_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), laneNice)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	gpu := batcher.Placement{Device: gpuName, Runner: r.gpuSession, Curve: r.gpu}
	cpu := batcher.Placement{Device: cpuName, Runner: r.cpuSession, Curve: r.cpu}
	spec := batcher.Spec{Name: "model", MaxBatch: maxBatch, Outputs: 1, Budget: budget, Placements: []batcher.Placement{gpu, cpu}, Fallback: policy.FallbackBudget}
	s := &service{b: b}
	if p != spilling {
		spec.Placements = spec.Placements[:1]
	}
	if s.first, err = b.Add(spec); err != nil {
		return nil, err
	}
	if p == threshold {
		spec.Name, spec.Placements = "overflow", []batcher.Placement{cpu}
		if s.overflow, err = b.Add(spec); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// task makes a request of one row.
func (r *rig) task(w task.Waiter, now clock.Instant) *task.Task {
	t := task.Get()
	t.Rows, t.Wanted, t.Waiter = 1, 1, w
	t.Inputs = append(t.Inputs[:0], tensor.Tensor{Name: "input", Type: tensor.FP32, Shape: []int64{1, width}, Data: r.input})
	t.Arrived, t.Deadline, t.Priority = now, now.Add(budget), task.Normal
	return t
}
