package fleet

import (
	"context"
	"errors"
	"slices"
	"sync"

	"go.uber.org/zap"

	"sluice/backends/worker"
	"sluice/internal/device"
)

// Scheduler is told which devices take work. Its methods may be called from any goroutine, one at a
// time for each device.
type Scheduler interface {
	OpenDevice(name string) error
	CloseDevice(name, reason string) error
}

// Options say which devices there are.
type Options struct {
	// Devices in order of preference; at least one.
	Devices []Settings
	// Library is the path of ONNX Runtime, for the processes of devices.
	Library string
	// CPULanes is how many batches run on the CPU at once.
	CPULanes int
	// Log may be nil.
	Log *zap.Logger

	// try finds out whether a device can run anything at all; nil means as its kind does.
	try func(context.Context, *Settings) Verdict
}

// Fleet is the devices of a server.
type Fleet struct {
	o         Options
	devices   []*Device
	scheduler Scheduler

	cpu struct { // the worker of models on the CPU that want a process of their own
		sync.Mutex
		worker  *worker.Device
		company company
	}
	isolated struct { // what that worker does, apart from its lock, which is held while it starts and ends
		sync.Mutex
		state
	}
	retries sync.WaitGroup
	life    context.Context //nolint:containedctx // the fleet's own life, not a request's
	end     context.CancelFunc
}

// Device is one device of a fleet.
type Device struct {
	Name string
	// Kind is the word of the device's kind.
	Kind string
	// Lanes is how many batches may be on it at once, and Spares how many further ones may, for runs that
	// take far too long.
	Lanes, Spares int

	fleet    *Fleet
	settings Settings
	kind     *kind
	index    int            // of the GPU
	worker   *worker.Device // nil: the device is used in this process

	trial sync.Mutex // held while the device is tried
	mu    struct {
		sync.Mutex
		state
		told    string // what the scheduler knows: why the device is down; empty that it is up
		telling bool
	}
}

// maxSpares bounds the spare lanes of the CPU: each has a thread that sleeps.
const maxSpares = 8

// New makes a fleet, of which no process runs yet.
func New(o Options) (*Fleet, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	f := &Fleet{o: o, scheduler: Nobody{}}
	f.life, f.end = context.WithCancel(context.Background())
	if f.o.try == nil {
		f.o.try = func(ctx context.Context, s *Settings) Verdict {
			v, _ := Try(ctx, s, o.Library)
			return v
		}
	}
	for _, s := range o.Devices {
		name, err := ParseName(s.Name)
		if err != nil {
			return nil, err
		}
		k, _ := kindOf(name.Kind.String())
		d := &Device{Name: s.Name, Kind: name.Kind.String(), fleet: f, settings: s, kind: k, index: name.Index}
		d.Lanes = firstOf(s.Lanes, k.lanes, o.CPULanes)
		if d.OnCPU() {
			d.Spares = min(d.Lanes+1, maxSpares) // every lane's run may hang, and then one of another model
		}
		f.devices = append(f.devices, d)
	}
	return f, nil
}

// Nobody schedules nothing.
type Nobody struct{}

// OpenDevice does nothing.
func (Nobody) OpenDevice(string) error { return nil }

// CloseDevice does nothing.
func (Nobody) CloseDevice(string, string) error { return nil }

// firstOf is the first number that is set.
func firstOf(numbers ...int) int {
	for _, n := range numbers {
		if n > 0 {
			return n
		}
	}
	return 1
}

// Devices are all of them, in order of preference. The caller must not change the list.
func (f *Fleet) Devices() []*Device { return f.devices }

// Names are the devices' names.
func (f *Fleet) Names() (all []string) {
	for _, d := range f.devices {
		all = append(all, d.Name)
	}
	return all
}

// Find returns the device of that name; nil if there is none.
func (f *Fleet) Find(name string) *Device {
	i := slices.IndexFunc(f.devices, func(d *Device) bool { return d.Name == name })
	if i < 0 {
		return nil
	}
	return f.devices[i]
}

