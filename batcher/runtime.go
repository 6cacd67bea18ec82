package batcher

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// Options configure a Batcher. The zero value of each field is its documented default.
type Options struct {
	// Devices are the places to run, fixed for the Batcher's life.
	Devices []policy.DeviceOptions
	// Scheduler tunes the decisions.
	Scheduler policy.SchedulerOptions
	// HangLimit is how long a run may take before it counts as stuck and is cut short.
	// Default 10 s. Too low: slow models fail; too high: a stuck run holds its lane.
	HangLimit time.Duration
	// LeadWithin is the longest predicted run of a batch that Run runs on the goroutine of
	// its caller. Default 1 ms; negative: none.
	LeadWithin time.Duration
	// OnLane is called first on the goroutine of each lane: the place to bind it to a thread
	// and give that a priority. nil means nothing is done.
	OnLane func(policy.DeviceID, int)
	// PeerAfter is how long a request waits in the queue before the Batcher begins to ask
	// whether its client is still there. Default 10 ms; negative: never.
	PeerAfter time.Duration
	// OnDevice is called, without any lock, when a device stops or begins to take work: its
	// breaker opens or closes, or CloseDevice or OpenDevice was called. nil means nobody
	// listens.
	OnDevice func(name string, state policy.DeviceState, reason string)
}

// Batcher is the thin runtime around the Scheduler: one lock, a goroutine per lane,
// the callers' wake-ups and one timer. It never calls out (a run, a log line, a metric)
// with the lock held.
//
// A request goes pending -> ended, once, under the lock; who makes that step sets
// its error or trace and wakes the caller. Lanes may still be running parts of a
// request that has ended (its deadline passed, its client left): the reference that
// each part holds keeps the buffers valid until the lane lets go.
type Batcher struct {
	opt       Options
	executors [][]*executor // by device and lane
	stop      chan struct{}
	wg        sync.WaitGroup
	timer     *time.Timer
	blocked   atomic.Int32 // calls of Predict

	mu struct {
		sync.Mutex
		sched    *policy.Scheduler
		decided  policy.Decisions // of the last call, until followUpLocked has carried them out
		models   map[policy.ModelID]*Model
		oldest   *request // pending requests in order of arrival
		newest   *request
		drained  chan struct{} // closed when none is pending; nil unless Drain waits
		draining bool
		offered  []*executor   // lanes for the next Run, the longest on offer first
		armed    clock.Instant // when the timer fires; Never if it is off
		closed   bool
		evicted  error // as Model.evicted, for all models

		events     []policy.DeviceEvent // that OnDevice has not been told
		announcing bool                 // a goroutine calls OnDevice
	}
}

// Start starts a Batcher with its lanes.
func Start(opt Options) (*Batcher, error) {
	if opt.HangLimit == 0 {
		opt.HangLimit = 10 * time.Second
	}
	if opt.LeadWithin == 0 {
		opt.LeadWithin = defaultLeadWithin
	}
	if opt.PeerAfter == 0 {
		opt.PeerAfter = 10 * time.Millisecond
	}
	if opt.Scheduler.HangLimit == 0 {
		opt.Scheduler.HangLimit = opt.HangLimit
	}
	b := &Batcher{opt: opt, stop: make(chan struct{})}
	b.mu.sched = policy.New(opt.Scheduler)
	b.mu.models = make(map[policy.ModelID]*Model)
	b.mu.armed = clock.Never
	count := uint32(0)
	for _, d := range opt.Devices {
		id, err := b.mu.sched.AddDevice(d)
		if err != nil {
			return nil, err
		}
		var lanes []*executor
		for i := range d.Lanes + d.Spares {
			count++
			lanes = append(lanes, &executor{b: b, id: count, device: id, name: d.Name, index: i, wake: make(chan struct{}, 1)})
		}
		b.executors = append(b.executors, lanes)
	}
	b.timer = time.AfterFunc(time.Hour, b.tick)
	b.timer.Stop()
	for _, lanes := range b.executors {
		for _, x := range lanes {
			b.wg.Go(x.loop)
		}
	}
	return b, nil
}

