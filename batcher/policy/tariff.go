package policy

import (
	"time"

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
	l := tariff{full: in.fullRun, limit: limit, pace: float64(in.device.servers()) * in.reserved()}
	full := float64(in.fullMean)
	if c.Stepped() || limit == 1 {
		l.fixed = full // a batch that is not full costs no less
		return l
	}
	l.perRow = (full - float64(c.Mean(1))) / float64(limit-1)
	for _, b := range c.Sizes() {
		b = min(b, limit)
		l.fixed = max(l.fixed, float64(c.Mean(b))-l.perRow*float64(b))
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
		run := max(in.cost.Latency(rows), l.batch(rows))
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

// keysSpare is left where items of several keys wait: a batch takes later ones of its key along.
const keysSpare = 0.05

// reserved is the part of the instance's time that the lower classes leave to the highest that waits.
func (in *instance) reserved() float64 {
	share := 1.0
	if in.keys > 1 {
		share -= keysSpare
	}
	top, _ := in.top()
	for c := top + 1; c < task.Priorities; c++ {
		if len(in.heads[c]) > 0 || in.wanting[c] {
			share *= 1 - in.floor
		}
	}
	return share
}
