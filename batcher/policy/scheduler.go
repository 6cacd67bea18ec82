package policy

import (
	"fmt"
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// Scheduler decides; see the package comment. Callers serialise its methods. The
// instants that they pass should not go back; small steps, as between goroutines that read
// the clock before they took a lock, do no harm.
type Scheduler struct {
	opts    SchedulerOptions
	devices []*device
	models  []*model // by id; nil once removed
	spare   *group   // free groups
	found   []candidate
	random  uint32
	misses  int // items in a row that Next could not rescue
}

// New returns a scheduler without devices and models.
func New(opts SchedulerOptions) *Scheduler {
	return &Scheduler{opts: opts.withDefaults(), random: 0x9E3779B9}
}

func (s *Scheduler) model(id ModelID) *model {
	if id < 0 || int(id) >= len(s.models) {
		return nil
	}
	return s.models[id]
}

// Arrive queues an item or refuses it.
func (s *Scheduler) Arrive(now clock.Instant, it *Item, out *Decisions) Verdict {
	m := s.model(it.Model)
	if m == nil || m.closed {
		if m != nil {
			m.counts.Arrived++
			m.counts.Refused[Closed]++
		}
		return Verdict{Reason: Closed}
	}
	if it.state != itemFree || it.Rows < 1 || it.Rows > m.opts.MaxBatch || it.Most > 0 && it.Rows > it.Most || it.Class >= task.Priorities {
		panic(fmt.Sprintf("BUG: item in state %d, of %d rows and class %d, for model %q with batches of %d",
			it.state, it.Rows, it.Class, m.opts.Name, m.opts.MaxBatch))
	}
	for _, in := range m.on {
		in.refresh(now)
	}
	in, f, why := m.first(now, it)
	room := time.Duration(0)
	if !m.opts.UnfairRows {
		room = m.leave(in, it)
	}
	if in.takes() && len(m.on) > 1 {
		m.pressure.note(now, it.Deadline.Sub(f.finish), it.Deadline.Sub(it.Arrived))
		if other, o, detour := m.cheapest(now, it, in, why, room); other != nil {
			in, f, why = other, o, detour
		} else {
			in, f, why = m.divert(now, it, in, f, why, room)
		}
	}
	d, span := in.device, in.span
	m.counts.Arrived++
	in.arrivals.add(now, it.Rows)
	reason := s.refuse(now, in, it, f, room)
	if !m.opts.UnfairRows && (reason == None || reason == PredictedLate) {
		m.noteRows(now, in, it, reason != None)
		m.noteBudget(now, in, it, reason != None, f.finish == clock.Never)
	}
	if reason != Expired && it.Deadline != clock.Never && in.budgets.add(now, it.Deadline.Sub(it.Arrived)) {
		in.retune()
	}
	if reason != None {
		m.counts.Refused[reason]++
		in.wanting[it.Class] = true
		return in.refused(now, it, reason, f.start.Sub(now))
	}
	m.counts.Admitted++
	m.hedges = min(m.hedges+hedgeShare, hedgeSaved*float64(m.opts.MaxBatch))
	it.Device, it.Detour, it.moves, it.tried = d.id, why, 0, 0
	it.turn, it.speaks, it.tight = TurnShared, false, f.tight
	in.counts.Sent[why]++
	in.give()
	in.push(s, it, s.rand())
	it.span = span // its own budget may have made later batches smaller
	d.offer(now, in, out)
	out.LookBy(it.Deadline)
	return Verdict{Admitted: true, Wait: f.start.Sub(now)}
}

// rand is a xorshift generator: it only balances trees, and the same calls make the
// same decisions.
func (s *Scheduler) rand() uint32 {
	s.random ^= s.random << 13
	s.random ^= s.random >> 17
	s.random ^= s.random << 5
	return s.random
}

// Next seals a batch for an idle lane, or reports that there is none for it now. In
// either case items may be dropped. Of the lanes to wake those of the same device are to take what
// is left; the others are for work that has moved.
func (s *Scheduler) Next(now clock.Instant, id DeviceID, laneIndex int, b *Batch, out *Decisions) bool {
	d := s.devices[id]
	l := &d.lanes[laneIndex]
	b.reset(id, laneIndex)
	if l.state == laneSpare {
		return false
	}
	if l.state == laneActive || l.state == laneLent {
		panic(fmt.Sprintf("BUG: lane %d of device %q asks for a batch while it runs one", laneIndex, d.opts.Name))
	}
	d.answered(l)
	d.refresh(now)
	d.spreadAt = clock.Never
	s.misses = 0
	start := d.begins(now)
	h := l.hint
	l.hint = hint{}
	if h.seq == 0 || !s.follow(now, d, l, h, b) {
		if !d.takes() {
			return false
		}
		if ok, until := d.mayStage(now); !ok {
			d.spreadAt = until
			out.LookBy(until)
			return false
		}
		found := s.candidates(start, d, out)
		for len(found) == 0 && s.fetch(d) {
			found = s.candidates(start, d, out)
		}
		if len(found) == 0 {
			if d.state == DeviceProbing && len(d.busy) == 0 {
				d.state = DeviceBroken // the item that was to try it has gone
			}
			return false
		}
		c := choose(start, d, found)
		s.seal(start, c, b, out)
		b.Start, b.Likely = now, b.Likely+start.Sub(now)
		if d.state == DeviceProbing {
			l.probe, d.probe = true, true
		}
	}
	l.state, l.end = laneActive, b.PredictedEnd
	l.from, l.run, l.staged = start, b.PredictedEnd.Sub(start), d.opts.Stage > 0 && d.active > 0
	l.batch, l.seq, l.watch = b, l.seq+1, b.watch
	l.overdue, l.looked, l.excuse, l.hangs, l.hedged = false, false, false, false, false
	l.mute = b.Alone && !b.Items[0].speaks
	d.active++
	if !b.Hedge {
		s.probe(now, s.models[b.Model].instance(d), laneIndex, out)
	}
	out.LookBy(l.watch)
	d.offerAny(now, out)
	return true
}

// Complete frees the batch's lane, which should call Next at once, and learns from how
// long it took if it ran. The items that are in no other batch are the caller's again. The
// device may turn out broken: what was queued there and cannot go elsewhere is dropped.
func (s *Scheduler) Complete(now clock.Instant, b *Batch, o Outcome, out *Decisions) {
	d := s.devices[b.Device]
	l := &d.lanes[b.Lane]
	if l.state != laneActive && l.state != laneLent {
		panic(fmt.Sprintf("BUG: lane %d of device %q completes a batch that it does not run", b.Lane, d.opts.Name))
	}
	m := s.models[b.Model]
	in := m.instance(d)
	d.release(l, in)
	in.running--
	in.lastEnd, in.ended = now, true
	took := now.Sub(d.follows(now, b.Start))
	more := took - l.run
	in.virtual += float64(more) / in.weight
	d.spend(now, in, more)
	in.book(now, l, took)
	completed, late := in.conclude(now, b, o == Ran)
	if o == Ran {
		in.ranWell, in.ran = now, true
		in.cost.Observe(now, b.Rows, took, b.Probe)
		in.learnSlack(l.looked)
		if !b.Probe {
			if ended, tooMany := in.late.add(now, completed, late); tooMany {
				in.cost.Widen()
			} else if ended {
				in.cost.Relax()
			}
		}
		in.retune()
	}
	s.judge(now, d, l, m, o, out)
	if more > 2*l.run || in.ranked() {
		s.weed(now, in, out)
	}
}

// conclude takes the items out of a batch and counts those that end with it.
func (in *instance) conclude(now clock.Instant, b *Batch, ran bool) (completed, late int) {
	m := in.model
	for _, it := range b.Items {
		it.runs--
		if ran && it.state != itemDone {
			completed++
			if in.done(now, b, it) {
				late++
			}
		}
		if it.runs > 0 {
			continue
		}
		if it.state != itemDone {
			m.counts.Failed++
		}
		it.state = itemFree
	}
	return completed, late
}

// done counts an item that has run well, and reports whether it is late.
func (in *instance) done(now clock.Instant, b *Batch, it *Item) (late bool) {
	it.state = itemDone
	in.model.counts.Completed++
	if b.Hedge && !b.Probe {
		in.counts.HedgesWon++
	}
	late = it.Deadline < now
	in.keep(it, now)
	in.pass(it.Class, false)
	if late {
		in.model.counts.Late++
	}
	return late
}

// Cancel takes an item out if it still waits, and reports whether it did.
func (s *Scheduler) Cancel(_ clock.Instant, it *Item) bool {
	if it.state != itemQueued {
		return false
	}
	in := it.group.on
	in.take(s, it)
	in.model.counts.Dropped[Cancelled]++
	return true
}

// expire takes out the items whose deadline has passed.
func (s *Scheduler) expire(now clock.Instant, out *Decisions) {
	for _, d := range s.devices {
		for i := len(d.busy) - 1; i >= 0; i-- {
			in := d.busy[i]
			for c := range task.Priority(task.Priorities) {
				for it := in.head(c); it != nil && it.Deadline <= now; it = in.head(c) {
					in.take(s, it)
					in.model.counts.Dropped[in.loss(now, it, Expired)]++
					out.Expired = append(out.Expired, it)
				}
			}
		}
	}
}
