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

// opens is what may be wasted of the batch, of at most limit rows, that an item does not fit into.
func (l *tariff) opens(rows, limit int) float64 {
	return l.fixed / float64(limit) * float64(min(rows, limit)-1)
}

// weigh says how much work an item is whose batches have at most limit rows: its rows, its part of
// the fixed cost of the batches, and what it may waste of the batch before. One that has time only
// for a batch of tight rows, not a full one, counts with what the batches lose that it may cut
// short. One that runs alone counts with a batch of its own.
func (in *instance) weigh(rows, tight, limit int) (own, room time.Duration) {
	l := &in.tariff
	waste := l.opens(rows, limit)
	if tight == ownBatch || in.model.single || rows > limit {
		run := max(in.cost.latency(rows), l.batch(rows))
		return time.Duration((float64(run) + waste) / l.pace), time.Duration(waste/l.pace) + run - l.full
	}
	work := l.perRow*float64(rows) + l.fixed/float64(limit)*float64(rows) + waste
	room = time.Duration(waste / l.pace)
	if tight > 0 && tight < limit {
		tight = max(tight, rows)
		work += l.fixed * (1 - float64(tight)/float64(limit))
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
	it.order.own, it.order.room = in.weigh(it.Rows, it.tightness(), it.group.limit(in.tariff.limit))
	in.orders[it.Class].insert(it)
}

func (in *instance) reweigh(n *Item) {
	if n == nil {
		return
	}
	in.reweigh(n.order.left)
	in.reweigh(n.order.right)
	n.order.own, n.order.room = in.weigh(n.Rows, n.tightness(), n.group.limit(in.tariff.limit))
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
	start := in.opens(now, 0)
	if in.fits(now, start, x) {
		return start.Add(in.cost.latency(in.totalRows() + x.rows)), false, 0
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
		behind := t.least(x.deadline, p.skip) - clock.Instant(higher+p.base+own)
		harms = behind < p.at
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

// fits reports whether the newcomer and all that waits make one batch, in time for each of them.
func (in *instance) fits(now, start clock.Instant, x newcomer) bool {
	n := in.totalRows() + x.rows
	if in.items == 0 {
		return true
	}
	if n > in.limitOf(x.key) || in.model.single || in.keys > 1 || in.rows[x.class]+x.rows < n && in.cost.stepped {
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
	return due >= start.Add(in.cost.latency(n)) && x.deadline >= start.Add(in.runs(now, start, n))
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
	p := plan{at: in.device.mean(now, start).Add(in.later(0))}
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
	most := in.limitOf(x.key)
	if slack := head.Deadline.Sub(start); slack < in.cost.latency(most) {
		most = in.cost.within(slack, most)
	}
	most = max(most, head.Rows)
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

// runs is what a batch of so many rows may take that starts then. None is admitted that would not
// live through a batch of the target size, if so many will wait: that would make small batches when
// they must be large.
func (in *instance) runs(now, start clock.Instant, rows int) time.Duration {
	run := in.cost.latency(rows)
	if most := min(in.target, in.limit); rows < most {
		coming := in.arrivals.rising() * start.Sub(now).Seconds()
		run = max(run, in.cost.mean(int(min(float64(most), float64(rows)+coming))))
	}
	return run
}

// last is when a newcomer with nobody behind it is done, where each item is of one row: those
// ahead fill their batches to the last row.
func (in *instance) last(now clock.Instant, x newcomer, p *plan) clock.Instant {
	rest := in.items + 1 - p.rows
	limit := in.limitOf(x.key)
	full := (rest - 1) / limit
	work := max(in.tariff.batch(p.rows), in.cost.latency(p.rows)) + time.Duration(full)*in.cost.mean(limit)
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
	first := max(in.tariff.batch(p.rows), in.cost.latency(p.rows))
	begins := in.opens(now, first)
	if it := in.orders[x.class].behind(p.skip); it != nil && it.Deadline < begins.Add(in.cost.latency(rest)) {
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

// certain reports whether all that waits will make its deadline, and the next batch of each
// neighbour its own, if the batch of the class that starts now is as large as its first item
// allows. A lower class that has its turn has not: its time is short, and its batches are large.
func (in *instance) certain(now clock.Instant, class task.Priority) bool {
	top, head := in.top()
	if class != top {
		return false
	}
	run := in.cost.latency(min(in.totalRows(), in.limit))
	if head.Deadline < now.Add(run) {
		run = head.Deadline.Sub(now)
	}
	due := clock.Never
	for _, o := range in.device.busy {
		if o != in {
			run += o.cost.latency(min(o.totalRows(), o.limit))
			due = min(due, o.due())
		}
	}
	if due < now.Add(run) {
		return false
	}
	if in.totalRows() <= in.limitOf(head.Key) && in.keys == 1 {
		return true
	}
	in.index()
	x := newcomer{class: top, deadline: head.Deadline, key: head.Key}
	p := in.plan(now, now, x, 0, 0)
	if in.second(now, x, &p) {
		return true
	}
	return in.orders[top].least(-1, p.skip)-clock.Instant(p.base) >= p.at
}
