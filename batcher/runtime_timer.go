package batcher

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
)

// One timer serves all requests. It is armed for the earliest instant at which one of
// them may need attention: its deadline, or the first look at its connection. A
// request usually ends long before, so under load the timer fires once per budget
// or PeerAfter rather than once per request, and on an idle server never.

// armLocked makes the timer fire at the instant or earlier.
func (b *Batcher) armLocked(now, at clock.Instant) {
	if at < b.mu.armed {
		b.mu.armed = at
		b.timer.Reset(max(at.Sub(now), 0))
	}
}

// lookEvery is how often the timer looks at requests that are not answered yet.
const lookEvery = 10 * time.Millisecond

// tick answers the requests whose deadline has passed, queued or running, asks after
// clients that have waited long, looks after stuck batches, lets idle lanes take work that was held back for a
// neighbour whose run is overdue or that no submitter runs, and arms the timer again.
func (b *Batcher) tick() {
	b.mu.Lock()
	now := clock.Now()
	b.mu.armed = clock.Never
	ended := b.endLocked(now, b.lateLocked(now), errDeadline)
	waiting := b.waitingLocked(now)
	var after aftermath
	if b.mu.sched.NextWatch() <= now {
		b.followUpLocked(now, b.mu.sched.Watch(now, nil), &after)
	}
	lanes := append(b.heldLocked(now), b.staleLocked(now)...)
	// A run that hangs is looked after when all its requests have ended at their deadlines, too.
	next := b.mu.sched.NextWatch()
	if b.mu.oldest != nil {
		next = min(next, b.earliestLocked(), b.mu.sched.NextWake(), now.Add(lookEvery))
	}
	b.armLocked(now, max(next, now.Add(minTick)))
	b.mu.Unlock()
	wake(ended)
	b.followUp(&after)
	for _, x := range lanes {
		x.notify()
	}
	b.cancelGone(now, waiting)
}

// minTick keeps instants that have just passed from firing the timer in a loop.
const minTick = 200 * time.Microsecond

var errDeadline = fault.New(fault.DeadlineExceeded, "the request's deadline passed before it was answered")

// heldLocked returns the lanes for work that has been held back for long enough.
func (b *Batcher) heldLocked(now clock.Instant) (lanes []*executor) {
	for {
		x := b.executorOf(b.mu.sched.Wake(now))
		if x == nil {
			return lanes
		}
		lanes = append(lanes, x)
	}
}

// lateLocked collects the pending requests whose deadline has passed.
func (b *Batcher) lateLocked(now clock.Instant) (late []*request) {
	if b.mu.sched.NextDeadline() <= now {
		for _, it := range b.mu.sched.Expire(now, nil) {
			r := it.Owner.(*part).request
			r.refs.Add(-1) // the caller still holds its own
			late = append(late, r)
		}
	}
	b.runningLocked(func(r *request) {
		if r.pending && r.task.Deadline <= now {
			late = append(late, r)
		}
	})
	return late
}

func (b *Batcher) earliestLocked() clock.Instant {
	next := b.mu.sched.NextDeadline()
	b.runningLocked(func(r *request) {
		if r.pending {
			next = min(next, r.task.Deadline)
		}
	})
	return next
}

func (b *Batcher) runningLocked(visit func(*request)) {
	for _, lanes := range b.executors {
		for _, x := range lanes {
			if x.model == nil {
				continue
			}
			for _, it := range x.batch.Items {
				visit(it.Owner.(*part).request)
			}
		}
	}
}

// maxPeerChecks bounds the connections that one tick asks after.
const maxPeerChecks = 512

// waitingLocked collects the oldest requests that have waited for PeerAfter and are still
// queued, each with a reference.
func (b *Batcher) waitingLocked(now clock.Instant) (waiting []*request) {
	if b.opt.PeerAfter < 0 {
		return nil
	}
	for r := b.mu.oldest; r != nil && len(waiting) < maxPeerChecks; r = r.next {
		if now.Sub(r.task.Trace.Queued) < b.opt.PeerAfter {
			break
		}
		if r.task.Peer != nil && r.waits() {
			r.refs.Add(1)
			waiting = append(waiting, r)
		}
	}
	return waiting
}

// cancelGone ends the requests whose client has hung up. Asking makes a system call, so
// it happens without the lock.
func (b *Batcher) cancelGone(now clock.Instant, waiting []*request) {
	var gone []*request
	for _, r := range waiting {
		if r.task.Peer.Gone() {
			gone = append(gone, r)
		}
	}
	if len(gone) > 0 {
		b.mu.Lock()
		ended := b.endLocked(now, gone, fault.New(fault.ClientClosed, "the client closed the connection"))
		b.mu.Unlock()
		wake(ended)
	}
	for _, r := range waiting {
		r.release()
	}
}
