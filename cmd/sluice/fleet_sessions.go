package main

import (
	"context"
	"slices"

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
	return apart{session}, nil
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
		f.cpu.worker, err = f.startWorker(&d, device.CPU, f.stations[i].lanes+f.stations[i].spares, func(worker.State, string) {})
	}
	return f.cpu.worker, err
}

// apart is a session in the CPU's worker. That its process has ended says nothing of the CPU,
// on which other models run, so it is the model that fails.
type apart struct{ *worker.Session }

// A lane of it rests as one of any other worker does: its memory would be the ended process's.
var _ interface{ Rest(lane int) } = apart{}

// Run is task.Runner's Run.
func (a apart) Run(lane int, parts []task.Part, limit clock.Instant) (task.Timing, error) {
	t, err := a.Session.Run(lane, parts, limit)
	if failed, _ := task.DeviceFailed(err); failed {
		err = fault.Newf(fault.InferenceFailed, "the process that runs the model failed")
	}
	return t, err
}
