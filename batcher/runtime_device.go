package batcher

import (
	"fmt"

	"sluice/batcher/policy"
	"sluice/internal/clock"
)

// CloseDevice takes a device out of service, such as one whose worker process has died: it
// takes no more work, and what it has queued goes to other devices or is answered with a
// fault. The runs that it is in end as they may. The error names a device that is not there.
func (b *Batcher) CloseDevice(name, reason string) error {
	return b.onDevice(name, func(now clock.Instant, id policy.DeviceID) {
		b.mu.sched.CloseDevice(now, id, reason, &b.mu.decided)
	})
}

// OpenDevice takes a device into service: one that was closed, or whose breaker is open.
func (b *Batcher) OpenDevice(name string) error {
	return b.onDevice(name, func(now clock.Instant, id policy.DeviceID) {
		b.mu.sched.OpenDevice(now, id, &b.mu.decided)
	})
}

// SetSpeed says at which part of its usual speed a device runs, as far as can be told from
// outside (its clock); 1 is as usual. It must be positive.
func (b *Batcher) SetSpeed(name string, speed float64) error {
	if !(speed > 0) {
		return fmt.Errorf("cannot set the speed of device %q to %g: it must be positive, 1 is as usual", name, speed)
	}
	return b.onDevice(name, func(_ clock.Instant, id policy.DeviceID) { b.mu.sched.SetSpeed(id, speed) })
}

func (b *Batcher) onDevice(name string, change func(clock.Instant, policy.DeviceID)) error {
	id, ok := b.device(name)
	if !ok {
		return fmt.Errorf("no device %q", name)
	}
	b.apply(func(now clock.Instant) { change(now, id) })
	return nil
}

// apply makes a change to the scheduler and sees to what follows from it.
func (b *Batcher) apply(change func(clock.Instant)) {
	var after aftermath
	b.mu.Lock()
	now := clock.Now()
	change(now)
	b.followUpLocked(now, noDevice, &after)
	b.mu.Unlock()
	b.followUp(&after)
}

// SetFallback allows or forbids the model, until told otherwise, the devices after its first,
// whatever its Spec says of them. Forbid it when their answers are not to be trusted.
func (m *Model) SetFallback(allowed bool) {
	m.b.apply(func(now clock.Instant) { m.b.mu.sched.SetFallback(now, m.id, allowed, &m.b.mu.decided) })
}

// SetSingle makes every batch that is sealed from now on hold the rows of one request. Call it
// when rows are found to change each other: it is for what is queued already, and the forecasts
// go on counting with batches.
func (m *Model) SetSingle() {
	m.b.apply(func(clock.Instant) { m.b.mu.sched.SetSingle(m.id) })
}

// Devices reports every device. It is for metrics: it allocates.
func (b *Batcher) Devices() []policy.DeviceStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	stats := make([]policy.DeviceStats, len(b.opt.Devices))
	for i := range stats {
		stats[i] = b.mu.sched.DeviceStats(policy.DeviceID(i))
	}
	return stats
}

// Waiting reports whether a request waits for a device. It is for those who stand back behind requests: it holds the lock
// for a look at each device.
func (b *Batcher) Waiting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.opt.Devices {
		if b.mu.sched.Waiting(policy.DeviceID(i)) {
			return true
		}
	}
	return false
}

// Stats reports the model; false once it has been closed. It is for metrics: it allocates.
func (m *Model) Stats() (policy.ModelStats, bool) {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	return m.b.mu.sched.ModelStats(clock.Now(), m.id)
}
