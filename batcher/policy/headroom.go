package policy

import (
	"time"

	"sluice/internal/clock"
)

// Promises to short budgets are broken by a single run that takes a little longer than its bound, or by an
// answer that waits for a core; no reserve for sums of runs helps them. So newcomers with short budgets must
// be predicted to be done some time before their deadlines: their headroom. It grows with each promise that
// it would have kept, until few are broken, and shrinks with each that is kept.

// keepsFrom is how many full batches fit into a budget from which on it is no short one.
const keepsFrom = 4

const (
	headroomStep = float64(25 * time.Microsecond)
	headroomAim  = 0.004 // of the promises may be broken
	headroomLost = 0.5   // so much less for one that is lost anyway
	headroomMost = time.Millisecond
	headroomPart = 4 // so much of the budget beyond the run, at most, as a divisor
)

// keep learns from what became of a promise: when the item's run ended, or would have ended if it was given
// up; Never if that is not known. What no headroom cures makes it smaller: where much is lost anyway, it would
// refuse more than it keeps.
func (in *instance) keep(it *Item, end clock.Instant) {
	over := time.Duration(end - it.Deadline)
	switch {
	case !in.short(it):
		in.cost.Keep(over <= 0)
	case over <= -in.answer:
		in.kept = max(in.kept-headroomAim*headroomStep, 0)
	case over <= headroomMost:
		in.kept = min(in.kept+(1-headroomAim)*headroomStep, float64(headroomMost))
	default:
		in.kept = max(in.kept-headroomLost*headroomStep, 0)
	}
}

// short reports whether an item's budget is so short that a single run can break it.
func (in *instance) short(it *Item) bool {
	return it.Deadline.Sub(it.Arrived) < keepsFrom*in.fullRun
}

// headroom is how long before its deadline an item must be predicted to be done. What its own run takes
// of the budget stays out of it, so that a budget of little more than a run is still served at rest.
func (in *instance) headroom(it *Item) time.Duration {
	if in.kept == 0 || !in.short(it) {
		return 0
	}
	return max(min(time.Duration(in.kept), (it.Deadline.Sub(it.Arrived)-in.idle(it.whole()))/headroomPart), 0)
}
