package batcher

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// executor runs the batches of one lane. It has a goroutine, and submitters can lead it: one
// that finds the lane on offer runs a short batch itself (runtime_offer.go). What is not one
// short and good run is left to the executor's goroutine.
//
// Who holds the lane changes under Batcher.mu only:
//
//	nobody --> offered --> submitter --> offered | nobody | handed
//	           offered --> nobody
//	nobody | handed --> goroutine --> nobody
type executor struct {
	b      *Batcher
	id     uint32 // counts from 1
	device policy.DeviceID
	name   string
	index  int
	wake   chan struct{} // capacity 1: a wake-up is a fact, not a count

	// Owned by whoever holds the lane; batch.Items and model are written under Batcher.mu.
	batch  policy.Batch
	parts  []task.Part
	mine   []task.Part // see claim
	ended  []*request
	report BatchReport
	failed error // of a batch that was handed over after its run; nil if it has not run

	// Guarded by Batcher.mu.
	held    holder
	since   clock.Instant // on offer
	model   *Model        // whose batch is sealed or runs; nil when there is none
	waiters []chan struct{}
}

// holder is who uses a lane.
type holder uint8

const (
	nobody holder = iota
	offered
	submitter
	handed
	goroutine
)

// loop is the executor's goroutine.
func (x *executor) loop() {
	if x.b.opt.OnLane != nil {
		x.b.opt.OnLane(x.device, x.index)
	}
	for {
		select {
		case <-x.wake:
		case <-x.b.stop:
			return
		}
		if !x.take() {
			continue
		}
		if x.model != nil { // sealed by a submitter
			x.complete(x.failed)
		}
		for x.seal(goroutine) {
			x.complete(nil)
		}
	}
}

// take makes the goroutine the lane's holder, unless it is on offer or a submitter has it, who
// looks for more work when it is done.
func (x *executor) take() bool {
	x.b.mu.Lock()
	defer x.b.mu.Unlock()
	if x.held == offered || x.held == submitter {
		return false
	}
	x.held = goroutine
	return true
}

// notify wakes the goroutine.
func (x *executor) notify() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// handOver leaves a sealed batch to the goroutine, with the error of its run if it has had one.
func (x *executor) handOver(err error) {
	x.b.mu.Lock()
	x.failed = err
	x.held = handed
	x.b.mu.Unlock()
	x.notify()
}

// seal closes a batch for this lane, and answers what had to be dropped to form it. If there
// is none the lane is free.
func (x *executor) seal(by holder) bool {
	b := x.b
	if by == goroutine && b.blocked.Load() > 0 {
		// Handlers that already hold a request get the processor first and join the batch.
		runtime.Gosched()
	}
	b.mu.Lock()
	now := clock.Now()
	ok := b.mu.sched.Next(now, x.device, x.index, &x.batch, &b.mu.decided)
	if ok {
		x.held, x.model, x.failed = by, b.mu.models[x.batch.Model], nil
		x.shareLocked()
	} else {
		x.held = nobody
	}
	offers := noDevice
	if by == submitter {
		offers = x.device // a lane of another one is for work that has moved, and is not left to chance
	}
	var after aftermath
	b.followUpLocked(now, offers, &after)
	b.mu.Unlock()
	b.followUp(&after)
	return ok
}

// complete runs the sealed batch to its end. cause is the error of a run that it has had.
func (x *executor) complete(cause error) {
	if cause == nil {
		_, cause = x.attempt(x.batch.Start.Add(x.b.opt.HangLimit))
	}
	if cause != nil {
		x.repair(cause)
	}
}

