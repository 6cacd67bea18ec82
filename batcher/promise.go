package batcher

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// tariff is what an instance's rows cost as admission counts them: a batch of b rows, up to the
// largest worth running, takes at most fixed + perRow*b. It is held for as long as predictions
// stay near it, since the orders are weighed by it.
type tariff struct {
	fixed, perRow float64       // nanoseconds
	full          time.Duration // the largest batch
	limit         int           // its rows
	pace          float64       // lanes that the instance can count on: it has a share of so many
}

const (
	tariffSpare = 1.02 // one that replaces another is so much above the predictions,
	tariffSlack = 0.94 // and is replaced where they have fallen to this part of it
)

// drawn is the tariff by the predictions of the moment. Batches ahead count with their means, the
// own one with its bound: runs that are long now and short then make up for each other.
func (in *instance) drawn() tariff {
	c, limit := in.cost, in.limit
	l := tariff{full: c.latency(limit), limit: limit, pace: float64(in.device.servers()) * in.reserved()}
	full := float64(c.mean(limit))
	if c.stepped || limit == 1 {
		l.fixed = full // a batch that is not full costs no less
		return l
	}
	l.perRow = (full - float64(c.mean(1))) / float64(limit-1)
	for _, b := range c.rows {
		b = min(b, limit)
		l.fixed = max(l.fixed, float64(c.mean(b))-l.perRow*float64(b))
		if b == limit {
			break
		}
	}
	return l
}

// batch bounds a batch of so many rows.
func (l *tariff) batch(rows int) time.Duration {
	return time.Duration(l.fixed + l.perRow*float64(rows))
}

// opens is what may be wasted of the batch that an item of so many rows does not fit into.
func (l *tariff) opens(rows int) float64 {
	return l.fixed / float64(l.limit) * float64(min(rows, l.limit)-1)
}

// weigh says how much work an item is: its rows, its part of the fixed cost of the batches, and
// what it may waste of the batch before. One that has time only for a batch of tight rows, not a
// full one, counts with what the batches lose that it may cut short. One that runs alone counts
// with a batch of its own.
func (in *instance) weigh(rows, tight int) (own, room time.Duration) {
	l := &in.tariff
	waste := l.opens(rows)
	if tight == ownBatch || in.model.single || rows > l.limit {
		run := max(in.cost.latency(rows), l.batch(rows))
		return time.Duration((float64(run) + waste) / l.pace), time.Duration(waste/l.pace) + run - l.full
	}
	work := l.perRow*float64(rows) + l.fixed/float64(l.limit)*float64(rows) + waste
	room = time.Duration(waste / l.pace)
	if tight > 0 && tight < l.limit {
		tight = max(tight, rows)
		work += l.fixed * (1 - float64(tight)/float64(l.limit))
		room += l.batch(tight) - l.full
	}
	return time.Duration(work / l.pace), room
}

// ownBatch is the tight of an item that runs in a batch of its own.
const ownBatch = -1

// tightness is what weigh has to know of an item.
func (it *Item) tightness() int {
	if it.turn != TurnShared {
		return ownBatch
	}
	return it.tight
}

// index brings the orders up to date: they are kept only while more waits than one batch.
func (in *instance) index() {
	if in.indexed && !in.moved {
		return
	}
	in.moved = false
	l := in.drawn()
	if in.indexed {
		if in.tariff.near(&l) {
			return
		}
		l.fixed, l.perRow = l.fixed*tariffSpare, l.perRow*tariffSpare
	}
	in.tariff = l
	for c := range task.Priority(task.Priorities) {
		if in.indexed {
			in.reweigh(in.orders[c].root)
			continue
		}
		for _, g := range in.heads[c] {
			for it := g.queues[c].head; it != nil; it = it.next {
				in.enlist(it)
			}
		}
	}
	in.indexed = true
}

