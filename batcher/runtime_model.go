package batcher

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// Spec describes a model version to serve.
type Spec struct {
	Name     string
	MaxBatch int // most rows of one run; at least 1
	Outputs  int // outputs in the schema
	Budget   time.Duration
	// Placements are in order of preference.
	Placements []Placement
	// Fallback says when those after the first are used.
	Fallback policy.Fallback
	// Prefer says which of them is used where several would be in time.
	Prefer policy.Prefer
	// Displaced and UnfairRows are as those of ModelOptions.
	Displaced, UnfairRows bool
	// Weight is the model's share of a device against the other models there; 0 means 1.
	Weight float64
	// QueueRows and QueueBytes bound what may wait. 0 means the Scheduler's defaults.
	QueueRows  int
	QueueBytes int64
	// Dropped is called, outside every lock, for each request that was refused or given up. A request
	// of several parts counts once when it is refused, and once a part when it is dropped.
	Dropped func(policy.Reason)
}

// BatchReport says how one batch went.
type BatchReport struct {
	Device    string
	Rows      int
	Requests  int
	Sealed    clock.Instant
	Timing    task.Timing
	End       clock.Instant // outputs scattered
	Predicted time.Duration // of End - Sealed, when it was sealed
	Bound     time.Duration // likewise, what deadlines were held against
	Err       error         // of the batch's own run; nil if it went well
	Hedge     bool          // its requests ran elsewhere at the same time

	// Of a batch whose run failed: the repair runs, the parts of requests that were left to run
	// alone later, and the requests that it has failed for good, each with its own error.
	// Failures and their tasks are the observer's until it returns.
	Repairs, Apart int
	Failures       []Failure
}

// Failure is a request whose rows failed in a run of their own, or whose device was lost. Err is
// the task's, mostly a *fault.Error whose Cause is what the runner said.
type Failure struct {
	Task *task.Task
	Err  error
}

// Model is a model version in service.
type Model struct {
	b       *Batcher
	id      policy.ModelID
	spec    Spec
	refused atomic.Int64 // clock.Instant of the last refusal; 0 if none

	// on holds a placement for each device, empty where the model has no session. One is written
	// once, under Batcher.mu, before a batch is sealed for its device; a lane reads that of its own.
	on []Placement

	// Guarded by Batcher.mu.
	first     policy.DeviceID
	displaced bool
	pending   int           // requests
	evicted   error         // what requests end with that would wait again; nil while they may
	drained   chan struct{} // closed when none is pending; nil unless Close waits
}

// Add puts a model version into service.
func (b *Batcher) Add(spec Spec) (*Model, error) {
	m := &Model{b: b, spec: spec, on: make([]Placement, len(b.opt.Devices)), displaced: spec.Displaced}
	opt := policy.ModelOptions{Name: spec.Name, MaxBatch: max(spec.MaxBatch, 1), Budget: spec.Budget, Weight: spec.Weight, MaxQueueRows: spec.QueueRows, MaxQueueBytes: spec.QueueBytes, Fallback: spec.Fallback, Prefer: spec.Prefer, Displaced: spec.Displaced, UnfairRows: spec.UnfairRows}
	for _, p := range spec.Placements {
		on, err := b.locate(spec.Name, &p)
		if err != nil {
			return nil, err
		}
		m.on[on.Device] = p
		opt.Devices = append(opt.Devices, on)
	}
	if len(opt.Devices) == 0 {
		return nil, fmt.Errorf("cannot place model %q: it has no session on any device", spec.Name)
	}
	m.first = opt.Devices[0].Device
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.closed {
		return nil, fault.New(fault.Draining, "the server is shutting down")
	}
	id, err := b.mu.sched.AddModel(opt)
	if err != nil {
		return nil, err
	}
	m.id = id
	b.mu.models[id] = m
	return m, nil
}

// Predict runs one task to its end and returns its error: nil, and then the outputs
// are set, or a fault. It blocks until the task has been answered, at the latest at its
// deadline. The caller keeps its reference to the task.
func (m *Model) Predict(t *task.Task) error {
	m.b.blocked.Add(1)
	defer m.b.blocked.Add(-1)
	if err := m.enter(t, false); err != nil {
		return err
	}
	<-t.Wait
	return t.Err
}

