package policy

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// The lane of a failed batch runs parts of it again, to find out whose rows are at fault.
// These repair runs may take a quarter of the lane time that a model uses on a device:
//
//	repairs <= repairShare * (repairs + other runs)
//
// The account of a model on a device keeps to that. It earns repairShare/(1-repairShare), a
// third, of each run's time and pays for each repair run. Only an account above zero may begin
// one, so that it is overdrawn by one run at most; and it saves no more than what repairSpan of
// runs earn. Nor does one begin by which the most urgent item of another model on the device
// would miss its deadline. The members that this leaves go back to the queue (Isolate), where
// each waits by its deadline, like any other work, for a batch of its own.
const (
	repairShare = 0.25
	repairSpan  = time.Second // of runs whose earnings may be saved

	repairRate = repairShare / (1 - repairShare)
)

// repairs is the account of a model's repair runs on a device.
type repairs struct{ left time.Duration }

func (r *repairs) earn(ran time.Duration) {
	share := func(d time.Duration) time.Duration { return time.Duration(repairRate * float64(d)) }
	r.left = min(r.left+share(max(ran, 0)), share(repairSpan))
}

// Retry asks whether the lane of a failed batch may run so many rows of its members again, now;
// the run before it, the batch's own or a repair, has just ended. must says that it runs in any
// case. The run that follows is booked until the next Retry or Complete corrects it.
func (s *Scheduler) Retry(now clock.Instant, b *Batch, rows int, must bool) bool {
	d := s.devices[b.Device]
	in, l := s.models[b.Model].instance(d), &d.lanes[b.Lane]
	in.settle(now, l)
	run := in.cost.Latency(rows)
	if !must && (in.repairs.left <= 0 || d.harms(now, in, run)) {
		return false
	}
	in.repairs.left -= run
	l.booked, l.from, l.end, l.watch = run, now, now.Add(run), in.watch(now, rows)
	l.rest = in.unsearched(b, rows)
	return true
}

// unsearched predicts how long the lane goes on after a repair run of so many rows: forecasts count it.
// It is a run of the members that have not run well yet, as long as the account allows one more. How
// often that is halved nobody knows.
func (in *instance) unsearched(b *Batch, rows int) time.Duration {
	rest := -rows
	for _, it := range b.Items {
		if it.state == itemSealed {
			rest += it.Rows
		}
	}
	if rest <= 0 || in.repairs.left <= 0 {
		return 0
	}
	return in.cost.Latency(rest)
}

// harms reports whether a neighbour's most urgent item, which would make its deadline if a lane
// were free now, waits for one that is about to be used for so long.
func (d *device) harms(now clock.Instant, in *instance, run time.Duration) bool {
	if d.active < d.opts.Lanes {
		return false
	}
	for _, o := range d.busy {
		if due, own := o.due(), o.cost.Latency(1); o != in && due >= now.Add(own) && due < now.Add(own+run) {
			return true
		}
	}
	return false
}

// settle books the run of a failed batch that has just ended.
func (in *instance) settle(now clock.Instant, l *lane) {
	if l.repairs {
		in.repairs.left += l.booked - now.Sub(l.since)
	} else {
		in.repairs.earn(now.Sub(l.from))
	}
	l.repairs, l.booked, l.since = true, 0, now
}

// book books a batch that is complete and took so long.
func (in *instance) book(now clock.Instant, l *lane, took time.Duration) {
	if l.repairs {
		in.settle(now, l)
		l.repairs, l.rest = false, 0
		return
	}
	in.repairs.earn(took)
}

// Passed notes that members of a failed batch have run well in a repair run. They stay in the
// batch. The cost model learns nothing from it: such a run begins and ends otherwise than one
// of a batch.
func (s *Scheduler) Passed(now clock.Instant, b *Batch, items []*Item) {
	in := s.models[b.Model].instance(s.devices[b.Device])
	in.ranWell, in.ran = now, true
	for _, it := range items {
		if it.state == itemSealed {
			in.done(now, b, it)
		}
	}
}

// Works reports whether the model has run anything well on the device of a batch since the
// batch's item was set apart.
func (s *Scheduler) Works(b *Batch) bool {
	if !b.Alone || len(b.Items) == 0 {
		return false
	}
	in := s.models[b.Model].instance(s.devices[b.Device])
	return in.ran && in.ranWell > b.Items[0].apart
}

