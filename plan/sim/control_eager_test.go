package sim

import "sluice/internal/clock"

// Eager starts whatever waits as soon as a lane is free, first come first served, and
// never gives anything up. Under overload each request waits a little longer than
// the one before, until all are late.
type Eager struct{ fifo }

// NewEager returns the control for batches of up to most rows.
func NewEager(most int) *Eager { return &Eager{fifo{most: most}} }

// Next implements Policy.
func (e *Eager) Next(_ clock.Instant, _ Lane, b *Batch) bool {
	return e.take(min(len(e.waiting()), e.most), b)
}
