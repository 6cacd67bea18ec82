package batcher

import (
	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/fault"
)

// This is the one place that carries out what the scheduler decides (policy.Decisions). Every
// call of a method that decides appends to Batcher.mu.decided, and is followed, under the same
// lock, by followUpLocked; what calls out or wakes is left to followUp, without the lock.

// aftermath is what is left to do without the lock.
type aftermath struct {
	lane    *executor   // to tell of work; a field of its own, since there is seldom more than one
	lanes   []*executor // further ones
	lost    []*request  // have ended
	reasons []policy.Reason
	told    bool // devices have changed
}

// Lanes that the scheduler wakes may be left to submitters instead of their goroutines: those
// of one device, or these.
const (
	noDevice  policy.DeviceID = -1
	anyDevice policy.DeviceID = -2
)

// followUpLocked carries out the decisions as far as that needs the lock: it ends the requests of
// items that will not run, puts the lanes of a device on offer, and arms the timer. Lanes that
// somebody holds are left to those, who look for more work at the end.
func (b *Batcher) followUpLocked(now clock.Instant, offer policy.DeviceID, a *aftermath) {
	d := &b.mu.decided
	for _, l := range d.Wake {
		switch x := b.executors[l.Device][l.Lane]; {
		case x.held != nobody:
		case offer == l.Device || offer == anyDevice:
			b.offerLocked(now, x)
		case a.lane == nil:
			a.lane = x
		default:
			a.lanes = append(a.lanes, x)
		}
	}
	for _, it := range d.Expired {
		b.loseLocked(now, it, policy.None, a)
	}
	for _, drop := range d.Dropped {
		b.loseLocked(now, drop.Item, drop.Reason, a)
	}
	b.mu.events = append(b.mu.events, d.Events...)
	a.told = a.told || len(d.Events) > 0
	if d.Look != 0 {
		b.armLocked(now, d.Look)
	}
	d.Reset()
}

// loseLocked ends the request of an item that will not run, if it is still pending: a request
// may lose several items. An item without a reason has passed its deadline.
func (b *Batcher) loseLocked(now clock.Instant, it *policy.Item, why policy.Reason, a *aftermath) {
	r := it.Owner.(*part).request
	r.refs.Add(-1) // the caller still holds its own
	if ended := b.endLocked(now, []*request{r}, lossOf(r, why)); len(ended) > 0 {
		a.lost, a.reasons = append(a.lost, r), append(a.reasons, why)
	}
}

// followUp does what is left.
func (b *Batcher) followUp(a *aftermath) {
	if a.lane != nil {
		a.lane.notify()
	}
	for _, x := range a.lanes {
		x.notify()
	}
	for i, r := range a.lost {
		if why := a.reasons[i]; why != policy.None {
			r.model.dropped(why)
		}
	}
	wake(a.lost)
	if a.told {
		b.announce()
	}
}

// lossOf is what a request is told of which an item will not run.
func lossOf(r *request, why policy.Reason) error {
	switch why {
	case policy.None:
		return errDeadline
	case policy.NoDevice:
		return errNoDevice
	case policy.Hanging:
		return errHanging(r.model)
	case policy.Outranked:
		return errOutranked
	default:
		return errDropped
	}
}

var (
	errDeadline  = fault.New(fault.DeadlineExceeded, "the request's deadline passed before it was answered")
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
	for len(b.mu.events) > 0 {
		events := b.mu.events
		b.mu.events = nil
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
