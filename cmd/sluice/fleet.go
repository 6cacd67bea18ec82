package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/backends/worker"
	"sluice/batcher/policy"
	"sluice/config"
	"sluice/internal/device"
	"sluice/internal/fault"
)

// fleet is the server's devices. One in a process of its own has a worker; the CPU has none
// until a model asks for it.
type fleet struct {
	cfg      *config.Config
	library  string
	log      *zap.Logger
	stations []*station

	cpu struct { // the worker of models on the CPU with isolation: process
		sync.Mutex
		worker  *worker.Device
		company company
	}
	mu struct {
		sync.Mutex
		down map[string]string // devices that take no work, and why
	}
	// onUp and onDown are told of a worker that serves or has ended. They are set before the
	// workers start.
	onUp   func(name string)
	onDown func(name, reason string)

	// try finds out whether a device can run anything at all.
	try        func(context.Context, *config.Device) verdict
	retryFirst time.Duration
	retries    sync.WaitGroup
	life       context.Context //nolint:containedctx // the fleet's own life, not a request's
	end        context.CancelFunc
}

// station is one device.
type station struct {
	device config.Device
	kind   device.Kind
	number int // of the GPU
	lanes  int
	spares int            // further ones, for runs that take far too long
	worker *worker.Device // nil: the device is used in this process

	condition condition
}

// stage is how long before the end of a batch on a GPU the next one is sealed and gathered.
const stage = time.Millisecond

// maxSpares bounds the spare lanes of the CPU: each has a thread that sleeps.
const maxSpares = 8

// newFleet chooses the devices. Without settings these are the GPUs that work, and the CPU.
func newFleet(ctx context.Context, cfg *config.Config, library string, lanes int, log *zap.Logger) (*fleet, error) {
	devices := cfg.Devices
	if len(devices) == 0 && hasGPU() {
		inv, err := takeInventory(ctx, cfg)
		if err != nil {
			return nil, err
		}
		devices = inv.used
	}
	if len(devices) == 0 {
		devices = []config.Device{config.DefaultDevice(deviceCPU)}
	}
	f := &fleet{cfg: cfg, library: library, log: log, onUp: func(string) {}, onDown: func(string, string) {}}
	f.mu.down = map[string]string{}
	f.try, f.retryFirst = f.tryDevice, retryFirst
	f.life, f.end = context.WithCancel(context.WithoutCancel(ctx))
	for _, d := range devices {
		name, err := device.Parse(d.Name)
		if err != nil {
			return nil, err
		}
		s := &station{device: d, kind: name.Kind, number: name.Index, lanes: deviceLanes(&d, lanes)}
		if s.kind == device.Fake && d.Lanes == 0 {
			s.lanes = gpuLanes
		}
		if s.kind == device.CPU {
			s.spares = min(s.lanes+1, maxSpares) // every lane's run may hang, and then one of another model
		}
		f.stations = append(f.stations, s)
	}
	return f, nil
}

func (f *fleet) names() (all []string) {
	for _, s := range f.stations {
		all = append(all, s.device.Name)
	}
	return all
}

// options are the devices as the scheduler takes them.
func (f *fleet) options() (all []policy.DeviceOptions) {
	for _, s := range f.stations {
		o := policy.DeviceOptions{Name: s.device.Name, Kind: s.kind.String(), Lanes: s.lanes, Spares: s.spares, Gap: batchOverhead}
		switch {
		case s.kind == device.CPU:
			o.SpreadAfter = spreadAfter
			if share := f.cfg.Scheduler.FallbackShare; len(f.stations) > 1 && share < 1 {
				o.FallbackShare = share
			}
		case s.lanes == gpuLanes:
			o.Stage = stage
		}
		all = append(all, o)
	}
	return all
}

// is reports whether a device of the scheduler is of a kind.
func (f *fleet) is(id policy.DeviceID, kind device.Kind) bool { return f.stations[id].kind == kind }

