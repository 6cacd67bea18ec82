package sim

import (
	"time"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/task"
)

// Request is one arrival. A policy reads it; the simulation alone changes its state.
type Request struct {
	Seq      int // in order of arrival, from 0
	Stream   int
	Model    int
	Rows     int
	Whole    int // rows of the arrival of which it is a part
	Class    task.Priority
	Arrived  clock.Instant
	Deadline clock.Instant
	// Device is where the request waits. A policy with several devices sets it in Arrive.
	Device int
	// Reason is why it was refused or dropped. A policy that has reasons sets it.
	Reason policy.Reason
	// Retry is after how long a refused one should come back, as the policy has it; 0 if it
	// does not say.
	Retry time.Duration
	// Back says that it was refused before, and has come back.
	Back bool
	// Mark is for whoever watches the policy; nothing here reads it.
	Mark uint8

	state  state
	whole  *whole
	handle any // the policy's
}

// whole is an arrival of more rows than a batch: it comes as several requests, which are admitted
// all or none, and counts once, as the worst of them.
type whole struct {
	parts []*Request
	left  int   // that have not ended
	worst Count // of those that have, one each
}

// Canceler is a policy that can take back a request; it reports whether that still waited.
type Canceler interface {
	Cancel(now clock.Instant, r *Request) bool
}

// Lane is the right to run one batch on a device.
type Lane struct {
	Device, Lane int
}

// AnyLane as Lane.Lane means the first idle lane of the device, if there is one.
const AnyLane = -2

// NoLane is the answer of a policy that wants no lane to act.
var NoLane = Lane{-1, -1}

// Batch is what a lane runs. Next appends to its slices.
type Batch struct {
	Lane     Lane
	Model    int
	Requests []*Request
	Rows     int
	// Padded is the size that the session runs; at least Rows.
	Padded int
	// Probe says that the policy knows the batch will be late and runs it to correct its
	// estimates.
	Probe bool
	// Hedge says that the requests run elsewhere at the same time; the first run counts.
	Hedge bool
	// Dropped will never run. There may be some although no batch was sealed.
	Dropped []*Request
	// Wake is another idle lane that should call Next.
	Wake  Lane
	Start clock.Instant

	handle any
}

// Policy is what is simulated. Calls carry the time and never overlap.
type Policy interface {
	// Arrive takes a request into its queues or refuses it, and names a lane that
	// should ask for work.
	Arrive(now clock.Instant, r *Request) (admitted bool, wake Lane)
	// Next fills b with a batch for an idle lane; false if the lane stays idle.
	Next(now clock.Instant, lane Lane, b *Batch) bool
	// Complete says that a batch has run. The lane asks for work right after.
	Complete(now clock.Instant, b *Batch, took time.Duration)
	// TickAt is when Tick must be called if nothing happens before; clock.Never if not.
	TickAt() clock.Instant
	// Tick does what is due by time alone. It returns the requests that it gave up and a
	// lane that should ask for work.
	Tick(now clock.Instant, dropped []*Request) ([]*Request, Lane)
}
