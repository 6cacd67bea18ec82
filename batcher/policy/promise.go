package policy

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// newcomer is an item that is not queued, as admission looks at it.
type newcomer struct {
	rows     int
	class    task.Priority
	deadline clock.Instant
	key      uint64
}

// promise is by when an item that comes now is done whatever the admitted work does, so long as
// runs take no longer than their bounds; harms says that one of its class, due later, would then
// miss its deadline. See the package comment.
func (in *instance) promise(now clock.Instant, x newcomer) (finish clock.Instant, harms bool, tight int) {
	start := in.opens(now, 0)
	if in.items == 0 {
		return start.Add(in.cost.Latency(x.rows)), false, 0
	}
	if due, alike := in.alike(x); alike {
		if finish, ok := in.fits(now, start, due, x); ok {
			return finish, false, 0
		}
		if finish, ok := in.ample(now, start, due, x); ok {
			return finish, false, 0
		}
	}
	in.index()
	limit := in.limitOf(x.key)
	higher := time.Duration(0)
	for c := range x.class {
		_, work, _ := in.orders[c].root.sums()
		higher += work
	}
	t := &in.orders[x.class]
	rows, ahead := t.until(x.deadline)
	for {
		own, room := in.weigh(x.rows, tight, limit)
		p := in.plan(now, start, x, own, rows)
		harms = t.least(x.deadline, p.skip) < p.at.Add(higher+p.base+own)
		finish = p.at.Add(p.base + p.before + higher + ahead + room - in.later(higher+ahead))
		if p.inside {
			finish = start.Add(in.runs(now, start, p.rows))
		}
		if !harms && finish > x.deadline && x.rows == 1 && in.items == in.totalRows() && in.items == rows && p.rows > 0 {
			finish = min(finish, in.last(now, x, &p))
		}
		switch {
		case !harms && finish <= x.deadline:
			return finish, false, tight
		case in.second(now, x, &p):
			return min(finish, p.at), false, in.target
		case tight != 0 || harms || in.target >= limit:
			return finish, harms, tight
		}
		tight = in.target
	}
}

// opens is when a lane turns to what the instance has waiting behind so much work of its own, and
// behind what the neighbours may run meanwhile.
func (in *instance) opens(now clock.Instant, work time.Duration) clock.Instant {
	d := in.device
	start := d.free(now, in.company(work)+work)
	if in.guest && d.opts.FallbackShare > 0 {
		start = start.Add(d.guestWait(now))
	}
	return start
}

// company is what the neighbours may run while the instance does so much work.
func (in *instance) company(work time.Duration) time.Duration {
	d := in.device
	if len(d.busy) == 0 || len(d.busy) == 1 && in.items > 0 {
		return 0
	}
	return in.others(work)
}

// later is what the neighbours may run between so much work of the instance and the end of all that
// it has waiting, as put off for it.
func (in *instance) later(work time.Duration) time.Duration {
	d := in.device
	if len(d.busy) == 0 || len(d.busy) == 1 && in.items > 0 {
		return 0
	}
	own := time.Duration(float64(work) * in.tariff.pace)
	return max(0, in.others(in.backlog())-in.others(own)) / time.Duration(d.servers())
}

// alike reports whether the newcomer may share batches with all that waits, and the first deadline of
// that.
func (in *instance) alike(x newcomer) (due clock.Instant, ok bool) {
	if in.keys > 1 || in.model.single {
		return 0, false
	}
	due = clock.Never
	for c := range task.Priority(task.Priorities) {
		if len(in.heads[c]) == 0 {
			continue
		}
		g := in.heads[c][0]
		if g.alone || g.key != x.key {
			return 0, false
		}
		due = min(due, g.queues[c].head.Deadline)
	}
	return due, true
}

// fits reports whether the newcomer and all that waits make one batch, in time for each of them, and
// when it ends.
func (in *instance) fits(now, start, due clock.Instant, x newcomer) (finish clock.Instant, ok bool) {
	n := in.totalRows() + x.rows
	if n > in.limitOf(x.key) || in.cost.Stepped() && in.rows[x.class]+x.rows < n {
		return 0, false
	}
	finish = start.Add(in.cost.Latency(n))
	return finish, min(due, x.deadline) >= finish && x.deadline >= start.Add(in.runs(now, start, n))
}

// ample reports whether all that waits, and the newcomer, is done before the first of its deadlines,
// however it is cut into batches. That is most of the time, and needs no order.
func (in *instance) ample(now, start, due clock.Instant, x newcomer) (finish clock.Instant, ok bool) {
	due = min(due, x.deadline)
	if in.model.budgets[x.class].leaves() {
		return 0, false
	}
	if len(in.model.on) > 1 || in.model.fair.part > 0 {
		// There it counts as well how early it is done.
		due = min(due, now.Add(time.Duration(ampleTime*float64(x.deadline.Sub(now)))))
	}
	finish = in.emptied(now, start, x.rows, 1)
	return finish, finish <= due
}

// ampleTime is the part of a request's time after which it counts as done late by those who choose
// between devices, and by fair rows.
const ampleTime = 0.4

// emptied bounds when all that waits, and so much more, is done; Never where that is not simple.
func (in *instance) emptied(now, start clock.Instant, rows, items int) clock.Instant {
	d := in.device
	if in.keys > 1 || len(d.busy) > 1 || in.cost.Stepped() {
		return clock.Never
	}
	limit := in.limit
	if in.recent != nil {
		limit = in.recent.limit(limit)
	}
	rows, items = rows+in.totalRows(), items+in.items
	// In full batches: the rows' shares, and what may be wasted before each item.
	shares := float64(2*rows-items)/float64(limit) + float64(in.tights)
	work := float64(in.fullMean) * shares
	if pace := float64(d.servers()) * in.reserved(); pace != 1 {
		work /= pace
	}
	return d.mean(now, start).Add(2*in.fullRun + time.Duration(work))
}
