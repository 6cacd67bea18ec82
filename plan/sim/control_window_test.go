package sim

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
)

// FixedWindow gives up the requests at the head of the queue that stand in the way of a
// batch of a fixed target size, and runs that batch, or a larger one if its head allows.
type FixedWindow struct {
	fifo
	latency estimates
	target  int
}

// NewFixedWindow returns the control; margin is added to the curve. The target is the
// batch of the highest throughput that takes at most half of the budget.
func NewFixedWindow(most int, curve cost.Curve, margin float64, budget time.Duration) *FixedWindow {
	return &FixedWindow{fifo{most: most}, estimate(curve, most, margin), curve.Best(most, budget/2)}
}

// Next implements Policy.
func (f *FixedWindow) Next(now clock.Instant, _ Lane, b *Batch) bool {
	w := f.waiting()
	lost := 0
	for lost < len(w) && w[lost].Deadline < now.Add(f.latency[min(len(w)-lost, f.target)]) {
		lost++
	}
	f.drop(lost, b)
	w = f.waiting()
	size := min(len(w), f.target)
	for size > 0 && size < min(len(w), f.most) && w[0].Deadline >= now.Add(f.latency[size+1]) {
		size++
	}
	return f.take(size, b)
}
