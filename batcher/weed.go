package batcher

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
// What would not be hopeless without the classes above is displaced by them. Where the order of runs is
// not that of deadlines alone, with several keys, neighbours or guests, items wait for the window.
func (s *Scheduler) weed(now clock.Instant, in *instance, out []Drop) []Drop {
	d := in.device
	if in.items == 0 || !in.takes() || in.keys > 1 || len(d.busy) > 1 || in.guest || in.apart[TurnAlone] != nil {
		return out
	}
	start := d.free(now, 0)
	if in.emptied(now, start, 0, 0) <= in.due() {
		return out
	}
	in.index()
	at := d.mean(now, start)
	higher := time.Duration(0)
	for c := range task.Priority(task.Priorities) {
		t := &in.orders[c]
		for range weedMost {
			_, all, _ := t.root.sums()
			it := t.first(at.Add(higher - all/weedSpare))
			if it == nil || !in.beyond(at.Add(higher), it) || c > 0 && higher > 0 && in.floored(now, it) {
				break
			}
			if higher == 0 || !in.outranked(at, it) {
				out = s.drop(now, in, it, out)
			} else {
				out = in.discard(s, it, Outranked, out)
			}
		}
		_, work, _ := t.root.sums()
		higher += work
	}
	return out
}

// ranked reports whether items of several classes wait.
func (in *instance) ranked() bool {
	top, _ := in.top()
	return top < task.Priorities && in.totalRows() > in.rows[top]
}

// beyond reports whether an item is too late even if full batches alone are before it.
func (in *instance) beyond(at clock.Instant, it *Item) bool {
	rows, _ := in.orders[it.Class].until(it.Deadline - 1)
	work := time.Duration(float64(in.fullMean) * float64(rows) / float64(in.limit*in.device.servers()))
	return at.Add(work) > it.Deadline
}

// floored reports whether an item of a lower class will make its deadline by what its class earns.
func (in *instance) floored(now clock.Instant, it *Item) bool {
	rows := it.group.queues[it.Class].rowsUntil(it.Deadline)
	start := in.device.free(now, in.paid(it.Class, in.drain(rows)))
	return start.Add(in.cost.mean(it.Rows)) <= it.Deadline
}

// outranked reports whether an item that is too late would not be without the classes above.
func (in *instance) outranked(at clock.Instant, it *Item) bool {
	_, work := in.orders[it.Class].until(it.Deadline - 1)
	return at.Add(work) <= it.Deadline
}
