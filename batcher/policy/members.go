package policy

import (
	"fmt"
	"slices"

	"sluice/batcher/policy/costmodel"
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
		m.on = append(m.on, s.newInstance(m, on))
	}
	m.gatherPeers()
	s.models = append(s.models, m)
	return m.id, nil
}

// newInstance puts a model on a device.
func (s *Scheduler) newInstance(m *model, on ModelDevice) *instance {
	d := s.devices[on.Device]
	in := &instance{
		model: m, device: d, weight: m.opts.Weight, guess: on.Guess, busyAt: -1, share: 1, floor: s.opts.ClassFloor, answer: s.opts.Answer,
		cost:   costmodel.New(m.opts.MaxBatch, on.Sizes, on.Curve, d.opts.Gap),
		groups: make(map[uint64]*group),
	}
	in.cost.SetSpeed(d.speed)
	in.limit = 1
	in.retune()
	d.on = append(d.on, in)
	return in
}

// Place adds a device to a model in service, before the one that is now at that place in the
// model's order of preference. What was learned and counted on its other devices stays, and so
// does what waits and runs there. displaced is ModelOptions.Displaced from now on.
func (s *Scheduler) Place(id ModelID, at int, on ModelDevice, displaced bool, out *Decisions) error {
	m := s.model(id)
	if m == nil || m.closed {
		return fmt.Errorf("cannot place model %d on device %d: the model is not in service", id, on.Device)
	}
	if at < 0 || at > len(m.on) {
		return fmt.Errorf("cannot place model %q on device %d: there is no place %d among its %d devices", m.opts.Name, on.Device, at, len(m.on))
	}
	opts := m.opts
	opts.Devices = slices.Insert(slices.Clone(opts.Devices), at, on)
	opts.Displaced = displaced
	if err := opts.validate(len(s.devices)); err != nil {
		return fmt.Errorf("cannot place a model: %w", err)
	}
	m.opts = opts
	m.on = slices.Insert(slices.Clone(m.on), at, s.newInstance(m, on))
	m.gatherPeers()
	s.devices[on.Device].help(out)
	return nil
}

// Succeed tells that what came for a model comes for another one from now on, as for a newer version of it. On each device
// that has both, the other one expects what was learned of the arrivals, and the first expects nothing.
func (s *Scheduler) Succeed(now clock.Instant, from, to ModelID) {
	old, m := s.model(from), s.model(to)
	if old == nil || m == nil || old == m {
		return
	}
	for _, in := range m.on {
		for _, before := range old.on {
			if before.device != in.device {
				continue
			}
			in.arrivals.take(now, &before.arrivals)
			if b := before.budgets.value(); b > 0 {
				in.budgets.add(now, b)
			}
			in.device.fresh = false
			in.device.refresh(now)
		}
	}
}

// SetFallback allows or forbids a model, until told otherwise, the devices after its first.
// What waits for those when it is forbidden goes to the first or is dropped.
func (s *Scheduler) SetFallback(now clock.Instant, id ModelID, allowed bool, out *Decisions) {
	m := s.model(id)
	if m == nil {
		return
	}
	m.alone = !allowed
	if m.alone {
		for _, in := range m.on[1:] {
			s.vacate(now, in, out)
		}
	}
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
func (s *Scheduler) SetSpeed(id DeviceID, speed float64) {
	d := s.devices[id]
	d.speed = max(speed, costmodel.SlowestSpeed)
	for _, in := range d.on {
		in.cost.SetSpeed(d.speed)
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
