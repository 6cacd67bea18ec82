package batcher

import (
	"slices"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// repair sees to the members of a failed batch. If the device is to blame another one runs
// those that it can still finish; what is left is run again in halves, unless the device is
// lost. Where nothing at all runs well it may be the device all the same, and others try.
func (x *executor) repair(cause error) {
	outcome := Failed
	failed, lost := task.DeviceFailed(cause)
	if failed {
		outcome = DeviceFailed
		x.evacuate()
	}
	s := bisection{on: x, budget: len(x.batch.Items)}
	switch {
	case lost:
		outcome = DeviceLost
		s.fail(x.batch.Items, cause)
	case len(x.batch.Items) > 0:
		x.gather()
		s.halve(x.batch.Items, x.parts, cause)
	}
	if s.healthy {
		outcome = RowsFailed
	} else if !failed {
		x.evacuate()
	}
	for i, it := range s.offenders {
		if slices.Contains(x.batch.Items, it) { // else another device has it by now
			x.finish([]*Item{it}, s.blame(s.causes[i]))
		}
	}
	x.free(outcome, cause)
}

// evacuate leaves the members whose callers still wait, and which have not run well, to
// other devices that are predicted to finish them in time.
func (x *executor) evacuate() {
	if !x.model.several {
		return
	}
	b := x.b
	b.mu.Lock()
	now := clock.Now()
	moved := b.mu.sched.Evacuate(now, &x.batch, func(it *Item) bool { return it.Owner.(*part).request.pending }, nil)
	for _, it := range moved {
		p := it.Owner.(*part)
		p.open--
		p.claim.CompareAndSwap(x.id, 0)
	}
	var after aftermath
	b.followUpLocked(now, nil, &after)
	b.mu.Unlock()
	b.followUp(&after)
}

// A request's part may run on two devices at once. Whoever is first to have its outputs
// claims the part, and alone writes them and ends it.

// shareLocked notes that the sealed batch runs its parts, and takes references for those that
// are in another batch as well.
func (x *executor) shareLocked(now clock.Instant) {
	for _, it := range x.batch.Items {
		p := it.Owner.(*part)
		p.open++
		if x.batch.Hedge {
			p.request.refs.Add(1)
		}
	}
	x.b.armLocked(now, x.batch.Watch)
}

// claim is the parts with those left out, as answered, that another lane has claimed.
func (x *executor) claim(items []*Item, parts []task.Part) []task.Part {
	x.mine = append(x.mine[:0], parts...)
	for i, it := range items {
		c := &it.Owner.(*part).claim
		if !c.CompareAndSwap(0, x.id) && c.Load() != x.id {
			x.mine[i].Task = nil
		}
	}
	return x.mine
}

// countsLocked reports whether this lane's result for a part is the part's: the outputs that
// were first, or the error if nobody else may yet do better.
func (x *executor) countsLocked(p *part, err error) bool {
	owner := p.claim.Load()
	if err == nil || owner == x.id {
		return owner == x.id
	}
	p.open--
	return owner == 0 && p.open == 0
}