// Workers is how many devices have a worker process.
func (f *Fleet) Workers() (n int) {
	for _, d := range f.devices {
		if d.worker != nil {
			n++
		}
	}
	return n
}

// OnCPU reports whether the device is the machine's own processor.
func (d *Device) OnCPU() bool { return d.kind.name == device.CPU }

// Staged reports whether the device runs one batch while the next is filled.
func (d *Device) Staged() bool { return !d.OnCPU() && d.Lanes == gpuLanes }

// OnGPU reports whether the device is on the GPU of that number, as NVIDIA's tools count.
func (d *Device) OnGPU(number int) bool { return d.kind.name.Counted() && d.index == number }

// Compiled reports whether sessions run at few batch sizes, since the device compiles for each.
func (d *Device) Compiled() bool { return d.kind.compiled }

// HasWorker reports whether the device is used in a process of its own.
func (d *Device) HasWorker() bool {
	if d.settings.Isolation != "" {
		return d.settings.Isolation == "process"
	}
	return d.kind.worker
}

// Start starts the workers and tells a scheduler from then on which devices take work. Those with a
// worker do when that is up. After an error the fleet must be closed.
func (f *Fleet) Start(scheduler Scheduler) error {
	f.scheduler = scheduler
	for _, d := range f.devices {
		if !d.HasWorker() {
			continue
		}
		atOnce := 1
		if d.OnCPU() {
			atOnce = d.Lanes + d.Spares
		}
		d.change(func(s *state) { s.leave(worker.Starting, "") })
		w, err := f.startWorker(&d.settings, d.kind, atOnce, func(to worker.State, reason string) {
			d.change(func(s *state) { s.leave(to, reason) })
		})
		if err != nil {
			return err
		}
		d.worker = w
	}
	return nil
}

func (f *Fleet) startWorker(s *Settings, k *kind, lanes int, onState func(worker.State, string)) (*worker.Device, error) {
	command := workerProcess(f.o.Library, s)
	return worker.Start(worker.Options{Name: s.Name, Command: command, Lanes: lanes, Serial: k.serial, OnState: onState, Log: f.o.Log})
}

// cpuWorker starts the worker of models on the CPU when it is first needed.
func (f *Fleet) cpuWorker(d *Device) (w *worker.Device, err error) {
	f.cpu.Lock()
	defer f.cpu.Unlock()
	if f.cpu.worker == nil {
		own := Settings{Name: d.Name}
		f.cpu.worker, err = f.startWorker(&own, d.kind, d.Lanes+d.Spares, func(to worker.State, reason string) {
			f.isolated.Lock()
			defer f.isolated.Unlock()
			f.isolated.leave(to, reason)
		})
	}
	return f.cpu.worker, err
}

// isolatedWorker is the worker of models on the CPU that want a process of their own, nil while there is
// none.
func (f *Fleet) isolatedWorker() *worker.Device {
	f.cpu.Lock()
	defer f.cpu.Unlock()
	return f.cpu.worker
}

// Wait returns when every worker is up or has failed, or with ctx. A device that comes later is told
// to the scheduler like any change.
func (f *Fleet) Wait(ctx context.Context) {
	for _, d := range f.devices {
		if d.worker != nil {
			_ = d.worker.Wait(ctx)
		}
	}
}

// Close ends the workers, and what tries devices again. Sessions must be closed before.
func (f *Fleet) Close(ctx context.Context) error {
	f.end()
	f.retries.Wait()
	var faults []error
	for _, d := range f.devices {
		if d.worker != nil {
			faults = append(faults, d.worker.Close(ctx))
		}
	}
	f.cpu.Lock()
	defer f.cpu.Unlock()
	if f.cpu.worker != nil {
		faults = append(faults, f.cpu.worker.Close(ctx))
	}
	return errors.Join(faults...)
}
