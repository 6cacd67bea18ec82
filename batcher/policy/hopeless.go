package policy

import (
	"time"

	"sluice/internal/clock"
)

// retryPause is how long a model rests before a request is tried whose budget is shorter than
// what its rows take, as a multiple of that time. The table was measured, so the try will most
// likely be in vain, and it holds a lane for as long as it runs: this bounds it to a twentieth.
// Without any try a model that was measured on a bad day would refuse for ever.
const retryPause = 20

// whole is how many rows the item's request has.
func (it *Item) whole() int { return max(it.Whole, it.Rows) }

// idle is what rows take on a device that has nothing else to do: the least over those that the
// model may use now, by what their batches cost as a rule. A device that is slower than usual at
// the moment, or busy, may be waited for; this time cannot.
func (m *model) idle(rows int) time.Duration {
	least := time.Duration(clock.Never)
	for _, in := range m.choices() {
		if in.takes() {
			least = min(least, in.idle(rows))
		}
	}
	return least
}

func (in *instance) idle(rows int) time.Duration {
	if in.guess && in.cost.Runs() == 0 {
		return 0
	}
	largest := in.model.opts.MaxBatch
	if rows <= largest {
		return in.cost.Idle(rows)
	}
	one := in.cost.Idle(largest)
	all := time.Duration(rows/largest) * one
	if rest := rows % largest; rest > 0 {
		all += in.cost.Idle(rest)
	}
	return max(one, all/time.Duration(in.device.servers()))
}

// mayRetry reports whether a request may run although its rows take longer than its budget.
func (in *instance) mayRetry(now clock.Instant, takes time.Duration) bool {
	if in.tooSlow == 0 {
		in.tooSlow = now
	}
	since := in.tooSlow
	if in.ended {
		since = max(since, in.lastEnd)
	}
	return now.Sub(since) >= retryPause*takes
}

// refused is the verdict on an item that is turned away.
func (in *instance) refused(now clock.Instant, it *Item, reason Reason, wait time.Duration) Verdict {
	v := Verdict{Reason: reason, Wait: wait}
	switch reason {
	case BudgetTooShort:
		v.Takes = in.model.idle(it.whole())
	case PredictedLate, QueueRows, QueueBytes:
		v.Retry = in.retry(now, it)
	case Hanging:
		v.Wait = in.hangsFor(now)
		v.Retry = v.Wait
	case NoDevice:
		v.Retry = max(in.device.until.Sub(now), 0)
	}
	return v
}
