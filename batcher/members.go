package batcher

import (
	"fmt"

	"sluice/internal/clock"
)

// AddDevice adds a device.
func (s *Scheduler) AddDevice(opts DeviceOptions) (DeviceID, error) {
	if err := opts.validate(); err != nil {
		return 0, fmt.Errorf("cannot add a device: %w", err)
	}
	id := DeviceID(len(s.devices))
	s.devices = append(s.devices, &device{id: id, opts: opts, lanes: make([]lane, opts.Lanes), spreadAt: clock.Never})
	return id, nil
}

// AddModel adds a model, open for arrivals.
func (s *Scheduler) AddModel(opts ModelOptions) (ModelID, error) {
	opts = opts.withDefaults()
	if err := opts.validate(len(s.devices)); err != nil {
		return 0, fmt.Errorf("cannot add a model: %w", err)
	}
	m := &model{id: ModelID(len(s.models)), opts: opts}
	for _, on := range opts.Devices {
		d := s.devices[on.Device]
		in := &instance{
			model: m, device: d, weight: opts.Weight, busyAt: -1, share: 1, floor: s.opts.ClassFloor,
			cost:   newCostModel(opts.MaxBatch, on.Sizes, on.Curve, d.opts.Gap),
			groups: make(map[uint64]*group),
		}
		in.limit = 1
		in.retune()
		m.on = append(m.on, in)
		d.on = append(d.on, in)
	}
	s.models = append(s.models, m)
	return m.id, nil
}

// CloseModel ends arrivals; what waits still runs.
func (s *Scheduler) CloseModel(id ModelID) {
	if m := s.model(id); m != nil {
		m.closed = true
	}
}

// RemoveModel forgets a model that has nothing waiting and nothing running.
func (s *Scheduler) RemoveModel(id ModelID) error {
	m := s.model(id)
	if m == nil {
		return fmt.Errorf("cannot remove model %d: there is none", id)
	}
	running := 0
	for _, in := range m.on {
		running += in.running
	}
	if m.items > 0 || running > 0 {
		return fmt.Errorf("cannot remove model %q: %d items wait and %d batches run", m.opts.Name, m.items, running)
	}
	for _, in := range m.on {
		in.device.remove(in)
		for _, g := range in.groups {
			in.reclaim(s, g)
		}
	}
	s.models[id] = nil
	return nil
}

// Idle reports whether a model has nothing waiting and nothing running.
func (s *Scheduler) Idle(id ModelID) bool {
	m := s.model(id)
	if m == nil {
		return true
	}
	for _, in := range m.on {
		if in.items > 0 || in.running > 0 {
			return false
		}
	}
	return true
}
