package policy

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// plan is what is taken for granted of the batches to come.
type plan struct {
	rows   int           // of the first batch
	skip   int           // of them, those that wait already
	inside bool          // the newcomer is among the first batch's
	at     clock.Instant // when the lanes are free, on the mean
	base   time.Duration // from then on, for all behind the first batch: it, less its work, and their own batch
	before time.Duration // batches of other keys that go first
}

// plan counts the first batch as it will be, since its first item may be too urgent for a large
// one, and those after it as full ones: each item behind has the time for one.
func (in *instance) plan(now, start clock.Instant, x newcomer, own time.Duration, aheadRows int) plan {
	l := &in.tariff
	p := plan{at: in.device.mean(now, start).Add(in.later(0))}
	mine := l.full
	if in.keys > 1 || !in.joins(x) {
		all, before := in.rounds(x)
		p.base, p.before = all+mine, before-all
		return p
	}
	top, head := in.top()
	if x.class < top || x.class == top && x.deadline < head.Deadline {
		top = x.class
		head = &Item{Rows: x.rows, Deadline: x.deadline}
	}
	most := in.limitOf(x.key)
	if head.group != nil {
		most = max(most, in.leads(head))
	}
	if slack := head.Deadline.Sub(start); slack < in.cost.Latency(most) {
		most = in.cost.Within(slack, most)
	}
	most = max(most, head.Rows)
	p.inside = x.class == top && aheadRows+x.rows <= most
	work := time.Duration(0)
	if p.inside {
		p.skip, work = in.orders[top].prefix(most - x.rows)
		p.rows, work = p.skip+x.rows, work+own
	} else {
		if x.class == top {
			most = min(most, aheadRows) // the batch ends where the newcomer does not fit
		}
		p.skip, work = in.orders[top].prefix(most)
		p.rows = p.skip
	}
	if x.class != top {
		p.skip = 0
	}
	first := time.Duration(float64(max(l.batch(p.rows), in.cost.Latency(p.rows))) / float64(in.device.servers()))
	p.base = first - work + mine
	return p
}

// runs is what a batch of so many rows may take that starts then. None is admitted that would not
// live through a batch of the target size, if so many will wait: that would make small batches when
// they must be large.
func (in *instance) runs(now, start clock.Instant, rows int) time.Duration {
	run := in.cost.Latency(rows)
	if most := min(in.target, in.limit); rows < most {
		coming := in.arrivals.rising() * start.Sub(now).Seconds()
		run = max(run, in.cost.Mean(int(min(float64(most), float64(rows)+coming))))
	}
	return run
}

// last is when a newcomer with nobody behind it is done, where each item is of one row: those
// ahead fill their batches to the last row.
func (in *instance) last(now clock.Instant, x newcomer, p *plan) clock.Instant {
	rest := in.items + 1 - p.rows
	limit := in.limitOf(x.key)
	full := (rest - 1) / limit
	each := in.fullMean
	if limit != in.limit {
		each = in.cost.Mean(limit)
	}
	work := max(in.tariff.batch(p.rows), in.cost.Latency(p.rows)) + time.Duration(full)*each
	start := in.opens(now, work)
	return start.Add(in.runs(now, start, rest-full*limit))
}

// second reports whether the first batch and one more hold all that waits, in time for each of
// them. p.at is then when the newcomer is done.
func (in *instance) second(now clock.Instant, x newcomer, p *plan) bool {
	all := in.totalRows() + x.rows
	rest := all - p.rows
	if p.rows == 0 || rest > in.limitOf(x.key) || in.rows[x.class]+x.rows < all {
		return false
	}
	first := max(in.tariff.batch(p.rows), in.cost.Latency(p.rows))
	begins := in.opens(now, first)
	if it := in.orders[x.class].behind(p.skip); it != nil && it.Deadline < begins.Add(in.cost.Latency(rest)) {
		return false
	}
	if p.inside {
		p.at = clock.Never
		return true
	}
	p.at = begins.Add(in.runs(now, begins, rest))
	return p.at <= x.deadline
}

