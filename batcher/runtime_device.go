package batcher

import (
	"fmt"

	"sluice/internal/clock"
	"sluice/internal/fault"
)

// CloseDevice takes a device out of service, such as one whose worker process has died: it
// takes no more work, and what it has queued goes to other devices or is answered with a
// fault. The runs that it is in end as they may. The error names a device that is not there.
func (b *Batcher) CloseDevice(name, reason string) error {
	return b.onDevice(name, func(now clock.Instant, id DeviceID) []Drop {
		return b.mu.sched.CloseDevice(now, id, reason, nil)
	})
}

// OpenDevice takes a device into service: one that was closed, or whose breaker is open.
func (b *Batcher) OpenDevice(name string) error {
	return b.onDevice(name, func(now clock.Instant, id DeviceID) []Drop {
		b.mu.sched.OpenDevice(now, id)
		return nil
	})
}

// SetSpeed says at which part of its usual speed a device runs, as far as can be told from
// outside (its clock); 1 is as usual. It must be positive.
func (b *Batcher) SetSpeed(name string, speed float64) error {
	if !(speed > 0) {
		return fmt.Errorf("cannot set the speed of device %q to %g: it must be positive, 1 is as usual", name, speed)
	}
	return b.onDevice(name, func(now clock.Instant, id DeviceID) []Drop {
		b.mu.sched.SetSpeed(now, id, speed)
		return nil
	})
}

func (b *Batcher) onDevice(name string, change func(clock.Instant, DeviceID) []Drop) error {
	id, ok := b.device(name)
	if !ok {
		return fmt.Errorf("no device %q", name)
	}
	b.apply(func(now clock.Instant) []Drop { return change(now, id) })
	return nil
}

// apply makes a change to the scheduler and sees to what follows from it.
func (b *Batcher) apply(change func(clock.Instant) []Drop) {
	var after aftermath
	b.mu.Lock()
	now := clock.Now()
	b.followUpLocked(now, change(now), &after)
	b.mu.Unlock()
	b.followUp(&after)
}

// SetFallback allows or forbids the model, until told otherwise, the devices after its first,
// whatever its Spec says of them. Forbid it when their answers are not to be trusted.
func (m *Model) SetFallback(allowed bool) {
	m.b.apply(func(now clock.Instant) []Drop { return m.b.mu.sched.SetFallback(now, m.id, allowed, nil) })
}

// SetSingle makes every batch that is sealed from now on hold the rows of one request. Call it
// when rows are found to change each other: it is for what is queued already, and the forecasts
// go on counting with batches.
func (m *Model) SetSingle() {
	m.b.apply(func(clock.Instant) []Drop {
		m.b.mu.sched.SetSingle(m.id)
		return nil
	})
}

// Devices reports every device. It is for metrics: it allocates.
func (b *Batcher) Devices() []DeviceStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	stats := make([]DeviceStats, len(b.opt.Devices))
	for i := range stats {
		stats[i] = b.mu.sched.DeviceStats(DeviceID(i))
	}
	return stats
}

// Stats reports the model; false once it has been closed. It is for metrics: it allocates.
func (m *Model) Stats() (ModelStats, bool) {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	return m.b.mu.sched.ModelStats(clock.Now(), m.id)
}

// aftermath is what has to be done without the lock after the scheduler has decided.
type aftermath struct {
	lost    []*request
	reasons []Reason
	lanes   []*executor
	told    bool
}

// followUpLocked ends the requests of dropped items, and collects those to wake, the lanes to
// tell of work that has come from other devices, and whether devices have changed. Each of
// them is rare, so that they may allocate.
func (b *Batcher) followUpLocked(now clock.Instant, drops []Drop, a *aftermath) {
	if len(drops) > 0 {
		a.lost, a.reasons = b.dropLocked(now, drops)
	}
	for b.mu.sched.Called() {
		a.lanes = append(a.lanes, b.executorOf(b.mu.sched.Wake(now)))
	}
	a.told = b.mu.sched.Changed()
}

func (b *Batcher) followUp(a *aftermath) {
	for _, x := range a.lanes {
		x.notify()
	}
	for i, r := range a.lost {
		r.model.dropped(a.reasons[i])
	}
	wake(a.lost)
	if a.told {
		b.announce()
	}
}

// dropLocked ends the requests of dropped items and returns those to wake, with why. A
// request of which several items are dropped is ended once.
func (b *Batcher) dropLocked(now clock.Instant, drops []Drop) (lost []*request, reasons []Reason) {
	for _, d := range drops {
		r := d.Item.Owner.(*part).request
		r.refs.Add(-1) // the caller still holds its own
		if !r.pending {
			continue
		}
		err := errDropped
		switch d.Reason {
		case NoDevice:
			err = errNoDevice
		case Hanging:
			err = errHanging(r.model)
		case Outranked:
			err = errOutranked
		}
		lost = append(lost, b.endLocked(now, []*request{r}, err)...)
		reasons = append(reasons, d.Reason)
	}
	return lost, reasons
}

var (
	errDropped   = fault.New(fault.DeadlineExceeded, "the request cannot be answered within its budget any more")
	errOutranked = fault.New(fault.Overloaded, "requests of a higher priority took this one's place: it cannot be answered within its budget any more")
	errNoDevice  = fault.New(fault.NoCapacity, "no device that the model may use is in service; try again later")
)

// errHanging is of a model whose runs hang.
func errHanging(m *Model) *fault.Error {
	return fault.Newf(fault.NoCapacity, "a run of model '%s' takes far longer than expected and holds its lane: the model takes requests again when the run ends or passes %s (scheduler.hang_limit)",
		m.spec.Name, m.b.opt.HangLimit)
}

// announce tells OnDevice what has happened to devices, in order: one goroutine at a time does.
func (b *Batcher) announce() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.announcing {
		return
	}
	b.mu.announcing = true
	for b.mu.sched.Changed() {
		events := b.mu.sched.Events()
		b.mu.Unlock()
		if b.opt.OnDevice != nil {
			for _, e := range events {
				b.opt.OnDevice(b.opt.Devices[e.Device].Name, e.State, e.Reason)
			}
		}
		b.mu.Lock()
	}
	b.mu.announcing = false
}
