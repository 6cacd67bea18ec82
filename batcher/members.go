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
	s.devices = append(s.devices, &device{id: id, opts: opts, lanes: newLanes(opts), hangLimit: s.opts.HangLimit, spreadAt: clock.Never, speed: 1})
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
			model: m, device: d, weight: opts.Weight, guess: on.Guess, busyAt: -1, share: 1, floor: s.opts.ClassFloor,
			cost:   newCostModel(opts.MaxBatch, on.Sizes, on.Curve, d.opts.Gap),
			groups: make(map[uint64]*group),
		}
		in.cost.setSpeed(d.speed)
		in.limit = 1
		in.retune()
		m.on = append(m.on, in)
		d.on = append(d.on, in)
	}
	m.gatherPeers()
	s.models = append(s.models, m)
	return m.id, nil
}

// SetFallback allows or forbids a model, until told otherwise, the devices after its first.
// What waits for those when it is forbidden goes to the first or is appended to out.
func (s *Scheduler) SetFallback(now clock.Instant, id ModelID, allowed bool, out []Drop) []Drop {
	m := s.model(id)
	if m == nil {
		return out
	}
	m.alone = !allowed
	if m.alone {
		for _, in := range m.on[1:] {
			out = s.vacate(now, in, out)
		}
	}
	return out
}

// SetSingle makes every batch of the model that is sealed from now on hold one item.
func (s *Scheduler) SetSingle(id ModelID) {
	if m := s.model(id); m != nil {
		m.single = true
	}
}

// SetSpeed says from outside at which part of its usual speed a device runs, such as that of
// its clock's usual rate; 1 says that it is as usual. It scales the predictions at once,
// before the runs have shown it.
func (s *Scheduler) SetSpeed(_ clock.Instant, id DeviceID, speed float64) {
	d := s.devices[id]
	d.speed = max(speed, slowestSpeed)
	for _, in := range d.on {
		in.cost.setSpeed(d.speed)
		in.retune()
	}
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
