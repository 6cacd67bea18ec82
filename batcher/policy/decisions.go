package policy

import "sluice/internal/clock"

// Decisions are what follows from calls of a Scheduler, for the caller to carry out. The caller
// owns them: methods append to them, and Reset empties them once they are carried out. The zero
// value is empty. Nothing is allocated once the slices are long enough.
type Decisions struct {
	// Wake are idle lanes that should now call Next. A lane is told once: the caller must see
	// to it that Next is called.
	Wake []Lane
	// Dropped are items that waited and will not run. They are the caller's again.
	Dropped []Drop
	// Expired are items whose deadline has passed while they waited. They are the caller's again.
	Expired []*Item
	// Requeued are items of a failed batch that wait again, on its device or on another one.
	Requeued []*Item
	// Events are devices that have stopped or begun to take work, in order.
	Events []DeviceEvent
	// Look is when Look has to be called at the latest because of these decisions; 0 if they
	// set no time.
	Look clock.Instant
}

// Drop is a queued item that will not run.
type Drop struct {
	Item   *Item
	Reason Reason
}

// DeviceEvent is a device that has stopped or begun to take work.
type DeviceEvent struct {
	Device DeviceID
	State  DeviceState
	Reason string
}

// Reset empties the decisions and holds no item any more.
func (d *Decisions) Reset() {
	clear(d.Dropped)
	clear(d.Expired)
	clear(d.Requeued)
	d.Wake, d.Dropped, d.Expired, d.Requeued, d.Events = d.Wake[:0], d.Dropped[:0], d.Expired[:0], d.Requeued[:0], d.Events[:0]
	d.Look = 0
}

// LookBy moves Look forward to an instant, unless it is earlier.
func (d *Decisions) LookBy(at clock.Instant) {
	if d.Look == 0 || at < d.Look {
		d.Look = at
	}
}

// wake adds a lane, if there is one.
func (d *Decisions) wake(l Lane) {
	if l.Lane >= 0 {
		d.Wake = append(d.Wake, l)
	}
}

// Look does what is due by time alone: items whose deadline has passed are taken out, batches
// that take far too long are looked at, and work that was held back long enough (see
// DeviceOptions.SpreadAfter) is given to a further lane. out.Look is when to call it next.
func (s *Scheduler) Look(now clock.Instant, out *Decisions) {
	s.expire(now, out)
	s.watch(now, out)
	for _, d := range s.devices {
		if d.spreadAt <= now {
			d.spreadAt = clock.Never
			d.offerAny(now, out)
		}
	}
	out.LookBy(s.Due())
}

// Due is when Look has to be called at the latest if nothing happens before; clock.Never if
// nothing will be due.
func (s *Scheduler) Due() clock.Instant {
	at := s.nextWatch()
	for _, d := range s.devices {
		if len(d.busy) > 0 && d.woken == 0 && d.active < d.opts.Lanes {
			at = min(at, d.spreadAt)
		}
		for _, in := range d.busy {
			at = min(at, in.due())
		}
	}
	return at
}
