package policy

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

const (
	weedMost  = 32 // items, at most, are given up in one look
	weedSpare = 10 // work is counted high, by such a part of all
)

// weed gives up what cannot make its deadline any more, since a run has ended late, a device has become
// slower, or a higher class has come: its caller may still ask elsewhere, and those behind it have its
// time. Hopeless is an item before which there is work up to its deadline, without its own run. In a lower class it is only so if the class cannot pay for it either.
// Where the order of runs is not that of deadlines alone, with several keys, neighbours or guests, items
// wait for the window.
func (s *Scheduler) weed(now clock.Instant, in *instance, out *Decisions) {
	d := in.device
	if in.items == 0 || !in.takes() || in.keys > 1 || len(d.busy) > 1 || in.guest || in.apart[TurnAlone] != nil {
		return
	}
	start := d.free(now, 0)
	if in.emptied(now, start, 0, 0) <= in.due() {
		return
	}
	in.index()
	at := d.mean(now, start)
	higher, above := time.Duration(0), 0 // work and rows of the classes above
	for c := range task.Priority(task.Priorities) {
		t := &in.orders[c]
		for range weedMost {
			_, all, _ := t.root.sums()
			it := t.first(at.Add(higher - all/weedSpare))
			if it == nil || !in.beyond(now, above, it) || c > 0 && higher > 0 && in.floored(now, it) {
				break
			}
			s.drop(now, in, it, out)
		}
		_, work, _ := t.root.sums()
		higher, above = higher+work, above+in.rows[c]
	}
}

// ranked reports whether items of several classes wait.
func (in *instance) ranked() bool {
	top, _ := in.top()
	return top < task.Priorities && in.totalRows() > in.rows[top]
}

// beyond reports whether an item is too late even if full batches alone are before it. above is the rows
// of the classes above.
func (in *instance) beyond(now clock.Instant, above int, it *Item) bool {
	rows, _ := in.orders[it.Class].until(it.Deadline - 1)
	_, head := in.top()
	full := max(in.leads(head), in.leads(it))
	work := time.Duration(float64(in.cost.Mean(full)) * float64(rows+above) / float64(full))
	return in.device.free(now, work) > it.Deadline
}

// floored reports whether an item of a lower class will make its deadline by what its class earns.
func (in *instance) floored(now clock.Instant, it *Item) bool {
	rows := it.group.queues[it.Class].rowsUntil(it.Deadline)
	start := in.device.free(now, in.paid(it.Class, in.drain(rows)))
	return start.Add(in.cost.Mean(it.Rows)) <= it.Deadline
}