// near reports whether a line need not be replaced by another.
func (l *tariff) near(o *tariff) bool {
	now, was := o.fixed+o.perRow*float64(o.limit), l.fixed+l.perRow*float64(l.limit)
	return l.limit == o.limit && l.pace == o.pace && o.fixed <= l.fixed && now <= was && now >= tariffSlack*was &&
		o.full <= l.full && float64(o.full) >= tariffSlack*float64(l.full)
}

func (in *instance) enlist(it *Item) {
	it.order.own, it.order.room = in.weigh(it.Rows, it.tightness())
	in.orders[it.Class].insert(it)
}

func (in *instance) reweigh(n *Item) {
	if n == nil {
		return
	}
	in.reweigh(n.order.left)
	in.reweigh(n.order.right)
	n.order.own, n.order.room = in.weigh(n.Rows, n.tightness())
	n.pull()
}

// reserved is the part of the instance's time that the lower classes leave to the highest.
func (in *instance) reserved() float64 {
	share := 1.0
	for c := range task.Priority(task.Priorities) {
		if c > 0 && (len(in.heads[c]) > 0 || in.wanting[c]) {
			share *= 1 - in.floor
		}
	}
	return share
}

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
	start := in.opens(now)
	if in.fits(start, x) {
		return start.Add(in.cost.latency(in.totalRows() + x.rows)), false, 0
	}
	in.index()
	higher := time.Duration(0)
	for c := range x.class {
		_, work, _ := in.orders[c].root.sums()
		higher += work
	}
	t := &in.orders[x.class]
	rows, ahead := t.until(x.deadline)
	for {
		own, room := in.weigh(x.rows, tight)
		p := in.plan(now, start, x, own, rows)
		behind := t.least(x.deadline, p.skip) - clock.Instant(higher+p.base+own)
		harms = behind < p.at
		finish = p.at.Add(p.base + p.before + higher + ahead + room - in.later(higher+ahead))
		if p.inside {
			finish = start.Add(in.cost.latency(max(p.rows, min(in.target, in.limit))))
		}
		switch {
		case !harms && finish <= x.deadline:
			return finish, false, tight
		case in.second(now, x, &p):
			return min(finish, p.at), false, in.target
		case tight != 0 || harms || in.target >= in.limit:
			return finish, harms, tight
		}
		tight = in.target
	}
}

// opens is when the first lane turns to what the instance has waiting, the neighbours' part of its
// time until all of that is done taken off.
func (in *instance) opens(now clock.Instant) clock.Instant {
	d := in.device
	start := d.free(now, in.company())
	if in.guest && d.opts.FallbackShare > 0 {
		start = start.Add(d.guestWait(now))
	}
	return start
}

// company is what the neighbours may run before the instance has done all that waits.
func (in *instance) company() time.Duration {
	d := in.device
	if len(d.busy) == 0 || len(d.busy) == 1 && in.items > 0 {
		return 0
	}
	return in.others(in.backlog() + in.cost.latency(in.limit))
}

// later is the part of company that comes only after so much of the instance's own work.
func (in *instance) later(work time.Duration) time.Duration {
	d := in.device
	if len(d.busy) == 0 || len(d.busy) == 1 && in.items > 0 {
		return 0
	}
	own := time.Duration(float64(work) * in.tariff.pace)
	return time.Duration(float64(in.company()-in.others(own+in.cost.latency(in.limit))) / float64(d.servers()))
}

