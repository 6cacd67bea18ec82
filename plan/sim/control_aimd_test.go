package sim

import (
	"time"

	"sluice/internal/clock"
)

// AIMD probes for the batch size: one more after a batch whose requests were all in
// time, a tenth less after one with a late request. What has expired is dropped when a
// batch is formed, and only then ("lazy drop"), so under overload the head of the
// queue is always about to expire and every batch is late.
type AIMD struct {
	fifo
	limit float64
}

// NewAIMD returns the control for batches of up to most rows.
func NewAIMD(most int) *AIMD { return &AIMD{fifo: fifo{most: most}, limit: 1} }

// Next implements Policy.
func (a *AIMD) Next(now clock.Instant, _ Lane, b *Batch) bool {
	expired := 0
	for _, r := range a.waiting() {
		if r.Deadline >= now {
			break
		}
		expired++
	}
	a.drop(expired, b)
	return a.take(min(len(a.waiting()), int(a.limit)), b)
}

// Complete implements Policy.
func (a *AIMD) Complete(now clock.Instant, b *Batch, _ time.Duration) {
	if b.Requests[0].Deadline < now {
		a.limit = max(1, a.limit*0.9)
	} else {
		a.limit = min(float64(a.most), a.limit+1)
	}
}