// attempt runs the sealed batch. If that goes well the batch is done with and the lane free;
// more says that there is work for it.
func (x *executor) attempt(limit clock.Instant) (more bool, err error) {
	x.gather(x.batch.Items)
	x.report = BatchReport{
		Device: x.name, Rows: x.batch.Rows, Requests: len(x.batch.Items), Hedge: x.batch.Hedge,
		Sealed: x.batch.Start, Predicted: x.batch.Likely, Bound: x.batch.PredictedEnd.Sub(x.batch.Start), Failures: x.report.Failures[:0],
	}
	if err := x.foregone(); err != nil {
		x.report.End = clock.Now()
		return false, err
	}
	timing, err := x.try(x.batch.Items, limit)
	x.report.Timing, x.report.End = timing, clock.Now()
	if err == nil {
		x.finish(x.batch.Items, nil)
		more = x.free(policy.Ran, nil)
	}
	return more, err
}

// gather lists the parts of items.
func (x *executor) gather(items []*policy.Item) {
	x.parts = x.parts[:0]
	for _, it := range items {
		x.parts = append(x.parts, it.Owner.(*part).rows)
	}
}

// try runs the gathered parts of items and scatters their outputs. A panic is an error of this
// run alone.
func (x *executor) try(items []*policy.Item, limit clock.Instant) (timing task.Timing, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Wrap(fault.Internal, fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "the model failed")
		}
	}()
	runner := x.model.on[x.device].Runner
	timing, err = runner.Run(x.index, x.parts, limit)
	if err != nil {
		return timing, err
	}
	return timing, runner.Scatter(x.index, x.claim(items))
}

// finish records a result for each item, and ends the requests that have all of theirs. An
// error ends its request at once: the other parts are not needed any more.
func (x *executor) finish(items []*policy.Item, err error) {
	b := x.b
	x.ended = x.ended[:0]
	b.mu.Lock()
	for _, it := range items {
		p := it.Owner.(*part)
		r := p.request
		if !x.countsLocked(p, err) || !r.pending {
			continue
		}
		x.traceLocked(r, it)
		if err != nil {
			x.report.Failures = append(x.report.Failures, Failure{r.task, err})
			x.ended = append(x.ended, b.endLocked(x.report.End, []*request{r}, err)...)
			continue
		}
		if r.left--; r.left == 0 {
			b.settleLocked(r, nil)
			x.ended = append(x.ended, r)
		}
	}
	b.mu.Unlock()
	wake(x.ended)
}

// traceLocked notes in a pending request's trace how its (latest) part was run.
func (x *executor) traceLocked(r *request, it *policy.Item) {
	t, timing := &r.task.Trace, &x.report.Timing
	t.Sealed, t.RunStart, t.RunEnd, t.Done = x.batch.Start, timing.Gathered, timing.Done, x.report.End
	t.Device, t.Reason = x.name, ""
	if x.model.first != x.device || x.model.displaced {
		t.Reason = it.Detour.String()
		if x.batch.Hedge {
			t.Reason = policy.Hedged.String()
		}
	}
	t.Batch = max(t.Batch, x.batch.Rows)
}

// free reports the batch, drops its items' references and gives the lane back: its goroutine
// keeps it until it finds nothing to do, a submitter offers it again if work waits. It reports
// whether work waits.
func (x *executor) free(o policy.Outcome, err error) (more bool) {
	b, m := x.b, x.model
	x.report.Err = err
	if observe := m.on[x.device].Observe; observe != nil {
		observe(&x.report)
	}
	clear(x.report.Failures)
	end := x.report.End
	if o != policy.Ran {
		end = clock.Now() // that of the repair runs
	}
	b.mu.Lock()
	b.mu.sched.Complete(end, &x.batch, o, &b.mu.decided)
	var after aftermath
	b.followUpLocked(end, noDevice, &after)
	for i := range x.batch.Items {
		x.batch.Items[i].Owner.(*part).request.release()
	}
	x.model = nil
	waiters := x.waiters
	x.waiters = nil
	more = b.mu.sched.Waiting(x.device)
	if x.held == submitter {
		x.held = nobody
		if more {
			b.offerLocked(end, x)
		}
	}
	b.mu.Unlock()
	for _, w := range waiters {
		close(w)
	}
	b.followUp(&after)
	return more
}
