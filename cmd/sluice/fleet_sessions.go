package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"sluice/backends/onnx"
	"sluice/backends/worker"
	"sluice/config"
	"sluice/internal/clock"
	"sluice/internal/device"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// models are the devices as the registry takes them.
func (f *fleet) models() (all []gates.Device) {
	for _, s := range f.stations {
		d := gates.Device{Name: s.device.Name, Lanes: s.lanes, Spares: s.spares, Open: f.tell(s, s.opener(f))}
		if s.kind.GPU() {
			d.Sizes = func(maxBatch int) []int { return device.Sizes(s.kind, maxBatch, 0) }
		}
		if s.worker != nil || s.kind != device.CPU {
			d.Usable = func() error { return f.usable(s.device.Name) }
		}
		all = append(all, d)
	}
	return all
}

// opener is how a device loads a bundle.
func (s *station) opener(f *fleet) func(context.Context, *bundle.Bundle) (bundle.Session, error) {
	switch {
	case s.worker != nil:
		return func(ctx context.Context, b *bundle.Bundle) (bundle.Session, error) { return s.openInWorker(ctx, b) }
	case s.kind == device.CPU:
		return f.openOnCPU
	}
	return func(_ context.Context, b *bundle.Bundle) (bundle.Session, error) {
		o := sessionOptions(b)
		o.Provider, o.Digest = provider(&s.device), b.Digest
		return onnx.Open(b.OpenPath(), o)
	}
}

func sessionOptions(b *bundle.Bundle) onnx.Options {
	return onnx.Options{Schema: b.Schema, FixedBatch: b.FixedBatch, Lanes: b.Lanes, External: b.External}
}

// openSession loads a bundle on the CPU in this process.
func openSession(_ context.Context, b *bundle.Bundle) (bundle.Session, error) {
	s, err := onnx.Open(b.OpenPath(), sessionOptions(b))
	if err != nil {
		return nil, err // not a nil session in an interface that is not nil
	}
	return s, nil
}

func (s *station) openInWorker(ctx context.Context, b *bundle.Bundle) (bundle.Session, error) {
	spec, err := workerSpec(b, b.Lanes, &s.device)
	if err != nil {
		return nil, err
	}
	session, err := s.worker.Open(ctx, spec)
	if err != nil {
		return nil, err
	}
	return session, nil
}

// openOnCPU loads a bundle in this process, or in the CPU's worker if the model wants that.
func (f *fleet) openOnCPU(ctx context.Context, b *bundle.Bundle) (bundle.Session, error) {
	if b.Config.Isolation != bundle.IsolationProcess {
		return openSession(ctx, b)
	}
	w, err := f.cpuWorker()
	if err != nil {
		return nil, err
	}
	cpu := config.DefaultDevice(deviceCPU)
	spec, err := workerSpec(b, b.Lanes, &cpu)
	if err != nil {
		return nil, err
	}
	session, err := w.Open(ctx, spec)
	if err != nil {
		return nil, err
	}
	return apart{session, &f.cpu.company}, nil
}

// remote reports whether sessions on a device are in a worker process, for models with an isolation.
func (f *fleet) remote(name string, i bundle.Isolation) bool {
	return slices.ContainsFunc(f.stations, func(s *station) bool {
		return s.device.Name == name && (s.worker != nil || s.kind == device.CPU && i == bundle.IsolationProcess)
	})
}

// cpuWorker starts the CPU's worker when it is first needed.
func (f *fleet) cpuWorker() (w *worker.Device, err error) {
	f.cpu.Lock()
	defer f.cpu.Unlock()
	if f.cpu.worker == nil {
		d := config.DefaultDevice(deviceCPU)
		i := slices.IndexFunc(f.stations, func(s *station) bool { return s.kind == device.CPU })
		f.cpu.worker, err = f.startWorker(&d, device.CPU, f.stations[i].lanes+f.stations[i].spares, func(state worker.State, reason string) {
			if state == worker.Up {
				f.setUp(isolatedModels)
			} else {
				f.setDown(isolatedModels, fmt.Sprintf("its worker is %v: %s", state, reason))
			}
		})
	}
	return f.cpu.worker, err
}

// isolatedModels is what readiness calls the CPU's worker.
const isolatedModels = "cpu for models with isolation: process"

// apart is a session in the CPU's worker. That its process has ended says nothing of the CPU,
// on which other models run, so it is the model that fails.
type apart struct {
	*worker.Session
	company *company
}

// company counts the runs in the CPU's worker, of all its models. A run that was the only one is to blame
// for the end of the process; if there were several nobody knows which was.
type company struct{ running, begun atomic.Int64 }

// A lane of it rests as one of any other worker does: its memory would be the ended process's.
var _ interface{ Rest(lane int) } = apart{}

// Run is task.Runner's Run.
func (a apart) Run(lane int, parts []task.Part, limit clock.Instant) (task.Timing, error) {
	number, alone := a.company.begun.Add(1), a.company.running.Add(1) == 1
	t, err := a.Session.Run(lane, parts, limit)
	a.company.running.Add(-1)
	if failed, _ := task.DeviceFailed(err); failed {
		f := *fault.Of(err)
		f.Cause = errors.New(f.Error()) // the device is not to blame
		switch {
		case f.Kind == fault.NoCapacity:
		case alone && number == a.company.begun.Load():
			f.Text = "the process that runs the model failed"
		default:
			f.Kind, f.RetryAfter = fault.NoCapacity, time.Second
			f.Text = "the process that runs the model failed while it ran several requests"
		}
		err = &f
	}
	return t, err
}
