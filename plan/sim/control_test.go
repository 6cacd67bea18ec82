package sim

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
)

// Controls are what schedulers do elsewhere, in their simplest form: one model on one
// device, requests of one row and one budget, in order of arrival (which then is the
// order of deadlines). They exist to be beaten, and to prove that the tests of the
// real scheduler can fail.

// fifo is what the controls have in common: a queue, and lanes that are woken by every
// arrival.
type fifo struct {
	queue []*Request
	at    int
	most  int // largest batch
}

// Arrive implements Policy: everything is admitted.
func (f *fifo) Arrive(_ clock.Instant, r *Request) (bool, Lane) {
	f.queue = append(f.queue, r)
	return true, Lane{0, AnyLane}
}

// Complete implements Policy; most controls learn nothing.
func (f *fifo) Complete(clock.Instant, *Batch, time.Duration) {}

// TickAt implements Policy; most controls act on events alone.
func (f *fifo) TickAt() clock.Instant { return clock.Never }

// Tick implements Policy.
func (f *fifo) Tick(_ clock.Instant, dropped []*Request) ([]*Request, Lane) { return dropped, NoLane }

func (f *fifo) waiting() []*Request { return f.queue[f.at:] }

// advance drops the used part of the queue from memory now and then.
func (f *fifo) advance(n int) {
	f.at += n
	if f.at > 1024 && f.at > len(f.queue)/2 {
		f.queue = append(f.queue[:0], f.queue[f.at:]...)
		f.at = 0
	}
}

// drop gives up the first n requests.
func (f *fifo) drop(n int, b *Batch) {
	b.Dropped = append(b.Dropped, f.waiting()[:n]...)
	f.advance(n)
}

// take seals the first n requests; false if n is 0.
func (f *fifo) take(n int, b *Batch) bool {
	b.Model, b.Rows, b.Padded = 0, n, n
	b.Requests = append(b.Requests, f.waiting()[:n]...)
	f.advance(n)
	return n > 0
}

// estimates is the latency that a control expects of each batch size: the curve and a
// margin for noise.
type estimates []time.Duration

func estimate(curve cost.Curve, most int, margin float64) estimates {
	l := make(estimates, most+1)
	for b := 1; b <= most; b++ {
		l[b] = time.Duration(float64(curve.At(b)) * (1 + margin))
	}
	return l
}
