package batcher

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// executor runs the batches of one lane. It has a goroutine, and it can be led: a caller
// that finds the lane idle runs one short batch on its own goroutine, so that on a quiet
// server nobody has to be woken. What is not one short and good run (a long batch, a
// failed one, more work behind it) is left to the executor's goroutine.
//
// Who holds the lane changes under Batcher.mu only:
//
//	nobody --> caller --> nobody | handed
//	nobody | handed --> goroutine --> nobody
type executor struct {
	b      *Batcher
	device DeviceID
	name   string
	index  int
	wake   chan struct{} // capacity 1: a wake-up is a fact, not a count

	// Owned by whoever holds the lane; batch.Items and model are written under Batcher.mu.
	batch  Batch
	parts  []task.Part
	ended  []*request
	report BatchReport
	failed error // of a batch that was handed over after its run; nil if it has not run

	// Guarded by Batcher.mu.
	held    holder
	model   *Model // whose batch is sealed or runs; nil when there is none
	waiters []chan struct{}
}

// holder is who uses a lane.
type holder uint8

const (
	nobody holder = iota
	caller
	handed
	goroutine
)

// loop is the executor's goroutine.
func (x *executor) loop() {
	if x.b.opt.OnLane != nil {
		x.b.opt.OnLane()
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
		again := x.model != nil // sealed by a caller
		if again {
			x.complete(x.failed)
		}
		for x.seal(goroutine, again) {
			x.complete(nil)
			again = true
		}
	}
}

