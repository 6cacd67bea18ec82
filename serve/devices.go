package serve

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/backends/fleet"
	"sluice/backends/nvml"
	"sluice/backends/onnx/provider"
	"sluice/batcher/policy"
	"sluice/config"
	"sluice/internal/telemetry"
	"sluice/models"
	"sluice/models/gates"
)

// startWait is how long the models wait for devices that are starting. Those that take
// longer join the models that serve by then.
const startWait = 30 * time.Second

// watchDevices shows in the metrics what the scheduler knows of the devices.
func (s *Server) watchDevices() {
	s.metrics.WatchDevices(func() (all []telemetry.DeviceState) {
		for _, d := range s.batcher.Devices() {
			all = append(all, telemetry.DeviceState{Name: d.Name, State: d.State.String(), Lanes: d.Lanes, Busy: d.Busy, Lent: d.Lent, Load: d.Load, Trips: d.Trips, Speed: d.Speed})
		}
		return all
	})
}

// awaitDevices gives the workers time to start, so that models are proven on them at once.
func (s *Server) awaitDevices(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	s.fleet.Wait(limited)
}

// deviceChanged logs that a device has begun or stopped to take work, tells the fleet what the
// scheduler has decided of its own accord, and has models join a device that is back.
func (s *Server) deviceChanged(name string, state policy.DeviceState, reason string) {
	d := s.fleet.Find(name)
	fields := []zap.Field{zap.String("device", name), zap.Stringer("state", state)}
	switch state {
	case policy.DeviceUp:
		d.Restored()
		s.log.Info("device in service", fields...)
		s.registry.Attach(name)
		return
	case policy.DeviceBroken:
		d.Broken(reason)
	case policy.DeviceProbing, policy.DeviceClosed: // the first decides nothing, the second is the fleet's own word
	}
	s.log.Warn("device out of service", append(fields, zap.String("reason", reason))...)
}

// gpuWatch reads the state of NVIDIA's GPUs. It works beside the start, since opening the
// library can take seconds, and a machine without it works as well.
type gpuWatch struct {
	mu      sync.Mutex
	monitor *nvml.Monitor
	stopped bool
	opening sync.WaitGroup
}

func (g *gpuWatch) start(s *Server) {
	g.opening.Go(func() {
		m, err := nvml.Open(nvml.Options{
			OnThrottle: func(gpu int, ratio float64) { s.throttled(gpu, ratio) },
			OnXid: func(gpu int, xid uint64, critical bool) {
				log := s.log.Warn
				if critical {
					log = s.log.Error
				}
				log("the driver reports an error", zap.Int("gpu", gpu), zap.Uint64("xid", xid), zap.String("what", nvml.LookupXid(xid).Name))
			},
			OnLost: func(gpu int, lost bool) {
				s.log.Error("a GPU was lost or is back", zap.Int("gpu", gpu), zap.Bool("lost", lost))
			},
		})
		switch {
		case errors.Is(err, nvml.ErrAbsent):
			s.log.Info("no NVIDIA GPU is watched", zap.String("reason", err.Error()))
			return
		case err != nil:
			s.log.Warn("NVIDIA GPUs cannot be watched", zap.Error(err))
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.stopped {
			_ = m.Close()
			return
		}
		g.monitor = m
		s.metrics.WatchGPUs(m.Metrics)
		s.log.Info("watching NVIDIA GPUs", zap.Stringer("driver", m.Driver()), zap.Int("gpus", len(m.GPUs())))
	})
}

func (g *gpuWatch) stop() {
	g.mu.Lock()
	g.stopped = true
	m := g.monitor
	g.monitor = nil
	g.mu.Unlock()
	if m != nil {
		_ = m.Close()
	}
}

// throttled scales the predictions for the devices on a GPU whose clocks are held down.
func (s *Server) throttled(gpu int, ratio float64) {
	for _, d := range s.fleet.Devices() {
		if d.OnGPU(gpu) {
			s.log.Warn("a GPU's clocks are held down", zap.String("device", d.Name), zap.Float64("slower", ratio))
			_ = s.batcher.SetSpeed(d.Name, 1/max(ratio, 1))
		}
	}
}

// differs is the registry's OnParity: answers must not depend on the device any more.
func (s *Server) differs(v *models.Version, verdict gates.Verdict) {
	if served, ok := v.Served.(*served); ok {
		served.queue.SetFallback(false)
	}
	s.log.Error("devices disagree: fallback is off for this version", zap.String("model", v.Name), zap.String("version", v.Version), zap.String("verdict", verdict.Text))
}

// Inventory is what trying every device that a machine might have has shown.
type Inventory struct {
	// Library is the ONNX Runtime that was tried, and its version; empty if there is none.
	Library string `json:"library"`
	Version string `json:"version,omitempty"`
	// Driver is the version of NVIDIA's driver.
	Driver  string          `json:"nvidia_driver,omitempty"`
	Devices []fleet.Verdict `json:"devices"`

	// used are the devices of a server: those of the settings, or those that are chosen by themselves.
	used []config.Device
}

// TakeInventory tries all devices that this machine might have: those that are configured, in their order,
// and then the rest.
func TakeInventory(ctx context.Context, cfg *config.Config) (*Inventory, error) {
	library, err := FindLibrary(cfg.ONNXRuntime.Library)
	if err != nil {
		return nil, err
	}
	nvidia := provider.NVIDIA()
	inv := &Inventory{Library: library, Driver: nvidia.Driver, Devices: []fleet.Verdict{}}
	for i, d := range possibleDevices(cfg, len(nvidia.Models)) {
		v, version := tryDevice(ctx, &d, library)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v.Configured = i < len(cfg.Devices)
		inv.Version = cmp.Or(inv.Version, version)
		inv.Devices = append(inv.Devices, v)
	}
	inv.choose(cfg)
	return inv, nil
}

// possibleDevices are the devices that are configured, and the others that the machine might have.
func possibleDevices(cfg *config.Config, gpus int) []config.Device {
	devices := slices.Clone(cfg.Devices)
	for _, name := range fleet.Possible(gpus) {
		if !slices.ContainsFunc(devices, func(d config.Device) bool { return d.Name == name }) {
			devices = append(devices, config.DefaultDevice(name))
		}
	}
	return devices
}

// tryDevice tries one device in a process of its own.
func tryDevice(ctx context.Context, d *config.Device, library string) (fleet.Verdict, string) {
	s, err := deviceSettings(d)
	if err != nil {
		return fleet.Verdict{Device: d.Name, Error: err.Error()}, ""
	}
	return fleet.Try(ctx, &s, library)
}

// choose marks the devices that a server uses: those of the settings, or by itself.
func (inv *Inventory) choose(cfg *config.Config) {
	inv.used = cfg.Devices
	if len(inv.used) == 0 {
		for _, name := range fleet.Choose(inv.Devices, fleet.HasGPU()) {
			inv.used = append(inv.used, config.DefaultDevice(name))
		}
	}
	for i := range inv.Devices {
		v := &inv.Devices[i]
		v.Chosen = slices.ContainsFunc(inv.used, func(d config.Device) bool { return d.Name == v.Device })
	}
}