// Suspects reports whether items with TurnAlone wait for the device of a batch's model.
func (s *Scheduler) Suspects(b *Batch) bool {
	g := s.models[b.Model].instance(s.devices[b.Device]).apart[TurnAlone]
	return g != nil && g.items > 0
}

// Isolate takes members out of a failed batch, whose run is over, and queues each of them to
// run alone, in its turn: on the batch's device, or on another one if that has gone down
// meanwhile. Those that no device can run in time are dropped. An item with TurnShared stays, and so does one that is in another batch as
// well. decided says that a member has run well, so that the batch's failure is counted as
// RowsFailed.
func (s *Scheduler) Isolate(now clock.Instant, b *Batch, turn func(*Item) Turn, decided bool, out *Decisions) {
	d := s.devices[b.Device]
	m := s.models[b.Model]
	in := m.instance(d)
	var last *Item
	before := len(out.Requeued)
	kept := b.Items[:0]
	for _, it := range b.Items {
		at := turn(it)
		if it.runs != 1 || it.state != itemSealed || it.Deadline <= now || at == TurnShared {
			kept = append(kept, it)
			continue
		}
		it.runs, it.state = 0, itemFree
		it.turn, it.apart = at, now
		b.Rows -= it.Rows
		if !s.requeue(now, in, it, out) {
			why := PredictedLate
			if !m.elsewhere(d) {
				why = NoDevice
			}
			m.counts.Dropped[why]++
			out.Dropped = append(out.Dropped, Drop{it, why})
			continue
		}
		out.Requeued = append(out.Requeued, it)
		if b.Alone {
			continue // who speaks for the batch that it was in is known
		}
		if it.speaks = false; last == nil || it.Deadline >= last.Deadline {
			last = it
		}
	}
	clear(b.Items[len(kept):])
	b.Items = kept
	if last != nil {
		last.speaks = !decided
	}
	if len(out.Requeued) > before {
		d.offer(now, in, out)
	}
}

// requeue queues an item of a failed batch where it ran, or where else it may run in time.
func (s *Scheduler) requeue(now clock.Instant, in *instance, it *Item, out *Decisions) bool {
	if d := in.device; in.takes() && (!in.guest || !in.model.confined()) {
		if it.Device != d.id { // it ran here as a hedge
			it.Device, it.Detour = d.id, in.model.direct()
			if in.guest {
				it.Detour = Rescued
			}
			in.counts.Sent[Rescued]++
		}
		in.push(s, it, s.rand())
		return true
	}
	to := in.model.refuge(now, in, it, true)
	if to == nil {
		return false
	}
	to.receive(s, now, it, out)
	return true
}

// place is the group in which an item waits.
func (in *instance) place(s *Scheduler, it *Item) *group {
	if it.turn == TurnShared {
		return in.group(s, it.Key)
	}
	g := in.apart[it.turn]
	if g == nil {
		g = &group{on: in, alone: true}
		for c := range g.at {
			g.at[c] = -1
		}
		in.apart[it.turn] = g
	}
	return g
}

// next is the group of a class whose turn it is: the one with the earliest deadline.
func (in *instance) next(c task.Priority) *group {
	g := in.heads[c][0]
	if first := in.apart[TurnAlone]; g == in.apart[TurnLast] && first != nil && first.queues[c].items > 0 {
		return first
	}
	return g
}

// singly predicts how long one lane needs for so many rows of a queue whose items run alone.
func (in *instance) singly(q *queue, rows int) time.Duration {
	if rows == 0 {
		return 0
	}
	each := (q.rows + q.items - 1) / q.items
	return time.Duration((rows+each-1)/each) * in.cost.Mean(each)
}

// backlog predicts how long one lane needs for all that waits.
func (in *instance) backlog() (work time.Duration) {
	rows := in.totalRows()
	for _, g := range in.apart {
		if g == nil || g.items == 0 {
			continue
		}
		for c := range task.Priority(task.Priorities) {
			q := &g.queues[c]
			rows -= q.rows
			work += in.singly(q, q.rows)
		}
	}
	return work + in.drain(rows)
}