// take makes the goroutine the lane's holder, unless a caller is: it looks for more work
// when it is done.
func (x *executor) take() bool {
	x.b.mu.Lock()
	defer x.b.mu.Unlock()
	if x.held == caller {
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

// leadMargin is how many times over a batch must fit the leader's remaining budget.
const leadMargin = 20

// lead runs one batch on the goroutine of a caller, which holds the lane. The leader's own
// deadline bounds the run: it was predicted to take a small part of that, so a run that
// reaches it is stuck, and the leader must answer.
func (x *executor) lead(deadline clock.Instant) {
	if !x.seal(caller, false) {
		return
	}
	predicted := x.batch.PredictedEnd.Sub(x.batch.Start)
	if predicted > x.b.opt.LeadWithin || deadline.Sub(x.batch.Start) < leadMargin*predicted {
		x.handOver(nil)
		return
	}
	if err := x.attempt(min(deadline, x.batch.Start.Add(x.b.opt.HangLimit))); err != nil {
		if clock.Now() >= deadline {
			x.b.tick() // it was cut for the leader's deadline: that is its answer, not the run's error
		}
		x.handOver(err)
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
// is none the lane is free. A lane that has just run a batch may linger; one that was woken
// has done so.
func (x *executor) seal(by holder, again bool) bool {
	b := x.b
	if by == goroutine {
		// Handlers that already hold a request get the processor first and join the batch.
		runtime.Gosched()
	}
	b.mu.Lock()
	now := clock.Now()
	if again && b.mu.sched.Waiting(x.device) && b.holdLocked(now, x) {
		x.held = nobody
		b.mu.Unlock()
		return false
	}
	b.releaseLocked(x)
	ok := b.mu.sched.Next(now, x.device, x.index, &x.batch)
	if ok {
		x.held, x.model, x.failed = by, b.mu.models[x.batch.Model], nil
	} else {
		x.held = nobody
	}
	var lost []*request
	var reasons []Reason
	if len(x.batch.Dropped) > 0 {
		lost, reasons = x.dropLocked(now)
	}
	next := x.batch.Wake
	b.mu.Unlock()
	b.notify(next)
	for i, r := range lost {
		r.model.dropped(reasons[i])
	}
	wake(lost)
	return ok
}

// dropLocked ends the requests of dropped items and returns those to wake, with why. A
// request of which several items are dropped is ended once. Dropping is rare, so that it
// may allocate; the lane may be another's as soon as the lock is free.
func (x *executor) dropLocked(now clock.Instant) (lost []*request, reasons []Reason) {
	for _, d := range x.batch.Dropped {
		r := d.Item.Owner.(*part).request
		r.refs.Add(-1) // the caller still holds its own
		if !r.pending {
			continue
		}
		lost = append(lost, x.b.endLocked(now, []*request{r}, errDropped)...)
		reasons = append(reasons, d.Reason)
	}
	return lost, reasons
}

var errDropped = fault.New(fault.DeadlineExceeded, "the request cannot be answered within its budget any more")

// complete runs the sealed batch to its end. cause is the error of a run that it has had.
func (x *executor) complete(cause error) {
	if cause == nil {
		cause = x.attempt(x.batch.Start.Add(x.b.opt.HangLimit))
	}
	if cause != nil {
		x.bisect(x.batch.Items, x.parts, cause)
		x.free(cause)
	}
}

// attempt runs the sealed batch. If that goes well the batch is done with and the lane free.
func (x *executor) attempt(limit clock.Instant) error {
	x.parts = x.parts[:0]
	for _, it := range x.batch.Items {
		x.parts = append(x.parts, it.Owner.(*part).rows)
	}
	x.report = BatchReport{
		Device: x.name, Rows: x.batch.Rows, Requests: len(x.batch.Items),
		Sealed: x.batch.Start, Predicted: x.batch.PredictedEnd.Sub(x.batch.Start),
	}
	timing, err := x.try(x.model, x.parts, limit)
	x.report.Timing, x.report.End = timing, clock.Now()
	if err == nil {
		x.finish(x.batch.Items, nil)
		x.free(nil)
	}
	return err
}

// try runs parts and scatters their outputs. A panic is an error of this run alone.
func (x *executor) try(m *Model, parts []task.Part, limit clock.Instant) (timing task.Timing, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Wrap(fault.Internal, fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "the model failed")
		}
	}()
	runner := m.runners[x.device]
	timing, err = runner.Run(x.index, parts, limit)
	if err != nil {
		return timing, err
	}
	return timing, runner.Scatter(x.index, parts)
}

// finish records a result for each item, and ends the requests that have all of theirs.
func (x *executor) finish(items []*Item, err error) {
	b := x.b
	x.ended = x.ended[:0]
	b.mu.Lock()
	for _, it := range items {
		r := it.Owner.(*part).request
		if !r.pending {
			continue
		}
		r.left--
		if err != nil && r.failed == nil {
			r.failed = err
		}
		x.traceLocked(r)
		if r.left == 0 {
			b.settleLocked(r, r.failed)
			x.ended = append(x.ended, r)
		}
	}
	b.mu.Unlock()
	wake(x.ended)
}

// traceLocked notes in a pending request's trace how its (latest) part was run.
func (x *executor) traceLocked(r *request) {
	t, timing := &r.task.Trace, &x.report.Timing
	t.Sealed, t.RunStart, t.RunEnd, t.Done = x.batch.Start, timing.Gathered, timing.Done, x.report.End
	t.Device = x.name
	t.Batch = max(t.Batch, x.batch.Rows)
}

// free reports the batch, drops its items' references and gives the lane back. A leader
// leaves the lane, to the goroutine if work waits.
func (x *executor) free(err error) {
	b, m := x.b, x.model
	x.report.Err = err
	if m.spec.Observe != nil {
		m.spec.Observe(&x.report)
	}
	b.mu.Lock()
	b.mu.sched.Complete(x.report.End, &x.batch, err != nil)
	b.mu.linger[x.device].ran(x.batch.Rows)
	for i := range x.batch.Items {
		x.batch.Items[i].Owner.(*part).request.release()
	}
	x.model = nil
	waiters := x.waiters
	x.waiters = nil
	more := false
	if x.held == caller {
		x.held = nobody
		more = b.mu.sched.Waiting(x.device)
	}
	b.mu.Unlock()
	if more {
		x.notify()
	}
	for _, w := range waiters {
		close(w)
	}
}

// defaultLeadWithin is the longest batch that a caller runs itself: above it a hand-over
// costs little beside the run.
const defaultLeadWithin = time.Millisecond
