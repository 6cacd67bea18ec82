package sim

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
)

// QueueSpill is FixedWindow on a first device with a second one for what comes while more
// than a fixed number wait: how CPU fallback is usually built. The second device runs
// requests one at a time in order of arrival, whether or not they can still be in time, and
// so turns into a queue of requests that are late.
type QueueSpill struct {
	first  *FixedWindow
	most   int // that may wait on the first
	second fifo
}

// NewQueueSpill returns the control: requests beyond so many waiting go to device 1.
func NewQueueSpill(batch int, curve cost.Curve, margin float64, budget time.Duration, most int) *QueueSpill {
	return &QueueSpill{first: NewFixedWindow(batch, curve, margin, budget), most: most, second: fifo{most: 1}}
}

// Arrive implements Policy.
func (q *QueueSpill) Arrive(now clock.Instant, r *Request) (bool, Lane) {
	if len(q.first.waiting()) < q.most {
		return q.first.Arrive(now, r)
	}
	r.Device = 1
	q.second.Arrive(now, r)
	return true, Lane{1, AnyLane}
}

// Next implements Policy.
func (q *QueueSpill) Next(now clock.Instant, lane Lane, b *Batch) bool {
	if lane.Device == 0 {
		return q.first.Next(now, lane, b)
	}
	return q.second.take(min(len(q.second.waiting()), 1), b)
}

// Complete implements Policy.
func (q *QueueSpill) Complete(clock.Instant, *Batch, time.Duration) {}

// TickAt implements Policy.
func (q *QueueSpill) TickAt() clock.Instant { return clock.Never }

// Tick implements Policy.
func (q *QueueSpill) Tick(_ clock.Instant, dropped []*Request) ([]*Request, Lane) {
	return dropped, NoLane
}
