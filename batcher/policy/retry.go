package policy

import (
	"time"

	"sluice/internal/clock"
)

// When should a refused request come back? Not when its wait would be over: it would meet what came
// meanwhile, and all the others that were refused in the same burst. Let B be its budget, run what its
// rows take, wait how long until all that is admitted has run, back the work of the requests that were
// told to come back before it and have not yet, spare the part of the device's time that the arrivals
// of some seconds leave free. It is told
//
//	(wait + back + run - B/2) / spare
//
// after which it should be done within half of its budget; the other half is for bursts. back shrinks by
// spare of each second, and grows by each request that is told. Clients that do not come back make
// others wait longer than they need; the bounds below say how much.

const (
	retryMargin  = 0.5                    // of the budget
	retrySpare   = 0.1                    // at least, of a device that is full
	retryBack    = 500 * time.Millisecond // of work, at most
	retryAtLeast = time.Millisecond
)

// returns is the work of refused requests that have been told when to come back.
type returns struct {
	work time.Duration
	at   clock.Instant // of the last change
}

// pass lets the device spend a part of the time since the last change on what comes back.
func (r *returns) pass(now clock.Instant, spare float64) {
	r.work = max(0, r.work-time.Duration(float64(max(now.Sub(r.at), 0))*spare))
	r.at = now
}

// retry tells a refused item when to come back with the same budget.
func (in *instance) retry(now clock.Instant, it *Item) time.Duration {
	rate := float64(in.limit) / float64(in.cost.Mean(in.limit)) * float64(in.device.servers()) * in.share // rows per nanosecond
	spare := max(retrySpare, 1-in.arrivals.slow/rate/1e9)
	in.back.pass(now, spare)
	work := in.backlog()
	wait := in.device.free(now, work+in.company(work)).Sub(now)
	wait += in.back.work + in.cost.Latency(it.Rows) - time.Duration(retryMargin*float64(it.Deadline.Sub(it.Arrived)))
	in.back.work = min(retryBack, in.back.work+time.Duration(float64(it.whole())/rate))
	return max(retryAtLeast, time.Duration(float64(wait)/spare))
}
