package policy

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// Between the models of a device time is shared by start-time fair queueing: an
// instance's virtual time is the device time that it used divided by its weight, and
// only those within one batch of the least may be chosen. Among them the one with the
// least slack goes first, so that fairness costs no deadline that it need not. (Goyal, Vin
// and Cheng, "Start-time Fair Queueing", 1996, have no such choice: a quantum of 0.)
//
// How far that lets a neighbour get ahead; the package comment's worst wait follows. Let V
// be device.virtual, w a weight, Q the longest batch and q = looseQuantum*Q the quantum.
//
//  1. V never falls, and no model that waits is below it: V rises only to the least of
//     those, and who comes back from idleness starts at V or above (device.addBusy).
//  2. No model is above V + q + Q/w: when it was last chosen it was at most q above the
//     least and so above V, and that batch added at most Q/w.
//  3. While an item waits and N batches of its own model are sealed before its own, that
//     model stays below V' + q + (N+1)*Q/w, V' being V at the arrival. A neighbour of
//     weight u is at V' or above at the start, is chosen only while it is at most q above
//     that, and its last batch takes at most Q: it gets at most
//     u*(2*q + (N+1)*Q/w) + Q of device time, N*Q + 6*Q for equal weights.
//  4. The device is not idle meanwhile. With R for the running batch and N*Q for the own
//     ones, R + N*Q + M*(N*Q + 6*Q) is the most that it can do before the item's batch.
//
// So a model can have gained q + Q on a neighbour before the item arrives, by having less
// slack, and then lose as much again beyond par: both happens at worst. With c lanes all of
// them are busy, R is the sum of what is left of their batches, and the whole is divided by
// c (unless SpreadAfter holds work back).
//
// Within a model the highest class leads, and each lower one that waits or is refused
// earns a share of the leader's time (ClassFloor); when that pays for a batch of what it
// has waiting it leads once.

const (
	strictQuantum = 0.5 // of the longest batch, in overload
	looseQuantum  = 2
	overloaded    = 0.9 // load from which on it counts as that: the estimate swings
)

// candidate is what an instance would run next.
type candidate struct {
	on     *instance
	group  *group
	class  task.Priority
	window window
	probe  bool
}

func (c *candidate) queue() *queue { return &c.group.queues[c.class] }

// slack is how long the candidate's most urgent item could still wait.
func (c *candidate) slack(now clock.Instant) time.Duration {
	return c.window.first.Deadline.Sub(now) - c.on.cost.Latency(c.window.rows)
}

// candidates asks every waiting instance of a device for its batch. What is found to be
// hopeless is dropped. The result is valid until the next call.
func (s *Scheduler) candidates(now clock.Instant, d *device, out *Decisions) []candidate {
	found := s.found[:0]
	for i := len(d.busy) - 1; i >= 0; i-- { // downwards: an instance that runs empty leaves
		in := d.busy[i]
		if ok, until := d.spread(now, in); !ok {
			d.spreadAt = min(d.spreadAt, until)
			out.LookBy(until)
			continue
		}
		if c, ok := s.candidate(now, in, out); ok {
			found = append(found, c)
		}
	}
	s.found = found
	return found
}

func (s *Scheduler) candidate(now clock.Instant, in *instance, out *Decisions) (candidate, bool) {
	for in.items > 0 {
		class, most := in.lead(now)
		c := candidate{on: in, group: in.next(class), class: class}
		q := c.queue()
		if in.feasible(now, q.head) {
			limit := min(in.leads(q.head), most)
			target := min(in.target, limit)
			if c.group.alone {
				limit = 1
			}
			if c.group.alone || in.certain(now, class) {
				target = 1
			}
			c.window = cut(q, now, target, limit, in.cost.Latency, in.headroom)
			if c.window.drops > 0 && in.short(q.head) && in.affords(now, class) {
				c.window = cut(q, now, 1, limit, in.cost.Latency, in.headroom)
			}
			in.yield(now, &c, target)
			return c, true
		}
		last := q.tail
		if last.Deadline > now && !in.feasible(now, last) && s.mayProbe(now, in) {
			c.window = window{drops: q.items - 1, first: last, items: 1, rows: last.Rows}
			c.probe = true
			return c, true
		}
		s.drop(now, in, q.head, out)
	}
	return candidate{}, false
}

