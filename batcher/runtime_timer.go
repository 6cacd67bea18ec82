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

// tick answers the requests whose deadline has passed, queued or running, has the scheduler look
// at what is due by time alone, asks after clients that have waited long, and wakes lanes whose
// work no submitter runs. Then it arms the timer again.
func (b *Batcher) tick() {
	var after aftermath
	b.mu.Lock()
	now := clock.Now()
	b.mu.armed = clock.Never
	b.mu.sched.Look(now, &b.mu.decided)
	late, next := b.lateLocked(now)
	ended := b.endLocked(now, late, errDeadline)
	waiting := b.waitingLocked(now)
	if b.mu.oldest != nil {
		next = min(next, now.Add(lookEvery))
	}
	b.mu.decided.Look = max(min(b.mu.decided.Look, next), now.Add(minTick))
	b.followUpLocked(now, noDevice, &after)
	after.lanes = append(after.lanes, b.staleLocked(now)...)
	b.mu.Unlock()
	wake(ended)
	b.followUp(&after)
	b.cancelGone(now, waiting)
}

// minTick keeps instants that have just passed from firing the timer in a loop.
const minTick = 200 * time.Microsecond

// lateLocked collects the pending requests that run and whose deadline has passed, and says when
// the next one's does.
func (b *Batcher) lateLocked(now clock.Instant) (late []*request, next clock.Instant) {
	next = clock.Never
	b.runningLocked(func(r *request) {
		switch {
		case !r.pending:
		case r.task.Deadline <= now:
			late = append(late, r)
		default:
			next = min(next, r.task.Deadline)
		}
	})
	return late, next
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
