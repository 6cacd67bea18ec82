package batcher

import (
	"slices"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// repair sees to the members of a failed batch: each runs well, fails with an error of its own,
// or waits to run alone. If the device is to blame another one runs those that it can still
// finish; what is left is searched, unless the device is lost. Where nothing at all runs well it
// may be the device all the same, and others try.
func (x *executor) repair(cause error) {
	failed, lost := task.DeviceFailed(cause)
	single := len(x.batch.Items) == 1
	x.b.mu.Lock()
	s := search{on: x, healthy: x.b.mu.sched.Works(&x.batch) || single && x.batch.Items[0].Owner.(*part).mates}
	x.b.mu.Unlock()
	if failed {
		x.evacuate(false)
	}
	members := slices.Clone(x.batch.Items)
	byDeadline(members)
	switch {
	case lost:
		s.lost = cause
		s.fail(members, cause)
	case single:
		s.fail(members, cause)
	default:
		s.halve(members)
	}
	s.confirm()
	outcome := x.conclude(&s, failed)
	for _, f := range s.failures {
		if slices.Contains(x.batch.Items, f.item) { // else another device has it by now
			x.finish([]*policy.Item{f.item}, x.verdict(&s, f))
		}
	}
	x.free(outcome, cause)
}

// verdict is the error of a member that failed. One that a device has failed is told that its time
// is up where another device would have run it.
func (x *executor) verdict(s *search, f failure) error {
	if failed, _ := task.DeviceFailed(f.err); failed {
		x.b.mu.Lock()
		defer x.b.mu.Unlock()
		if x.b.mu.sched.TooLate(&x.batch, f.item) {
			return errFailedLate
		}
	}
	return s.blame(f)
}

var errFailedLate = fault.New(fault.DeadlineExceeded, "the device that ran the request failed, and no other can answer it within its budget any more")

// conclude finds places for the members that are still to run, and says how the batch ended.
func (x *executor) conclude(s *search, failed bool) policy.Outcome {
	if s.lost == nil {
		s.postpone()
		for _, it := range x.isolate(s) {
			s.must = true
			s.try([]*policy.Item{it})
		}
		s.confirm()
	}
	switch {
	case s.lost != nil:
		s.fail(s.apart, s.lost)
		if !failed {
			x.evacuate(false)
		}
		return policy.DeviceLost
	case s.healthy:
		return policy.RowsFailed
	case failed:
		return policy.DeviceFailed
	}
	x.evacuate(true)
	if x.report.Apart > 0 {
		return policy.Undecided
	}
	return policy.Failed
}

// evacuate leaves the members whose callers still wait, and which have not run well, to
// other devices that are predicted to finish them in time. suspect says that they may be at
// fault themselves.
func (x *executor) evacuate(suspect bool) {
	b := x.b
	b.mu.Lock()
	now := clock.Now()
	wanted := func(it *policy.Item) bool {
		return it.Owner.(*part).request.pending && x.evictedLocked() == nil
	}
	b.mu.sched.Evacuate(now, &x.batch, suspect, wanted, &b.mu.decided)
	for _, it := range b.mu.decided.Requeued {
		x.letGoLocked(it.Owner.(*part))
	}
	var after aftermath
	b.followUpLocked(now, noDevice, &after)
	b.mu.Unlock()
	b.followUp(&after)
}

// isolate queues the members that have been put apart, each to run alone. It returns those that
// cannot be queued, as they are in another batch that has failed too.
func (x *executor) isolate(s *search) (left []*policy.Item) {
	if len(s.apart) == 0 && len(s.later) == 0 {
		return nil
	}
	b := x.b
	b.mu.Lock()
	now := clock.Now()
	evicted := x.evictedLocked()
	turn := func(it *policy.Item) policy.Turn {
		switch {
		case evicted != nil || !x.wantsLocked(it.Owner.(*part)):
		case slices.Contains(s.apart, it):
			return policy.TurnAlone
		case slices.Contains(s.later, it):
			return policy.TurnLast
		}
		return policy.TurnShared
	}
	b.mu.sched.Isolate(now, &x.batch, turn, s.healthy, &b.mu.decided)
	for _, it := range b.mu.decided.Requeued {
		p := it.Owner.(*part)
		x.letGoLocked(p)
		p.mates = p.mates || s.healthy
	}
	x.report.Apart += len(b.mu.decided.Requeued)
	var ended []*request
	for _, it := range x.batch.Items {
		switch p := it.Owner.(*part); {
		case !slices.Contains(s.apart, it) && !slices.Contains(s.later, it) || !x.wantsLocked(p):
		case evicted != nil:
			ended = append(ended, p.request)
		case p.open > 1 && p.claim.Load() == 0:
			p.open-- // the other batch has not failed yet
		default:
			left = append(left, it)
		}
	}
	s.apart, s.later = nil, nil
	ended = b.endLocked(now, ended, evicted)
	var after aftermath
	b.followUpLocked(now, noDevice, &after)
	b.mu.Unlock()
	wake(ended)
	b.followUp(&after)
	return left
}

// evictedLocked is what requests end with that would have to wait again, nil if they may.
func (x *executor) evictedLocked() error {
	if x.b.mu.evicted != nil {
		return x.b.mu.evicted
	}
	return x.model.evicted
}

// wantsLocked reports whether a part needs a run here: nobody has answered it.
func (x *executor) wantsLocked(p *part) bool {
	c := p.claim.Load()
	return p.request.pending && (c == 0 || c == x.id)
}

// letGoLocked notes that a part is in this lane's batch no more.
func (x *executor) letGoLocked(p *part) {
	p.open--
	p.claim.CompareAndSwap(x.id, 0)
}

// A request's part may run on two devices at once. Whoever is first to have its outputs
// claims the part, and alone writes them and ends it.

// shareLocked notes that the sealed batch runs its parts, and takes references for those that
// are in another batch as well.
func (x *executor) shareLocked() {
	for _, it := range x.batch.Items {
		p := it.Owner.(*part)
		p.open++
		if x.batch.Hedge {
			p.request.refs.Add(1)
		}
	}
}

// claim is the gathered parts of items with those left out, as answered, that another lane has
// claimed.
func (x *executor) claim(items []*policy.Item) []task.Part {
	x.mine = append(x.mine[:0], x.parts...)
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
