package policy

import (
	"slices"
	"time"

	"sluice/internal/clock"
)

const (
	stuckFactor = 1.5  // of the longest run expected, after which a batch counts as stuck
	hedgeShare  = 0.01 // of the admitted requests may run a second time, unless their device is overdue
	hedgeSaved  = 4    // largest batches of that which may be saved up
	// A batch is not stuck before it is overdue by this: what the machine does to a run of
	// microseconds is no sign of the device's health, and a timer is no finer.
	stuckSlack = 2 * time.Millisecond
	// lookLate is how late a look may come before it tells of this process instead of the device.
	lookLate = time.Millisecond
	// The slack of an instance grows by slackUp with each batch that was looked at and ran well all
	// the same, and shrinks by slackDown with each other one. So it settles where one batch in 200
	// is looked at for nothing, whatever the noise is like: ln(slackUp) / slackDown.
	slackUp   = 1.5
	slackDown = 0.002
	slackMost = breakSlack
	// watchMost bounds the time between two looks at a stuck batch.
	watchMost = 50 * time.Millisecond
)

// hint tells a woken lane to run items of a batch that runs elsewhere.
type hint struct {
	from  Lane
	seq   uint64 // of the lane's batch; 0 for no hint
	probe bool   // to try the device, not for the items' sake
}

// watch is when a batch that is sealed now counts as stuck; Never if no other device could
// help. The last 32 runs do not show the 99th percentile, and outliers are not among them: the
// slack, which learns from looks that were for nothing, stands for those.
func (in *instance) watch(now clock.Instant, rows int) clock.Instant {
	if len(in.model.choices()) == 1 {
		if in.device.opts.Spares > 0 {
			return now.Add(in.patience(rows))
		}
		return clock.Never
	}
	longest := time.Duration(stuckFactor * float64(in.cost.Longest(rows)))
	return now.Add(max(longest, in.cost.Latency(rows)+max(in.slack, stuckSlack)))
}

// nextWatch is when watch should be called next, Never if no batch may become stuck.
func (s *Scheduler) nextWatch() clock.Instant {
	at := clock.Never
	for _, d := range s.devices {
		if d.active == 0 {
			continue
		}
		for i := range d.lanes {
			if d.lanes[i].state == laneActive {
				at = min(at, d.lanes[i].watch)
			}
		}
	}
	return at
}

// watch looks at the batches that take far too long: queued items that would be lost behind
// them go to other devices, their own most urgent items are run there as well, and a device
// with too many of them is broken.
func (s *Scheduler) watch(now clock.Instant, out *Decisions) {
	for _, d := range s.devices {
		for i := range d.lanes {
			if l := &d.lanes[i]; l.state == laneActive && l.watch <= now && !l.excused(now) {
				s.inspect(now, d, i, out)
			}
		}
	}
}

// excused puts a look off that comes late. A process that did not run when it wanted to look did not
// read the device's answer either: the answer is most likely there. Every second look is held.
func (l *lane) excused(now clock.Instant) bool {
	l.excuse = !l.excuse && now.Sub(l.watch) > lookLate
	if l.excuse {
		l.watch = now.Add(stuckSlack)
	}
	return l.excuse
}

// learnSlack learns from a batch that has run well whether looks come too early.
func (in *instance) learnSlack(looked bool) {
	if looked {
		in.slack = min(time.Duration(slackUp*float64(max(in.slack, stuckSlack))), slackMost)
	} else {
		in.slack -= time.Duration(slackDown * float64(in.slack))
	}
}

func (s *Scheduler) inspect(now clock.Instant, d *device, index int, out *Decisions) {
	l := &d.lanes[index]
	m := s.models[l.batch.Model]
	l.looked = true
	if in := m.instance(d); d.opts.Spares > 0 && now.Sub(l.from) >= in.patience(l.batch.Rows) {
		// The model is to blame, and not the device: no breaker opens for it.
		if s.hang(now, in, index, out); l.state != laneLent {
			s.relieve(now, d, out)
			s.hedge(now, d, index, out)
		}
		return
	}
	if !l.overdue && !l.staged && now.Sub(l.end) >= breakSlack {
		l.overdue = true
		d.overdue++
	}
	hang := l.from.Add(s.opts.HangLimit)
	l.watch = now.Add(max(stuckSlack, min(now.Sub(l.from)/4, watchMost)))
	if hang > now {
		l.watch = min(l.watch, hang)
	}
	switch {
	case d.state == DeviceProbing && l.probe && l.overdue:
		s.trip(now, d, "the probe is stuck", out)
	case d.state == DeviceUp && hang <= now && m.elsewhere(d):
		s.trip(now, d, "a run passed its hang limit", out)
	case d.state == DeviceUp && d.overdue >= breakOverdue && m.elsewhere(d):
		s.trip(now, d, "several batches in a row were overdue", out)
	default:
		s.relieve(now, d, out)
	}
	s.hedge(now, d, index, out)
	s.weed(now, m.instance(d), out)
}