// Drain refuses new requests and waits until every accepted one has ended. When ctx
// ends first, the requests that are still queued are answered with Draining at once.
func (b *Batcher) Drain(ctx context.Context) error {
	b.mu.Lock()
	b.mu.draining = true
	if b.mu.drained == nil {
		b.mu.drained = make(chan struct{})
	}
	drained := b.mu.drained
	if b.mu.oldest == nil {
		close(drained)
		b.mu.drained = nil
	}
	b.mu.Unlock()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		b.evict(nil, fault.New(fault.Draining, "the server is shutting down"))
		return ctx.Err()
	}
}

// Close stops the lanes after the runs that they are in. Requests that are still
// queued are answered with Draining. No request may arrive afterwards.
func (b *Batcher) Close() {
	b.mu.Lock()
	if b.mu.closed {
		b.mu.Unlock()
		return
	}
	b.mu.closed, b.mu.draining = true, true
	b.mu.Unlock()
	b.evict(nil, fault.New(fault.Draining, "the server is shutting down"))
	b.awaitRuns(nil)
	close(b.stop)
	b.wg.Wait()
	b.timer.Stop()
}

// evict answers every request of a model (nil: of all) that still waits with err. Nothing of it
// waits afterwards: what a failed batch would queue again ends likewise.
func (b *Batcher) evict(m *Model, err error) {
	b.mu.Lock()
	if m == nil {
		b.mu.evicted = err
	} else {
		m.evicted = err
	}
	var ended []*request
	for r := b.mu.oldest; r != nil; r = r.next {
		if (m == nil || r.model == m) && r.waits() {
			ended = append(ended, r)
		}
	}
	ended = b.endLocked(clock.Now(), ended, err)
	b.mu.Unlock()
	wake(ended)
}

// endLocked ends those of the requests that are still pending, takes their queued parts
// out of the scheduler, and returns those whose callers must be woken.
func (b *Batcher) endLocked(now clock.Instant, requests []*request, err error) []*request {
	ended := requests[:0]
	for _, r := range requests {
		if !r.pending {
			continue
		}
		for i := range r.parts {
			if b.mu.sched.Cancel(now, &r.parts[i].Item) {
				r.refs.Add(-1)
			}
		}
		b.settleLocked(r, err)
		ended = append(ended, r)
	}
	return ended
}

// acceptLocked is the step to pending, settleLocked the one from pending to ended.
func (b *Batcher) acceptLocked(r *request) {
	r.pending = true
	r.refs.Add(int32(len(r.parts)))
	r.prev, r.next = b.mu.newest, nil
	if r.prev != nil {
		r.prev.next = r
	} else {
		b.mu.oldest = r
	}
	b.mu.newest = r
	r.model.pending++
}

func (b *Batcher) settleLocked(r *request, err error) {
	r.pending = false
	r.task.Err = err
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		b.mu.oldest = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	} else {
		b.mu.newest = r.prev
	}
	r.prev, r.next = nil, nil
	r.model.pending--
	if r.model.pending == 0 && r.model.drained != nil {
		close(r.model.drained)
		r.model.drained = nil
	}
	if b.mu.oldest == nil && b.mu.drained != nil {
		close(b.mu.drained)
		b.mu.drained = nil
	}
}

// wake lets the callers of ended requests go on. It runs without the lock, and drops the
// callers' references to the requests: the task is all that a caller still has.
func wake(ended []*request) {
	var last task.Waker
	for i, r := range ended {
		ended[i] = nil
		t := r.task
		if t.Err == nil {
			t.Join()
		}
		r.release()
		w := t.End()
		if last != nil && w != last {
			last.Wake()
		}
		last = w
	}
	if last != nil {
		last.Wake()
	}
}