// start starts the workers. Devices are down until their workers are up.
func (f *fleet) start() error {
	for _, s := range f.stations {
		if s.kind != device.Fake && !isolated(&s.device) || s.kind == device.Fake && s.device.Isolation == "none" {
			continue
		}
		name, atOnce := s.device.Name, 1
		if s.kind == device.CPU {
			atOnce = s.lanes + s.spares
		}
		f.setDown(name, "its worker is starting")
		f.onDown(name, "its worker is starting")
		w, err := f.startWorker(&s.device, s.kind, atOnce, func(state worker.State, reason string) {
			if state == worker.Up {
				if f.restarted(s) {
					f.onUp(name)
				}
				return
			}
			f.setDown(name, fmt.Sprintf("its worker is %v: %s", state, reason))
			f.onDown(name, reason)
		})
		if err != nil {
			return err
		}
		s.worker = w
	}
	return nil
}

func (f *fleet) startWorker(d *config.Device, kind device.Kind, lanes int, onState func(worker.State, string)) (*worker.Device, error) {
	command := workerProcess("/proc/self/exe", f.library, d)
	return worker.Start(worker.Options{Name: d.Name, Command: command, Lanes: lanes, Serial: kind == device.WebGPU, OnState: onState, Log: f.log})
}

// wait returns when every worker is up or has failed, or with ctx.
func (f *fleet) wait(ctx context.Context) {
	for _, s := range f.stations {
		if s.worker != nil {
			_ = s.worker.Wait(ctx) // a device that is down joins later, see Registry.Attach
		}
	}
}

func (f *fleet) setDown(name, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.down[name] = why
}

func (f *fleet) setUp(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.mu.down, name)
}

// usable says why a device takes no sessions now. One that is out of service only since it has
// none does: the next model may be another matter.
func (f *fleet) usable(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	why, down := f.mu.down[name]
	if !down {
		return nil
	}
	for _, s := range f.stations {
		if c := &s.condition; s.device.Name == name && c.why == why && !c.unusable {
			return nil
		}
	}
	return errors.New(why)
}

// degraded lists the devices that are down, for readiness. Clients see it, so the library goes by
// its name alone; the log has its path.
func (f *fleet) degraded() (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, why := range f.mu.down {
		if f.library != "" {
			why = strings.ReplaceAll(why, f.library, filepath.Base(f.library))
		}
		all = append(all, fmt.Sprintf("device %s takes no work: %s", name, why))
	}
	for _, s := range f.stations {
		if s.worker == nil {
			continue
		}
		if n := s.worker.Lost(); n > 0 {
			all = append(all, fmt.Sprintf("device %s lacks %s that its worker could not load when it started again; it tries again", s.device.Name, several(n, "model")))
		}
	}
	slices.Sort(all)
	return all
}

func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// reopen has the worker of a device try again that a crash loop has closed.
func (f *fleet) reopen(name string) error {
	i := slices.IndexFunc(f.stations, func(s *station) bool { return s.device.Name == name })
	if i < 0 {
		return fault.Newf(fault.NotFound, "there is no device '%s'; the devices are %s", name, strings.Join(f.names(), ", "))
	}
	w := f.stations[i].worker
	if f.stations[i].kind == device.CPU && w == nil {
		w = f.isolated()
	}
	if w == nil {
		return fault.Newf(fault.InvalidRequest, "device '%s' has no worker process: there is nothing to reopen", name)
	}
	if state := w.Status().State; state != worker.Closed {
		return fault.Newf(fault.InvalidRequest, "device '%s' is %v: only one that was closed after a crash loop is reopened", name, state)
	}
	w.Reopen()
	return nil
}

// isolated is the worker of models on the CPU with isolation: process, nil while there is none.
func (f *fleet) isolated() *worker.Device {
	f.cpu.Lock()
	defer f.cpu.Unlock()
	return f.cpu.worker
}

// close ends the workers.
func (f *fleet) close(ctx context.Context) error {
	f.end()
	f.retries.Wait()
	var faults []error
	for _, s := range f.stations {
		if s.worker != nil {
			faults = append(faults, s.worker.Close(ctx))
		}
	}
	f.cpu.Lock()
	defer f.cpu.Unlock()
	if f.cpu.worker != nil {
		faults = append(faults, f.cpu.worker.Close(ctx))
	}
	return errors.Join(faults...)
}
