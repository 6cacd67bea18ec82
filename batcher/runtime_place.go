package batcher

import (
	"fmt"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/task"
)

// Placement is a model's session on one device.
type Placement struct {
	Device string
	Runner task.Runner
	// Curve is what warm-up measured; it seeds the cost model.
	Curve cost.Curve
	// Guess says that Curve was not measured.
	Guess bool
	// Sizes are the batch sizes that the session runs, ascending; a batch is padded up
	// to the next. Empty: any size.
	Sizes []int
	// Remote says that the session is in another process, which ends if a run passes its limit. A
	// submitter then runs no batch of it: it would have to be cut far below the hang limit.
	Remote bool
	// Observe is called after each run, outside every lock, from the lane that ran it.
	// nil means nobody looks.
	Observe func(*BatchReport)
}

// Place adds a device to a model in service, before the one that is now at that place in its order
// of preference. What the scheduler has learned and counted of the model stays. displaced is
// Spec.Displaced from now on.
func (m *Model) Place(at int, p Placement, displaced bool) error {
	b := m.b
	on, err := b.locate(m.spec.Name, &p)
	if err != nil {
		return err
	}
	b.apply(func(clock.Instant) {
		if err = b.mu.sched.Place(m.id, at, on, displaced, &b.mu.decided); err != nil {
			return
		}
		m.on[on.Device], m.displaced = p, displaced
		if at == 0 {
			m.first = on.Device
		}
	})
	return err
}

// Succeed tells that the requests of a model go to another one from now on, so that its batches are as large at once as
// these need.
func (m *Model) Succeed(to *Model) {
	m.b.apply(func(now clock.Instant) { m.b.mu.sched.Succeed(now, m.id, to.id) })
}

// locate is a placement as the scheduler takes it.
func (b *Batcher) locate(model string, p *Placement) (policy.ModelDevice, error) {
	id, ok := b.device(p.Device)
	if !ok {
		return policy.ModelDevice{}, fmt.Errorf("cannot place model %q: no device %q", model, p.Device)
	}
	return policy.ModelDevice{Device: id, Curve: p.Curve, Guess: p.Guess, Sizes: p.Sizes}, nil
}

func (b *Batcher) device(name string) (policy.DeviceID, bool) {
	for i, d := range b.opt.Devices {
		if d.Name == name {
			return policy.DeviceID(i), true
		}
	}
	return 0, false
}
