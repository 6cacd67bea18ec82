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
	if r.gpu, err = sweep(r.gpuSession, cost.Sizes(maxBatch)); err != nil {
		return nil, err
	}
	for _, rows := range []int{1, 2, 4} {
		took, err := r.together(rows)
		if err != nil {
			return nil, err
		}
		r.cpu = append(r.cpu, took)
	}
	r.cpu.Monotone()
	r.gpuRate, r.cpuRate = rate(r.gpu, 0, 1), rate(r.cpu, budget/2, r.lanes)
	return r, nil
}

func (r *rig) close() error {
	return errors.Join(r.gpuSession.Close(), r.cpuSession.Close(), os.RemoveAll(r.dir))
}

// sweep measures a session by batch size.
func sweep(s backends.Session, sizes []int) (c cost.Curve, err error) {
	const runs = 15
	for _, rows := range sizes {
		took := make([]time.Duration, runs)
		for i := range took {
			begin := clock.Now()
			if err := s.RunRaw(0, rows); err != nil {
				return nil, fmt.Errorf("a run of %d rows failed: %w", rows, err)
			}
			took[i] = clock.Now().Sub(begin)
		}
		slices.Sort(took)
		c = append(c, cost.Point{Rows: rows, P50: took[runs/2], P95: took[runs-1]})
	}
	return c.Monotone(), nil
}

// rate is the most rows per second of batches that take at most limit (0: any), the shortest
// in any case: what arrives while one runs waits for its end.
func rate(c cost.Curve, limit time.Duration, lanes int) (best float64) {
	for i, p := range c {
		if i == 0 || limit == 0 || p.P50 <= limit {
			best = max(best, float64(p.Rows*lanes)/p.P50.Seconds())
		}
	}
	return best
}

// together measures the CPU with every lane at work, as it is when there is much to spill.
func (r *rig) together(rows int) (cost.Point, error) {
	const runs = 20
	took, faults := make([][]time.Duration, r.lanes), make([]error, r.lanes)
	var wg sync.WaitGroup
	for lane := range r.lanes {
		wg.Go(func() {
			for range runs {
				begin := clock.Now()
				if faults[lane] = r.cpuSession.RunRaw(lane, rows); faults[lane] != nil {
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
