package policy

import "sluice/internal/clock"

// spread decides whether an instance's work may start a lane while others of the device
// run. It may if the wait for a running lane would be longer than SpreadAfter, if a full
// batch waits, or if the most urgent item would be lost by waiting; and it may once the
// lane waited for is overdue by SpreadAfter, because then the prediction is not to be
// trusted. If not, until is when to ask again should no lane have completed by then: a
// completing lane takes the work itself, so what is held back is never stranded.
func (d *device) spread(now clock.Instant, in *instance) (ok bool, until clock.Instant) {
	if ok, until = d.mayStage(now); !ok {
		return ok, until
	}
	hold := d.opts.SpreadAfter
	if hold == 0 || d.active == 0 {
		return true, 0
	}
	soonest := d.soonest()
	if soonest.Sub(now) > hold || now.Sub(soonest) >= hold {
		return true, 0
	}
	rows := in.totalRows()
	if rows >= in.limit {
		return true, 0
	}
	// A timer may be late; leave as much again.
	latest := in.due() - clock.Instant(in.cost.Latency(rows)+hold)
	if latest <= max(now, soonest) {
		return true, 0
	}
	return false, min(soonest.Add(hold), latest)
}

// offer looks for a lane that should take an instance's work now: at most one lane is on
// its way at a time, and each that seals a batch offers what is left to the next.
func (d *device) offer(now clock.Instant, in *instance, out *Decisions) (woken bool) {
	if d.woken > 0 || d.active == d.opts.Lanes || !d.takes() {
		return false
	}
	if ok, until := d.spread(now, in); !ok {
		d.spreadAt = min(d.spreadAt, until)
		out.LookBy(until)
		return false
	}
	l := d.wake()
	out.wake(l)
	return l.Lane >= 0
}

// offerAny is offer for whatever waits.
func (d *device) offerAny(now clock.Instant, out *Decisions) {
	for _, in := range d.busy {
		if d.offer(now, in, out) {
			return
		}
	}
}
