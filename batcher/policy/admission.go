package policy

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// countedGroups bounds the work of a prediction: beyond so many groups of other keys
// their rows are all taken to be ahead.
const countedGroups = 32

// forecast is a prediction for one item on one device.
type forecast struct {
	start, likely clock.Instant // of its run, and the end of that, as predictions have it
	finish        clock.Instant // by when it is done; Never if it would make another miss its deadline
	tight         int           // so in a batch of so many rows, 0 for a full one
}

// foresee is the forecast for an item. One that has not been decoded may be of any key and class,
// and comes first.
func (in *instance) foresee(now clock.Instant, it *Item) forecast {
	if !it.early {
		return in.forecast(now, it.Rows, it.Class, it.Deadline, it.Key)
	}
	start := in.device.free(now, 0)
	end := start.Add(in.cost.Latency(1))
	return forecast{start: start, likely: end, finish: end}
}

// forecast predicts when an item that arrives now would run. It counts everything ahead
// of it in its own model's order, also what will be dropped, and what its neighbours
// on the device may take meanwhile; it errs towards late. A lower class counts on its
// floor: else it would be refused for good while the classes above keep the device busy.
func (in *instance) forecast(now clock.Instant, rows int, class task.Priority, deadline clock.Instant, key uint64) forecast {
	work := time.Duration(0)
	own, limit := 0, in.limit
	if in.items > 0 {
		limit = in.limitOf(key)
		own, work = in.ahead(class, deadline, key)
	}
	last, full := rows, 0
	if rows < limit {
		total := own + rows
		full = (total - 1) / limit
		work += time.Duration(full) * in.cost.Mean(limit)
		last = total - full*limit
	} else {
		work += in.drainBy(own, limit)
	}
	d, run := in.device, in.cost.Latency(last)
	if len(d.busy) > 1 || len(d.busy) == 1 && in.items == 0 {
		work += in.others(work + run)
	}
	start := d.free(now, work)
	if in.guest && d.opts.FallbackShare > 0 {
		start = start.Add(d.guestWait(now))
	}
	f := forecast{start: start, likely: start.Add(run)}
	if full > 0 && d.servers() > 1 {
		// On another lane the small rest of a queue would be done before the full batch
		// ahead of it. Do not promise that: a longer queue must not look better.
		batch := in.cost.Mean(limit)
		f.likely = max(f.likely, d.free(now, work-batch).Add(in.cost.Latency(limit)))
	}
	by, harms, tight := in.promise(now, newcomer{rows, class, deadline, key})
	f.finish, f.tight = by, tight
	if part := in.passed[class]; part > 0 && !harms {
		f.finish = f.finish.Add(time.Duration(part * float64(in.drain(in.rows[class])) / float64(d.servers())))
	}
	if class > 0 && in.totalRows() > in.rows[class] {
		mine := in.rows[class] + rows
		run := in.cost.Latency(min(mine, max(rows, limit)))
		start := d.free(now, in.paid(class, in.drainBy(mine, limit)))
		if end := start.Add(run); end < f.likely {
			f.start, f.likely = start, end
		}
		f.finish = min(f.finish, start.Add(run))
	}
	if harms {
		f.finish = clock.Never
	}
	return f
}

// ahead counts the rows that can share batches with the item and come before it, and
// the work of other keys before it.
func (in *instance) ahead(class task.Priority, deadline clock.Instant, key uint64) (own int, other time.Duration) {
	for c := range class + 1 {
		until := clock.Never
		if c == class {
			until = deadline
		}
		groups := in.heads[c]
		if len(groups) == 1 && groups[0].key == key && !groups[0].alone {
			own += groups[0].queues[c].rowsUntil(until)
			continue
		}
		counted, rest := 0, in.rows[c]
		for i, g := range groups {
			if i == countedGroups && (g.alone || g.key != key) {
				break
			}
			rows := g.queues[c].rowsUntil(until)
			rest -= g.queues[c].rows
			counted++
			switch {
			case g.alone:
				other += in.singly(&g.queues[c], rows)
			case g.key == key:
				own += rows
			default:
				other += in.drainBy(rows, g.limit(in.limit))
			}
		}
		if counted < len(groups) {
			other += in.drain(rest)
		}
	}
	return own, other
}

