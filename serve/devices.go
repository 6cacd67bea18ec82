package serve

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/backends/nvml"
	"sluice/batcher/policy"
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
