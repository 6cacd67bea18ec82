package sim

import (
	"time"

	"sluice/internal/clock"
)

// Timeout waits for a full batch, but no longer than a fixed delay after the first
// request of it; it never gives anything up.
type Timeout struct {
	fifo
	delay time.Duration
	asked bool // since the head's delay ended
}

// NewTimeout returns the control for batches of up to most rows.
func NewTimeout(most int, delay time.Duration) *Timeout {
	return &Timeout{fifo: fifo{most: most}, delay: delay}
}

// Next implements Policy.
func (t *Timeout) Next(now clock.Instant, _ Lane, b *Batch) bool {
	w := t.waiting()
	if len(w) == 0 || len(w) < t.most && now < w[0].Arrived.Add(t.delay) {
		return false
	}
	t.asked = false
	return t.take(min(len(w), t.most), b)
}

// TickAt implements Policy: the end of the head's delay, once. Should no lane be idle
// then, the next to complete takes the batch.
func (t *Timeout) TickAt() clock.Instant {
	if w := t.waiting(); len(w) > 0 && !t.asked {
		return w[0].Arrived.Add(t.delay)
	}
	return clock.Never
}

// Tick implements Policy.
func (t *Timeout) Tick(_ clock.Instant, dropped []*Request) ([]*Request, Lane) {
	t.asked = true
	return dropped, Lane{0, AnyLane}
}
