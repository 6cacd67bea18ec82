package batcher

import (
	"slices"
	"time"

	"sluice/internal/clock"
)

// A submitter serves many requests on one goroutine, such as a worker of an event loop, and
// must not block. It submits all that it has read and then calls Run, which runs short batches
// on the spot: a batch holds what came in together, and nobody has to be woken for it. An idle
// lane for which there is work is on offer to all submitters: the first to call Run takes it, so
// that one which the kernel has stopped holds up nobody.

// offerLocked leaves a lane that nobody holds to the next Run.
func (b *Batcher) offerLocked(now clock.Instant, x *executor) {
	x.held, x.since = offered, now
	b.mu.offered = append(b.mu.offered, x)
}

// Run runs a short batch on a lane that is on offer, if there is one, and leaves lanes with long
// batches ahead to their goroutines. more says that work waits for a lane that is on offer again:
// the caller should see what has come meanwhile and call Run again, soon. Otherwise busy is how
// long every lane is predicted to be busy yet: what comes in meanwhile cannot start before.
func (b *Batcher) Run() (more bool, busy time.Duration) {
	for {
		x, long, busy := b.takeOffer()
		switch {
		case x == nil:
			return false, busy
		case long:
			x.notify()
		case x.lead():
			return true, 0
		}
	}
}

// takeOffer takes the lane that has been on offer for longest, nil if there is none. A lane with
// a long batch ahead, or one that may have to wait for another, is nobody's any more: its goroutine must be told.
func (b *Batcher) takeOffer() (x *executor, long bool, busy time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mu.offered) == 0 {
		return nil, false, b.mu.sched.Busy(clock.Now())
	}
	x = b.mu.offered[0]
	b.mu.offered = slices.Delete(b.mu.offered, 0, 1)
	if b.opt.Devices[x.device].Stage > 0 || b.mu.sched.Ahead(x.device) > b.opt.LeadWithin {
		x.held = nobody
		return x, true, 0
	}
	x.held = submitter
	return x, false, 0
}

// staleLocked returns the lanes that have been on offer for so long that all submitters must be
// stuck; they are nobody's any more, and their goroutines must be told.
func (b *Batcher) staleLocked(now clock.Instant) (stale []*executor) {
	for len(b.mu.offered) > 0 && now.Sub(b.mu.offered[0].since) >= lookEvery {
		x := b.mu.offered[0]
		b.mu.offered = slices.Delete(b.mu.offered, 0, 1)
		x.held = nobody
		stale = append(stale, x)
	}
	return stale
}

const (
	// defaultLeadWithin is the longest batch that a submitter runs itself: above it a hand-over
	// costs little beside the run, and others would wait too long for their answers.
	defaultLeadWithin = time.Millisecond
	// leadLimit bounds a run on a submitter's goroutine. What takes as long was predicted to be
	// far shorter; it is cut, and run again by the lane's goroutine.
	leadLimit = 50 * time.Millisecond
)

// lead runs a batch on the goroutine of a submitter, which holds the lane. It reports whether
// the lane is on offer again. What does not go well is left to the lane's goroutine.
func (x *executor) lead() (more bool) {
	if !x.seal(submitter) {
		return false
	}
	if x.model.on[x.device].Remote {
		x.handOver(nil)
		return false
	}
	limit := x.batch.Start.Add(min(leadLimit, x.b.opt.HangLimit))
	more, err := x.attempt(limit)
	if err != nil {
		if leadLimit < x.b.opt.HangLimit && clock.Now() >= limit {
			err = nil // it was cut for the others' sake and has not failed: it runs again
		}
		x.handOver(err)
		return false
	}
	return more
}