// joins reports whether the newcomer shares batches with all that waits.
func (in *instance) joins(x newcomer) bool {
	_, head := in.top()
	return !in.model.single && (head == nil || !head.group.alone && head.group.key == x.key)
}

// top is the first item of the highest class that waits.
func (in *instance) top() (task.Priority, *Item) {
	for c := range task.Priority(task.Priorities) {
		if it := in.head(c); it != nil {
			return c, it
		}
	}
	return task.Priorities, nil
}

// rounds is the most that the last batches of other keys take, and of those that have an item due
// before the newcomer: such a batch holds later items too, and each key's first may have been cut
// short.
func (in *instance) rounds(x newcomer) (all, before time.Duration) {
	l := &in.tariff
	sum, first := l.fixed, l.fixed
	for c := range x.class + 1 {
		for i, g := range in.heads[c] {
			if i == countedGroups {
				break
			}
			q := &g.queues[c]
			if !g.alone && g.key == x.key {
				continue
			}
			work := l.fixed + float64(l.batch(min(q.rows, l.limit)))
			sum += work
			if c < x.class || q.head.Deadline <= x.deadline {
				first += work
			}
		}
		if rest := len(in.heads[c]) - countedGroups; rest > 0 {
			work := float64(rest) * (2*l.fixed + l.perRow*float64(min(in.rows[c]/len(in.heads[c])+1, l.limit)))
			sum, first = sum+work, first+work
		}
	}
	return time.Duration(sum / l.pace), time.Duration(first / l.pace)
}

// mean is when the lanes are free on the mean, no earlier than one is.
func (d *device) mean(now, start clock.Instant) clock.Instant {
	if d.servers() == 1 {
		return start
	}
	sum := time.Duration(0)
	for i := range d.lanes {
		sum += max(d.lanes[i].free(now), start).Sub(now)
	}
	return now.Add(sum / time.Duration(len(d.lanes)))
}

// certain reports whether all that waits will make its deadline, and the next batch of each
// neighbour its own, if the batch of the class that starts now is as large as its first item
// allows. A lower class that has its turn has not: its time is short, and its batches are large.
func (in *instance) certain(now clock.Instant, class task.Priority) bool {
	top, head := in.top()
	if class != top {
		return false
	}
	most := in.leads(head)
	run := in.cost.Latency(min(in.totalRows(), most))
	if head.Deadline < now.Add(run) {
		run = head.Deadline.Sub(now)
	}
	due := clock.Never
	for _, o := range in.device.busy {
		if o != in {
			run += o.cost.Latency(min(o.totalRows(), o.limit))
			due = min(due, o.due())
		}
	}
	if due < now.Add(run) {
		return false
	}
	if in.totalRows() <= most && in.keys == 1 {
		return true
	}
	if in.emptied(now, now, 0, 0) <= in.due() {
		return true
	}
	in.index()
	x := newcomer{class: top, deadline: head.Deadline, key: head.Key}
	p := in.plan(now, now, x, 0, 0)
	if in.second(now, x, &p) {
		return true
	}
	return in.orders[top].least(-1, p.skip) >= p.at.Add(p.base)
}

// affords reports whether the first item can have a batch as small as its deadline asks for, without making
// anything behind it hopeless: work is counted high, as weed has it.
func (in *instance) affords(now clock.Instant, class task.Priority) bool {
	top, head := in.top()
	if class != top || in.keys > 1 || len(in.device.busy) > 1 {
		return false
	}
	in.index()
	p := in.plan(now, now, newcomer{class: top, deadline: head.Deadline, key: head.Key}, 0, 0)
	_, all, _ := in.orders[top].root.sums()
	return in.orders[top].least(-1, p.skip) >= p.at.Add(p.base-all/weedSpare)
}
