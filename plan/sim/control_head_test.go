package sim

import (
	"sluice/internal/clock"
	"sluice/internal/cost"
)

// HeadSized runs the largest batch that still saves the most urgent request, and gives
// up only what cannot be saved even alone. It looks kind and collapses under
// overload: the head is always about to be lost, so batches shrink just when they
// ought to be large.
type HeadSized struct {
	fifo
	latency estimates
}

// NewHeadSized returns the control; margin is added to the curve.
func NewHeadSized(most int, curve cost.Curve, margin float64) *HeadSized {
	return &HeadSized{fifo{most: most}, estimate(curve, most, margin)}
}

// Next implements Policy.
func (h *HeadSized) Next(now clock.Instant, _ Lane, b *Batch) bool {
	lost := 0
	for _, r := range h.waiting() {
		if r.Deadline >= now.Add(h.latency[1]) {
			break
		}
		lost++
	}
	h.drop(lost, b)
	w := h.waiting()
	size := min(len(w), h.most)
	for size > 1 && w[0].Deadline < now.Add(h.latency[size]) {
		size--
	}
	return h.take(size, b)
}
