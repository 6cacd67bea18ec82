package batcher

import (
	"sync"
	"sync/atomic"

	"sluice/batcher/policy"
	"sluice/internal/task"
)

// request is a task in the scheduler's hands, as one or more parts of at most MaxBatch
// rows, or what the task's shape allows. It is referenced by its caller and by each part that is queued or running.
type request struct {
	task  *task.Task
	model *Model
	parts []part
	refs  atomic.Int32

	// Guarded by Batcher.mu.
	pending    bool // accepted and not ended
	prev, next *request
	left       int // parts without a result
}

// part is what the scheduler sees of a request; its Owner is the part itself.
type part struct {
	policy.Item
	request *request
	rows    task.Part
	claim   atomic.Uint32 // the executor that writes the outputs; 0 for none yet
	open    int           // batches that run it and have not failed; under Batcher.mu

	// Of one that was in a failed batch; under Batcher.mu.
	failures int   // of runs of its own
	mates    bool  // others of that batch ran well without it
	foregone error // of a run of its own, final unless others run well by its next turn
}

// waits reports whether a part of the request is in a queue.
func (r *request) waits() bool {
	for i := range r.parts {
		if r.parts[i].Waits() {
			return true
		}
	}
	return false
}

var requests = sync.Pool{New: func() any { return new(request) }}

// getRequest splits a task into items. The caller's reference is counted; the task is
// retained until the last reference goes.
func getRequest(m *Model, t *task.Task) *request {
	r := requests.Get().(*request)
	t.Retain()
	r.task, r.model = t, m
	r.refs.Store(1)
	maxBatch := max(m.spec.MaxBatch, 1)
	if t.MostRows > 0 {
		maxBatch = min(maxBatch, t.MostRows)
	}
	n := max((t.Rows+maxBatch-1)/maxBatch, 1)
	if cap(r.parts) < n {
		r.parts = make([]part, n)
	}
	r.parts, r.left = r.parts[:n], n
	bytes := inputBytes(t) / int64(n)
	for i := range r.parts {
		p := &r.parts[i]
		p.request = r
		p.claim.Store(0)
		p.open, p.failures, p.mates, p.foregone = 0, 0, false, nil
		p.rows = task.Part{Task: t, From: i * maxBatch, To: min((i+1)*maxBatch, t.Rows)}
		p.Item = policy.Item{
			Model: m.id, Rows: max(p.rows.Rows(), 1), Whole: t.Rows, Bytes: bytes,
			Arrived: t.Arrived, Deadline: t.Deadline, Class: t.Priority, Key: t.ShapeKey, Most: t.MostRows, Owner: p,
		}
	}
	return r
}

// inputBytes is what a request's inputs take, in memory and in a batch.
func inputBytes(t *task.Task) (n int64) {
	for i := range t.Inputs {
		n += int64(len(t.Inputs[i].Data))
	}
	for i := range t.Optional {
		n += int64(len(t.Optional[i].Data))
	}
	return n + t.Repeated
}

// release drops a reference.
func (r *request) release() {
	switch n := r.refs.Add(-1); {
	case n == 0:
		t := r.task
		r.task, r.model = nil, nil
		clear(r.parts)
		requests.Put(r)
		t.Release()
	case n < 0:
		panic("BUG: request released more often than referenced")
	}
}