// hedge has an idle lane of another device run the most urgent items of a stuck batch. What may be
// noise is hedged once, within the ration. A device that is overdue has most likely failed, and all
// that it holds is lost otherwise, the running batch and the staged one: there an item needs no ration once
// half of its budget is spent, also under pressure, which a device that hangs brings about.
func (s *Scheduler) hedge(now clock.Instant, d *device, index int, out *Decisions) {
	l := &d.lanes[index]
	m := s.models[l.batch.Model]
	rationed := d.overdue == 0 || !slices.ContainsFunc(l.batch.Items, func(it *Item) bool { return it.halfSpent(now) })
	if m.closed || l.repairs || l.batch.Hedge || rationed && (l.hedged || m.hedges < 1 || m.pressure.on) {
		return
	}
	for _, in := range m.choices() {
		o := in.device
		if o == d || !in.takes() || o.woken > 0 {
			continue
		}
		if !slices.ContainsFunc(l.batch.Items, func(it *Item) bool { return in.saves(now, it) }) {
			continue
		}
		if o.point(hint{from: Lane{d.id, index}, seq: l.seq}, out) {
			l.hedged = true
			return
		}
	}
}

// halfSpent reports whether half of the item's budget is over.
func (it *Item) halfSpent(now clock.Instant) bool {
	return now.Sub(it.Arrived) >= it.Deadline.Sub(it.Arrived)/2
}

// saves reports whether the instance could still run a sealed item in time, alone and at
// once.
func (in *instance) saves(now clock.Instant, it *Item) bool {
	return it.runs == 1 && it.state == itemSealed && now.Add(in.cost.Latency(it.Rows)) <= it.safe()
}

// point wakes an idle lane with a hint.
func (d *device) point(h hint, out *Decisions) bool {
	if d.opts.Stage > 0 && d.active > 0 {
		return false // it would wait for the running batch
	}
	to := d.wake()
	if to.Lane < 0 {
		return false
	}
	d.lanes[to.Lane].hint = h
	out.wake(to)
	return true
}

// probe looks, when a batch has been sealed, for a device of its model that should be tried
// with a copy of one of its items: a broken one whose pause is over, or one that is not
// used because it was slow when it ran last, and may not be any more.
func (s *Scheduler) probe(now clock.Instant, on *instance, index int, out *Decisions) {
	m := on.model
	choices := m.choices()
	if len(choices) == 1 {
		return
	}
	l := &on.device.lanes[index]
	h := hint{from: Lane{on.device.id, index}, seq: l.seq, probe: true}
	for _, in := range choices {
		d := in.device
		if in == on {
			continue
		}
		if d.mayTry(now) {
			if d.point(h, out) {
				d.state = DeviceProbing
			}
			return
		}
		avoided := m.pressure.on || on.guest && l.batch.Items[0].Detour == Spilled || in.peers[0] == on.peers[0]
		if avoided && in.takes() && d.active+d.woken == 0 && in.items == 0 &&
			in.cost.Slow() && s.mayProbe(now, in) {
			d.point(h, out)
			return
		}
	}
}

// follow seals the batch that a hint asks for; false if the batch that it is about has
// completed meanwhile.
func (s *Scheduler) follow(now clock.Instant, d *device, l *lane, h hint, b *Batch) bool {
	from := &s.devices[h.from.Device].lanes[h.from.Lane]
	if from.state != laneActive || from.seq != h.seq || from.repairs || d.state == DeviceClosed || d.state == DeviceBroken {
		return false
	}
	m := s.models[from.batch.Model]
	in := m.instance(d)
	if in == nil || in.blocked() || m.closed || d.opts.Stage > 0 && d.active > 0 {
		return false
	}
	for _, it := range from.batch.Items {
		if h.probe && it.runs == 1 && it.state == itemSealed && it.Deadline > now || in.saves(now, it) {
			b.Items = append(b.Items, it)
		}
	}
	slices.SortStableFunc(b.Items, func(x, y *Item) int { return int(min(max(x.Deadline-y.Deadline, -1), 1)) })
	kept := 0
	for _, it := range b.Items {
		rows := b.Rows + it.Rows
		if kept > 0 && (h.probe || rows > in.limit || now.Add(in.cost.Latency(rows)) > b.Items[0].safe()) {
			break
		}
		if !h.probe {
			if m.hedges < 1 && (s.devices[h.from.Device].overdue == 0 || !it.halfSpent(now)) {
				break
			}
			m.hedges = max(m.hedges-1, 0)
		}
		b.Rows, kept = rows, kept+1
		it.runs++
	}
	clear(b.Items[kept:])
	b.Items = b.Items[:kept]
	if kept == 0 {
		return false
	}
	b.Hedge, b.Alone = true, from.batch.Alone
	if !h.probe {
		in.counts.Sent[Hedged] += uint64(kept)
	}
	if d.state == DeviceProbing {
		l.probe, d.probe = true, true
	}
	in.start(now, b, b.Items[0].Class, 1, h.probe)
	return true
}