// Submit is Predict for a submitter: it returns nil once the task is accepted, and t.Waiter hears
// when it has ended, at the latest at its deadline. The submitter must call the Batcher's Run
// afterwards, once for all that it has submitted.
func (m *Model) Submit(t *task.Task) error { return m.enter(t, true) }

// enter hands a task to the scheduler or refuses it. An idle lane for it is put on offer or woken.
func (m *Model) enter(t *task.Task, offer bool) error {
	r := getRequest(m, t)
	t.Reserve(m.spec.Outputs)
	now := clock.Now()
	t.Trace.Queued = now
	if v := m.queue(now, r, offer); !v.Admitted {
		r.release()
		m.dropped(v.Reason)
		return m.refusal(t.Arrived, t.Deadline, now, v)
	}
	return nil
}

// queue queues the request's parts, all or none. If they are accepted the request may have ended
// and be another's when it returns.
func (m *Model) queue(now clock.Instant, r *request, offer bool) (v policy.Verdict) {
	b := m.b
	b.mu.Lock()
	if b.mu.draining {
		b.mu.Unlock()
		return policy.Verdict{Reason: policy.Closed}
	}
	for i := range r.parts {
		if v = b.mu.sched.Arrive(now, &r.parts[i].Item, &b.mu.decided); !v.Admitted {
			for j := range i {
				b.mu.sched.Cancel(now, &r.parts[j].Item)
			}
			m.refused.Store(int64(now))
			break
		}
	}
	if v.Admitted {
		b.acceptLocked(r)
		b.mu.decided.LookBy(now.Add(lookEvery))
	}
	offers := noDevice
	if offer {
		offers = anyDevice
	}
	var after aftermath
	b.followUpLocked(now, offers, &after)
	b.mu.Unlock()
	b.followUp(&after)
	return v
}

// Close takes the model out of service: new requests are refused, and it waits until
// the accepted ones have ended. When ctx ends first, those still queued are answered
// with Draining and it waits for the runs alone. Afterwards no runner is in use.
func (m *Model) Close(ctx context.Context) error {
	b := m.b
	b.mu.Lock()
	if b.mu.models[m.id] != m {
		b.mu.Unlock()
		return nil
	}
	b.mu.sched.CloseModel(m.id)
	drained := make(chan struct{})
	if m.pending == 0 {
		close(drained)
	} else {
		m.drained = drained
	}
	b.mu.Unlock()
	var err error
	select {
	case <-drained:
	case <-ctx.Done():
		err = ctx.Err()
		b.evict(m, fault.New(fault.Draining, "the model version is being replaced"))
	}
	b.awaitRuns(m)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.mu.models, m.id)
	if fault := b.mu.sched.RemoveModel(m.id); fault != nil {
		panic("BUG: " + fault.Error())
	}
	return err
}

// awaitRuns returns when no lane runs a batch of the model (nil: of any). Requests may have ended at
// their deadlines while their batch runs on.
func (b *Batcher) awaitRuns(m *Model) {
	for _, lanes := range b.executors {
		for _, x := range lanes {
			b.mu.Lock()
			var done chan struct{}
			if x.model != nil && (m == nil || x.model == m) {
				done = make(chan struct{})
				x.waiters = append(x.waiters, done)
			}
			b.mu.Unlock()
			if done != nil {
				<-done
			}
		}
	}
}

// QueueState is what waits for a model.
type QueueState struct {
	Requests, Rows int
	Bytes          int64
	Oldest         time.Duration // longest wait among those next in line
}

// Queue reports what waits for the model. It is for metrics: it allocates.
func (m *Model) Queue() QueueState {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	stats, ok := m.b.mu.sched.ModelStats(clock.Now(), m.id)
	if !ok {
		return QueueState{}
	}
	state := QueueState{Requests: stats.Items, Rows: stats.Rows, Bytes: stats.Bytes}
	for _, d := range stats.Devices {
		state.Oldest = max(state.Oldest, d.Oldest)
	}
	return state
}