// yield leaves out of a batch, down to the target, what would make the first item of another key miss its
// deadline and is due after it.
func (in *instance) yield(now clock.Instant, c *candidate, target int) {
	other := in.heads[c.class].rival(c.class, c.group)
	w := &c.window
	if other == nil || c.group.alone || w.first == nil || w.rows <= target {
		return
	}
	latest := other.Deadline - clock.Instant(in.cost.Latency(other.Rows))
	it := w.first
	rows, items := it.Rows, 1
	for ; items < w.items; items++ {
		it = it.next
		if rows >= target && it.Deadline > other.Deadline && now.Add(in.cost.Latency(rows+it.Rows)) > latest {
			break
		}
		rows += it.Rows
	}
	w.rows, w.items = rows, items
}

// feasible reports whether an item would make its deadline if it ran alone at once.
func (in *instance) feasible(now clock.Instant, it *Item) bool {
	return it.Deadline > now && it.Deadline >= now.Add(in.cost.Latency(it.Rows))
}

// choose picks the fair candidate with the least slack.
func choose(now clock.Instant, d *device, found []candidate) *candidate {
	least, longest := found[0].on.virtual, time.Duration(0)
	for i := range found {
		in := found[i].on
		least = min(least, in.virtual)
		longest = max(longest, in.longestRun())
	}
	quantum := d.quantum(longest)
	d.virtual = max(d.virtual, least)
	var best *candidate
	var slack time.Duration
	for i := range found {
		c := &found[i]
		if c.on.virtual > least+quantum {
			continue
		}
		if t := c.slack(now); best == nil || t < slack {
			best, slack = c, t
		}
	}
	return best
}

// quantum is by how much an instance may be above the least and be chosen, the longest batch of all
// that wait given.
func (d *device) quantum(longest time.Duration) float64 {
	if d.load < overloaded {
		return looseQuantum * float64(longest)
	}
	return strictQuantum * float64(longest)
}

// lead is the class whose turn it is, and the most rows of its batch.
func (in *instance) lead(now clock.Instant) (class task.Priority, most int) {
	top, _ := in.top()
	for c := task.Priority(task.Priorities - 1); c > top; c-- {
		if it := in.head(c); it != nil {
			if most := in.turn(now, c, it); most >= it.Rows {
				return c, most
			}
		}
	}
	return top, in.model.opts.MaxBatch
}

// turn is the most rows of the batch that a lower class may have now for what it has earned. It waits until
// that pays for all that waits, unless its head cannot, and until no promise to a higher class breaks
// by it, unless it has earned as much as it may save.
func (in *instance) turn(now clock.Instant, c task.Priority, head *Item) (most int) {
	all := max(min(in.rows[c], in.limit), head.Rows)
	most = in.cost.Within(time.Duration(in.credit[c]), all)
	if most < head.Rows || most < all && head.Deadline >= now.Add(in.fullRun+in.cost.Latency(most)) {
		return 0
	}
	if in.credit[c] < in.savings() {
		most = in.cost.Within(in.spare(now, 0, c), most)
	}
	return most
}

// savings is what a class may save of its earnings.
func (in *instance) savings() float64 { return 2 * float64(in.fullRun) }

// charge books a batch of the given predicted latency, of which a part was the leading
// class's own.
func (in *instance) charge(class task.Priority, took time.Duration, part float64) {
	in.virtual += float64(took) / in.weight
	in.credit[class] = max(0, in.credit[class]-part*float64(took))
	most := in.savings()
	for c := class + 1; c < task.Priorities; c++ {
		if len(in.heads[c]) > 0 || in.wanting[c] {
			in.credit[c] = min(most, in.credit[c]+float64(took)*in.floor/(1-in.floor))
			in.wanting[c] = false
		}
	}
}

// paid predicts how long it takes until a lower class has earned what a batch of so much
// work costs, while the classes above take all they can.
func (in *instance) paid(class task.Priority, work time.Duration) time.Duration {
	return time.Duration(max(0, float64(work)-in.credit[class]) * (1 - in.floor) / in.floor / in.share)
}
