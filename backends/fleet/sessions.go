package fleet

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sluice/backends"
	"sluice/backends/onnx"
	"sluice/backends/onnx/provider"
	"sluice/backends/worker"
	"sluice/internal/clock"
	"sluice/internal/device"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Model is a model file as a device opens it.
type Model struct {
	Path   string
	Digest string
	Schema *tensor.Schema
	// FixedBatch is the batch size that the file fixes; 0 if it is free.
	FixedBatch int
	// External is set when weights lie in files beside the model.
	External bool
	// Lanes is how many batches may run at once.
	Lanes int
	// Apart has the CPU open it in a process of its own.
	Apart bool
}

// Open loads a model on the device. Whoever opened the session closes it.
func (d *Device) Open(ctx context.Context, m Model) (backends.Session, error) {
	if d.OnCPU() { // its sessions tell nothing of it: it is always there
		return d.open(ctx, m)
	}
	session, err := d.open(ctx, m)
	if err != nil {
		return nil, d.cannotOpen(ctx, err)
	}
	d.opened()
	return d.counted(session), nil
}

func (d *Device) open(ctx context.Context, m Model) (backends.Session, error) {
	switch {
	case d.worker != nil:
		return openInWorker(ctx, d.worker, &m, &d.settings)
	case d.OnCPU() && m.Apart:
		w, err := d.fleet.cpuWorker(d)
		if err != nil {
			return nil, err
		}
		session, err := openInWorker(ctx, w, &m, &Settings{Name: d.Name})
		if err != nil {
			return nil, err
		}
		return apart{session.(*worker.Session), &d.fleet.cpu.company}, nil
	case d.OnCPU():
		return OpenOnCPU(m)
	}
	o := sessionOptions(&m)
	o.Provider, o.Digest = d.settings.provider(), m.Digest
	return d.kind.open(m.Path, o)
}

// Remote reports whether sessions of the device are in a worker process; apart is Model.Apart.
func (d *Device) Remote(apart bool) bool { return d.HasWorker() || d.OnCPU() && apart }

func openInWorker(ctx context.Context, w *worker.Device, m *Model, s *Settings) (backends.Session, error) {
	spec, err := m.spec(s)
	if err != nil {
		return nil, err
	}
	session, err := w.Open(ctx, spec)
	if err != nil {
		return nil, err // not a nil session in an interface that is not nil
	}
	return session, nil
}

// OpenOnCPU loads a model on the CPU in this process.
func OpenOnCPU(m Model) (backends.Session, error) { return openONNX(m.Path, sessionOptions(&m)) }

func sessionOptions(m *Model) onnx.Options {
	return onnx.Options{Schema: m.Schema, FixedBatch: m.FixedBatch, Lanes: m.Lanes, External: m.External}
}

// openONNX loads a model into ONNX Runtime in this process.
func openONNX(path string, o onnx.Options) (backends.Session, error) {
	s, err := onnx.Open(path, o)
	if err != nil {
		return nil, err // not a nil session in an interface that is not nil
	}
	return s, nil
}

// checkONNX finds what no library could make good.
func checkONNX(s *Settings) error {
	p := s.provider()
	return p.Check()
}

// provider is what ONNX Runtime runs a device's sessions on: the CPU for the fake device.
func (s *Settings) provider() provider.Provider {
	p := s.Provider
	var name device.Name
	if err := name.UnmarshalText([]byte(s.Name)); err == nil && name.Kind != device.Fake {
		p.Device = name
	}
	return p
}

// countedSession is a session that its device counts.
type countedSession struct {
	backends.Session
	once   sync.Once
	closed func()
}

// Close counts the session out, once.
func (c *countedSession) Close() error {
	c.once.Do(c.closed)
	return c.Session.Close()
}

// resting is a session whose lanes can let go of what they hold; the registry asks for that.
type resting interface{ Rest(lane int) }

type countedRestingSession struct {
	*countedSession
	resting
}

// counted wraps a session so that the device knows how many are open.
func (d *Device) counted(session backends.Session) backends.Session {
	c := &countedSession{Session: session, closed: func() { d.change(func(s *state) { s.open-- }) }}
	if r, may := session.(resting); may {
		return countedRestingSession{c, r}
	}
	return c
}

// apart is a session in the CPU's worker. That its process has ended says nothing of the CPU,
// on which other models run, so it is the model that fails.
type apart struct {
	*worker.Session
	company *company
}

// company counts the runs in the CPU's worker, of all its models. A run that was the only one, of a single request, is to blame
// for the end of the process; if there were several nobody knows which was.
type company struct{ running, begun atomic.Int64 }

// A lane of it rests as one of any other worker does: its memory would be the ended process's.
var _ resting = apart{}

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
		case alone && len(parts) == 1 && number == a.company.begun.Load():
			f.Text = "the process that runs the model failed"
		default:
			f.Kind, f.RetryAfter = fault.NoCapacity, time.Second
			f.Text = "the process that runs the model failed while it ran several requests"
		}
		err = &f
	}
	return t, err
}
