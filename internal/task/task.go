// Package task is what travels through the gateway: one caller's rows, from the
// decoder that fills the inputs, through the scheduler that picks a batch, to the
// runner that fills the outputs, and back to the encoder.
//
// Ownership. A Task is pooled and reference-counted. Get returns it with one
// reference, the handler's. Whoever else touches it after the handler may have gone
// (a batch that runs on past the deadline) holds a reference of its own. The last
// Release resets it and puts it back; so the buffers of an abandoned request stay
// valid for the batch that still reads them.
//
// Inputs may lie in the memory of another task, which is kept for that (Borrow).
//
// Who writes what: the decoder writes the request fields before the task is
// submitted and nobody after; the runner writes outputs through SetRows and
// SetWhole; the scheduler writes Err and Trace before it reports the end state.
package task

import (
	"sync"
	"sync/atomic"

	"sluice/internal/clock"
	"sluice/internal/memory"
	"sluice/internal/tensor"
)

// Priority is a class of requests; lower runs first.
type Priority uint8

// The classes. Drops and rejections start at Low.
const (
	High Priority = iota
	Normal
	Low
	Priorities = 3
)

// Peer tells whether the client is still there.
type Peer interface {
	// Gone makes a system call; it is asked only of requests that wait long.
	Gone() bool
}

// Waiter is told, once, that a task has ended: its Err, Outputs and Trace are final. It is
// called on whatever goroutine ended the task and must return at once. It returns whom to wake
// when all that ended together have been told; nil if nobody.
type Waiter interface{ Ended() Waker }

// Waker wakes those who deal with tasks that have ended. One waking for a whole batch saves a
// switch between threads for each of its requests.
type Waker interface{ Wake() }

// Trace is what happened to a task, for response headers and metrics.
type Trace struct {
	Queued   clock.Instant // submitted to the scheduler
	Sealed   clock.Instant // its (last) batch was closed
	RunStart clock.Instant // gathered; the session starts
	RunEnd   clock.Instant // outputs ready
	Done     clock.Instant // outputs copied to the callers
	Device   string        // device that ran it, such as cpu
	Reason   string        // why not the preferred device; empty if it was
	Batch    int           // rows of the (largest) batch that it was in
}

// Task is one caller's rows.
type Task struct {
	// Rows is the rows of the request; 1 for a model that cannot batch.
	Rows int
	// Inputs holds one tensor per schema input, in schema order.
	Inputs []tensor.Tensor
	// Optional holds the optional inputs that the request gives: none, or one tensor per
	// optional input of the schema, in its order, Invalid where the request has none.
	Optional []tensor.Tensor
	// Repeated is the bytes that gathering the inputs adds, by repeating what is given once.
	Repeated int64
	// Unpadded keeps the padding away from a task that runs alone, so that its answer can be
	// compared with a padded one.
	Unpadded bool
	// Wanted is a bit per schema output, lowest bit first.
	Wanted uint64
	// ShapeKey separates tasks that cannot share a batch; equal for those that can.
	ShapeKey uint64
	// MostRows is the most rows of tasks with this key that may share a run; 0 means as many as
	// the model takes. Equal for equal keys.
	MostRows int
	Arrived  clock.Instant
	Deadline clock.Instant
	Priority Priority
	// Peer may be nil.
	Peer Peer

	// Outputs holds one tensor per schema output, in schema order, once the task
	// has ended without Err; those not wanted stay zero.
	Outputs []tensor.Tensor
	// Answers bounds the outputs' memory together with that of others; nil if nothing does.
	Answers *memory.Budget
	Err     error
	Trace   Trace

	// Arena owns the inputs' memory. Only the decoder allocates from it.
	Arena tensor.Arena
	// Waiter is told when a submitted task has ended. If it is nil, Wait is.
	Waiter Waiter
	// Wait is what a caller blocks on. Kept across uses of a pooled task so that waiting
	// does not allocate.
	Wait chan struct{}

	refs    atomic.Int32
	lender  *Task // see Borrow
	results results
}

var pool = sync.Pool{New: func() any { return &Task{Wait: make(chan struct{}, 1)} }}

// Get returns an empty task with one reference.
func Get() *Task {
	t := pool.Get().(*Task)
	t.refs.Store(1)
	return t
}

// Retain adds a reference.
func (t *Task) Retain() { t.refs.Add(1) }

// Release drops a reference; the caller must not touch the task afterwards.
func (t *Task) Release() {
	switch n := t.refs.Add(-1); {
	case n == 0:
		t.reset()
		pool.Put(t)
	case n < 0:
		panic("BUG: task released more often than retained")
	}
}

// Borrow keeps another task, in whose memory inputs of this one lie, for as long as this one is kept.
func (t *Task) Borrow(from *Task) {
	from.Retain()
	t.lender = from
}

func (t *Task) reset() {
	if t.lender != nil {
		t.lender.Release()
		t.lender = nil
	}
	clear(t.Inputs)
	clear(t.Outputs)
	clear(t.Optional)
	inputs, outputs := t.Inputs[:0], t.Outputs[:0]
	t.Optional, t.Unpadded, t.Repeated = t.Optional[:0], false, 0
	t.Arena.Reset()
	t.results.reset()
	select {
	case <-t.Wait:
	default:
	}
	t.Rows, t.Inputs, t.Wanted, t.ShapeKey, t.MostRows = 0, inputs, 0, 0, 0
	t.Arrived, t.Deadline, t.Priority, t.Peer, t.Waiter = 0, 0, 0, nil, nil
	t.Outputs, t.Answers, t.Err, t.Trace = outputs, nil, nil, Trace{}
}

// End tells the waiter that the task has ended, and returns whom to wake afterwards, nil if
// nobody. The scheduler calls it once; the task is the waiter's again.
func (t *Task) End() Waker {
	if t.Waiter != nil {
		return t.Waiter.Ended()
	}
	t.Wait <- struct{}{}
	return nil
}

// Wants reports whether output k was asked for.
func (t *Task) Wants(k int) bool { return t.Wanted&(1<<uint(k)) != 0 }

// Part is a range of a task's rows: the unit that a batch is made of. A request of
// more rows than a batch holds has several.
type Part struct {
	Task     *Task
	From, To int
}

// Rows is the rows of the part.
func (p Part) Rows() int { return p.To - p.From }

// Whole reports whether the part is its whole task.
func (p Part) Whole() bool { return p.From == 0 && p.To == p.Task.Rows }

// Timing is what a run reports about itself.
type Timing struct {
	Gathered clock.Instant // rows are in the lane's memory; the session starts
	Done     clock.Instant // outputs are ready
}

// Runner runs batches of one model version on one device. A lane is the right to run
// one batch and owns the memory for it: calls with different lanes may overlap, calls
// with the same lane never do.
type Runner interface {
	// Run gathers the parts' rows into the lane's memory and runs the session. limit is
	// the instant after which the run counts as stuck and is cut short, if the device can.
	Run(lane int, parts []Part, limit clock.Instant) (Timing, error)
	// Scatter copies the outputs of the lane's last successful Run into the tasks, for
	// the same parts in the same order. A part whose Task is nil is skipped: its caller
	// has been answered already.
	Scatter(lane int, parts []Part) error
}