// others predicts how much of the device the neighbours take before the instance has done so much
// work and is next: their fair shares of that time and a batch each, or all that they have and that
// will come meanwhile. One that has
// had more than the instance waits until that has caught up: choose passes over it, so it takes
// nothing meanwhile.
func (in *instance) others(work time.Duration) time.Duration {
	d := in.device
	mine := in.virtual
	if in.items == 0 {
		mine = max(mine, d.virtual)
	}
	longest := in.longestRun()
	for _, o := range d.busy {
		longest = max(longest, o.longestRun())
	}
	turn := float64(work)/in.weight + d.quantum(longest)
	var sum time.Duration
	for _, o := range d.busy {
		if o == in || o.virtual > mine+turn {
			continue
		}
		fair := min(float64(work)/in.weight, mine+turn-o.virtual) * o.weight
		coming := time.Duration(o.needs * float64(work))
		sum += min(o.backlog()+coming, time.Duration(fair)+o.cost.Mean(o.largest()))
	}
	return sum
}

// largest is the most rows of the batch that the instance runs next.
func (in *instance) largest() int {
	_, it := in.top()
	return max(in.limit, it.Rows, min(in.leads(it), in.totalRows()))
}

// longestRun is the longest batch that the instance runs.
func (in *instance) longestRun() time.Duration { return in.cost.Latency(in.limit) }

// refuse decides whether an item routed to an instance is turned away.
// It must be done by so much room before the latest.
func (s *Scheduler) refuse(now clock.Instant, in *instance, it *Item, f forecast, room time.Duration) Reason {
	m := in.model
	switch {
	case it.Deadline <= now:
		return Expired
	case m.rows+it.Rows > bound(m.opts.MaxQueueRows, it.Class):
		return QueueRows
	case m.bytes+it.Bytes > bound(m.opts.MaxQueueBytes, it.Class):
		return QueueBytes
	}
	if in.blocked() {
		return Hanging
	}
	if in.device.state != DeviceUp {
		if in.device.try(now) {
			return None
		}
		return NoDevice
	}
	if f.finish <= in.latest(it)-clock.Instant(room) {
		return None
	}
	late, mayTry := PredictedLate, s.mayProbe(now, in)
	if takes := m.idle(it.whole()); takes > it.Deadline.Sub(it.Arrived) {
		late, mayTry = BudgetTooShort, mayTry && in.mayRetry(now, takes)
	}
	if mayTry && (in.items == 0 || in.probeAt == now) {
		// The parts of a request that is larger than a batch arrive at one instant; the
		// first would be no probe if it were taken back because of the second.
		in.probeAt = now
		return None
	}
	return late
}

// bound is the part of a bound that a class may fill.
func bound[T int | int64](all T, class task.Priority) T {
	if class == task.Low {
		return all - all/4
	}
	return all
}

// mayProbe reports whether an instance has run nothing for so long that it may run a
// request against its prediction. Without that an estimate that is too high would refuse
// every request and never be corrected.
func (s *Scheduler) mayProbe(now clock.Instant, in *instance) bool {
	return in.running == 0 && (!in.ended || now.Sub(in.lastEnd) >= s.opts.ProbeEvery)
}

// Preview tells whether a request could be admitted now, whatever its class, key and rows, without
// queueing it. It refuses nothing that Arrive would admit. A refusal counts as one: the arrival rate that sizes the batches is
// that of all who ask.
func (s *Scheduler) Preview(now clock.Instant, id ModelID, rows int, arrived, deadline clock.Instant) Verdict {
	m := s.model(id)
	if m == nil || m.closed {
		return Verdict{Reason: Closed}
	}
	it := Item{Model: id, Rows: rows, Arrived: arrived, Deadline: deadline, Class: task.High, early: true}
	for _, in := range m.on {
		in.refresh(now)
	}
	in, f, why := m.first(now, &it)
	if in.takes() {
		in, f, _ = m.divert(now, &it, in, f, why, 0)
	} else if !in.blocked() && in.device.mayTry(now) {
		return Verdict{Admitted: true}
	}
	reason := s.refuse(now, in, &it, f, 0)
	for _, other := range m.choices() {
		if reason == None || other != in && other.takes() && s.refuse(now, other, &it, other.foresee(now, &it), 0) == None {
			return Verdict{Admitted: true}
		}
	}
	m.counts.Arrived++
	m.counts.Refused[reason]++
	in.arrivals.add(now, rows)
	return in.refused(now, &it, reason, max(f.start.Sub(now), time.Duration(0)))
}
