package policy

import (
	"sluice/internal/clock"
	"sluice/internal/task"
)

// A higher class may displace a lower one: no promise holds against what comes of a class above. How
// much comes is not known when a request of a lower class is admitted, and a mean rate does not say it:
// to count on one costs up to 8 points of the answers in time with bursts, for what does not come. So it
// is learned from what becomes of promises. While more than one in twenty of a class is displaced, what
// waits of the class is taken to need longer; otherwise ever less. Below that nothing is refused for it.
const (
	passStep = 0.02 // of what waits
	passAim  = 0.05 // of the requests may be displaced
	passMost = 5    // times what waits: a class with a sixth of the device
)

// pass learns from what became of a promise to a class.
func (in *instance) pass(c task.Priority, displaced bool) {
	if displaced {
		in.passed[c] = min(in.passed[c]+(1-passAim)*passStep, passMost)
	} else if in.passed[c] > 0 {
		in.passed[c] = max(in.passed[c]-passAim*passStep, 0)
	}
}

// above is the rows that have come of the classes above one.
func (in *instance) above(c task.Priority) (rows uint64) {
	for _, n := range in.came[:c] {
		rows += n
	}
	return rows
}

// loss notes that an item is given up for a reason, and why it is: one that cannot make its deadline, or
// has missed it, is displaced if rows of a higher class have come after it.
func (in *instance) loss(now clock.Instant, it *Item, why Reason) Reason {
	if why != Expired && why != PredictedLate {
		return why
	}
	if in.above(it.Class) > it.before {
		in.pass(it.Class, true)
		return Outranked
	}
	end := clock.Never
	if alone := now.Add(in.cost.Latency(it.Rows)); why == PredictedLate && alone > it.Deadline {
		end = alone
	}
	in.keep(it, end)
	return why
}
