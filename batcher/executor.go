package batcher

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// executor is the goroutine that uses one lane of a device.
type executor struct {
	b      *Batcher
	device DeviceID
	name   string
	index  int
	wake   chan struct{} // capacity 1: a wake-up is a fact, not a count

	// Owned by the lane's goroutine; batch.Items and model are written under Batcher.mu.
	batch  Batch
	parts  []task.Part
	ended  []*request
	report BatchReport

	// Guarded by Batcher.mu.
	model   *Model // whose batch runs; nil when idle
	waiters []chan struct{}
}

func (x *executor) loop() {
	for {
		// Handlers that already hold a request get the processor first and join the batch.
		runtime.Gosched()
		if x.seal() {
			x.run()
			continue
		}
		select {
		case <-x.wake:
		case <-x.b.stop:
			return
		}
	}
}

// notify wakes the lane if it is idle; a busy one looks again anyway.
func (x *executor) notify() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// seal closes a batch for this lane, and answers what had to be dropped to form it.
func (x *executor) seal() bool {
	b := x.b
	b.mu.Lock()
	now := clock.Now()
	ok := b.mu.sched.Next(now, x.device, x.index, &x.batch)
	if ok {
		x.model = b.mu.models[x.batch.Model]
	}
	x.ended = x.ended[:0]
	for _, d := range x.batch.Dropped {
		r := d.Item.Owner.(*part).request
		r.refs.Add(-1) // the caller still holds its own
		x.ended = append(x.ended, r)
	}
	x.ended = b.endLocked(now, x.ended, errDropped)
	b.mu.Unlock()
	b.notify(x.batch.Wake)
	for _, d := range x.batch.Dropped {
		d.Item.Owner.(*part).request.model.dropped(d.Reason)
	}
	wake(x.ended)
	return ok
}

var errDropped = fault.New(fault.DeadlineExceeded, "the request cannot be answered within its budget any more")

// run runs the sealed batch and ends the requests that it completes.
func (x *executor) run() {
	m, batch := x.model, &x.batch
	x.parts = x.parts[:0]
	for _, it := range batch.Items {
		x.parts = append(x.parts, it.Owner.(*part).rows)
	}
	x.report = BatchReport{
		Device: x.name, Rows: batch.Rows, Requests: len(batch.Items),
		Sealed: batch.Start, Predicted: batch.PredictedEnd.Sub(batch.Start),
	}
	timing, err := x.try(m, x.parts)
	x.report.Timing, x.report.Err = timing, err
	x.report.End = clock.Now()
	if err == nil {
		x.finish(batch.Items, timing, nil)
	} else {
		x.bisect(m, batch.Items, x.parts, err)
	}
	x.free(err != nil)
	if m.spec.Observe != nil {
		m.spec.Observe(&x.report)
	}
}

// try runs parts and scatters their outputs. A panic is an error of this run alone.
func (x *executor) try(m *Model, parts []task.Part) (timing task.Timing, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Wrap(fault.Internal, fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "the model failed")
		}
	}()
	runner := m.runners[x.device]
	timing, err = runner.Run(x.index, parts, clock.Now().Add(x.b.opt.HangLimit))
	if err != nil {
		return timing, err
	}
	return timing, runner.Scatter(x.index, parts)
}

// finish records a result for each item, and ends the requests that have all of theirs.
func (x *executor) finish(items []*Item, timing task.Timing, err error) {
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
		x.traceLocked(r, timing)
		if r.left == 0 {
			b.settleLocked(r, r.failed)
			x.ended = append(x.ended, r)
		}
	}
	b.mu.Unlock()
	wake(x.ended)
}

// traceLocked notes in a pending request's trace how its (latest) part was run.
func (x *executor) traceLocked(r *request, timing task.Timing) {
	t := &r.task.Trace
	t.Sealed, t.RunStart, t.RunEnd, t.Done = x.batch.Start, timing.Gathered, timing.Done, x.report.End
	t.Device = x.name
	t.Batch = max(t.Batch, x.batch.Rows)
}

// free gives the lane back to the scheduler and drops the items' references.
func (x *executor) free(failed bool) {
	b := x.b
	b.mu.Lock()
	b.mu.sched.Complete(x.report.End, &x.batch, failed)
	x.model = nil
	waiters := x.waiters
	x.waiters = nil
	b.mu.Unlock()
	for _, w := range waiters {
		close(w)
	}
	for i := range x.batch.Items {
		x.batch.Items[i].Owner.(*part).request.release()
	}
}