// fits reports whether the newcomer and all that waits make one batch, in time for each of them.
func (in *instance) fits(start clock.Instant, x newcomer) bool {
	n := in.totalRows() + x.rows
	if in.items == 0 {
		return true
	}
	if n > in.limit || in.model.single || in.keys > 1 || in.rows[x.class]+x.rows < n && in.cost.stepped {
		return false
	}
	due := x.deadline
	for c := range task.Priority(task.Priorities) {
		if len(in.heads[c]) == 0 {
			continue
		}
		g := in.heads[c][0]
		if g.alone || g.key != x.key {
			return false
		}
		due = min(due, g.queues[c].head.Deadline)
	}
	return due >= start.Add(in.cost.latency(n)) && x.deadline >= start.Add(in.cost.latency(max(n, min(in.target, in.limit))))
}

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
	p := plan{at: in.device.mean(now, start)}
	mine := l.full
	if in.keys > 1 || !in.joins(x) {
		p.base = in.rounds(x, clock.Never) + mine
		p.before = in.rounds(x, x.deadline) + mine - p.base
		return p
	}
	top, head := in.top()
	if x.class < top || x.class == top && x.deadline < head.Deadline {
		top = x.class
		head = &Item{Rows: x.rows, Deadline: x.deadline}
	}
	most := l.limit
	if slack := head.Deadline.Sub(start); slack < in.cost.latency(most) {
		most = max(in.cost.within(slack, most), head.Rows)
	}
	p.inside = x.class == top && aheadRows+x.rows <= most
	work := time.Duration(0)
	if p.inside {
		p.skip, work = in.orders[top].prefix(most - x.rows)
		p.rows, work = p.skip+x.rows, work+own
	} else {
		p.skip, work = in.orders[top].prefix(most)
		p.rows = p.skip
	}
	if x.class != top {
		p.skip = 0
	}
	first := time.Duration(float64(max(l.batch(p.rows), in.cost.latency(p.rows))) / float64(in.device.servers()))
	p.base = first - work + mine
	return p
}

// second reports whether the first batch and one more hold all that waits, in time for each of
// them. p.at is then when the newcomer is done.
func (in *instance) second(now clock.Instant, x newcomer, p *plan) bool {
	all := in.totalRows() + x.rows
	rest := all - p.rows
	if p.rows == 0 || rest > in.limit || in.rows[x.class]+x.rows < all {
		return false
	}
	first := max(in.tariff.batch(p.rows), in.cost.latency(p.rows))
	begins := in.device.free(now, in.company()+first)
	if it := in.orders[x.class].behind(p.skip); it != nil && it.Deadline < begins.Add(in.cost.latency(rest)) {
		return false
	}
	if p.inside {
		p.at = clock.Never
		return true
	}
	p.at = begins.Add(in.cost.latency(min(max(rest, in.target), in.limit)))
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

// rounds is the most that the last batches of other keys take, those due by an instant: such a
// batch holds later items too, and each key's first may have been cut short.
func (in *instance) rounds(x newcomer, until clock.Instant) time.Duration {
	l := &in.tariff
	each := l.fixed
	sum, counted := 0.0, 0
	for c := range x.class + 1 {
		for i, g := range in.heads[c] {
			if i == countedGroups {
				break
			}
			q := &g.queues[c]
			if !g.alone && g.key == x.key || c == x.class && q.head.Deadline > until {
				counted++
				continue
			}
			counted++
			sum += each + float64(l.batch(min(q.rows, l.limit)))
		}
		if rest := len(in.heads[c]) - countedGroups; rest > 0 {
			sum += float64(rest) * (2*each + l.perRow*float64(min(in.rows[c]/len(in.heads[c])+1, l.limit)))
		}
	}
	return time.Duration((sum + each) / l.pace)
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

// within is the largest batch, up to most rows, whose latency stays within a limit; 0 if none.
func (c *costModel) within(limit time.Duration, most int) int {
	low, high := 0, most
	for low < high {
		if mid := (low + high + 1) / 2; c.latency(mid) <= limit {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}

// certain reports whether all that waits will make its deadline if the batch of the top class
// that starts now is as large as its first item allows.
func (in *instance) certain(now clock.Instant) bool {
	top, head := in.top()
	if head == nil {
		return true
	}
	x := newcomer{class: top, deadline: head.Deadline, key: head.Key}
	if in.totalRows() <= in.limit && in.keys == 1 {
		return true
	}
	in.index()
	p := in.plan(now, now, x, 0, 0)
	if in.second(now, x, &p) {
		return true
	}
	return in.orders[top].least(-1, p.skip)-clock.Instant(p.base) >= p.at
}
