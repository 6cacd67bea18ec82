package policy

import (
	"slices"

	"sluice/internal/clock"
	"sluice/internal/task"
)

const (
	maxMoves = 2 // of an item, from one device to another
	// maxMisses bounds the work of a window drop: after so many items in a row that no other
	// device could take the rest of the window, due at about the same time, is not tried.
	maxMisses = 32
)

func (d *device) bit() uint32 { return 1 << (d.id % 32) }

// refuge is another instance that is predicted to finish an item safely, nil if there is
// none. Only a device that is down or has failed is left for one that is no peer where the
// model's fallback is for failures.
func (m *model) refuge(now clock.Instant, from *instance, it *Item, failed bool) *instance {
	if it.moves >= maxMoves {
		return nil
	}
	home := m.opts.Fallback == FallbackFailure && !failed && from.takes()
	for rest := m.choices(); len(rest) > 0; {
		var peers []*instance
		peers, rest = place(rest)
		if home && peers[0] != from.peers[0] {
			continue
		}
		if to, f := best(now, it, peers, from); to != nil && f.finish <= it.safe() {
			it.tight = f.tight
			return to
		}
	}
	return nil
}

// receive queues an item that comes from another device.
func (in *instance) receive(s *Scheduler, now clock.Instant, it *Item, out *Decisions) {
	it.Device, it.moves = in.device.id, it.moves+1
	it.Detour = in.model.direct()
	if in.guest {
		it.Detour = Rescued
	}
	in.counts.Sent[Rescued]++
	in.arrivals.add(now, it.Rows)
	in.give()
	in.push(s, it, s.rand())
	in.device.offer(now, in, out)
}

// rescue moves a queued item to a device that can still make its deadline.
func (s *Scheduler) rescue(now clock.Instant, in *instance, it *Item, out *Decisions) bool {
	if len(in.model.on) == 1 {
		return false
	}
	to := in.model.refuge(now, in, it, false)
	if to == nil {
		return false
	}
	in.take(s, it)
	to.receive(s, now, it, out)
	return true
}

// drop gives a queued item up, or has another device run it.
func (s *Scheduler) drop(now clock.Instant, in *instance, it *Item, out *Decisions) {
	if it.Deadline <= now {
		in.discard(now, s, it, Expired, out)
		return
	}
	if s.misses < maxMisses {
		if s.rescue(now, in, it, out) {
			s.misses = 0
			return
		}
		s.misses++
	}
	in.discard(now, s, it, PredictedLate, out)
}

func (in *instance) discard(now clock.Instant, s *Scheduler, it *Item, why Reason, out *Decisions) {
	why = in.loss(now, it, why)
	in.take(s, it)
	in.model.counts.Dropped[why]++
	out.Dropped = append(out.Dropped, Drop{it, why})
}

// vacate moves all that waits for an instance to other devices, or gives it up.
func (s *Scheduler) vacate(now clock.Instant, in *instance, out *Decisions) {
	why := PredictedLate
	if !in.model.elsewhere(in.device) {
		why = NoDevice
		if in.blocked() {
			why = Hanging
		}
	}
	for c := range task.Priority(task.Priorities) {
		for it := in.head(c); it != nil; it = in.head(c) {
			switch {
			case it.Deadline <= now:
				in.discard(now, s, it, Expired, out)
			case s.rescue(now, in, it, out):
			default:
				in.discard(now, s, it, why, out)
			}
		}
	}
}

// Evacuate takes out of a batch whose device has failed the items that another device is
// predicted to finish in time, and queues them there. The others stay
// in the batch, whose run is over: b.Rows is what is left. wanted says whether an item's
// caller still waits for it. suspect says that the rows may be at fault instead of the device:
// the items then run alone.
func (s *Scheduler) Evacuate(now clock.Instant, b *Batch, suspect bool, wanted func(*Item) bool, out *Decisions) {
	m := s.models[b.Model]
	from := m.instance(s.devices[b.Device])
	var last *Item
	kept := b.Items[:0]
	for _, it := range b.Items {
		var to *instance
		it.tried |= from.device.bit()
		if it.runs == 1 && it.state == itemSealed && it.Deadline > now && wanted(it) {
			to = m.refuge(now, from, it, true)
		}
		if to == nil {
			kept = append(kept, it)
			continue
		}
		it.runs, it.state = 0, itemFree
		if suspect {
			it.turn, it.apart, it.speaks = TurnAlone, now, false
			last = it
		}
		b.Rows -= it.Rows
		to.receive(s, now, it, out)
		out.Requeued = append(out.Requeued, it)
	}
	if last != nil {
		last.speaks = true
	}
	clear(b.Items[len(kept):])
	b.Items = kept
}

// relieve moves queued items that their own device is predicted to finish too late to others.
// An instance's items are looked at in order of their deadlines, until some are well.
func (s *Scheduler) relieve(now clock.Instant, d *device, out *Decisions) {
	const enough, most = 8, 256
	for i := len(d.busy) - 1; i >= 0; i-- {
		in := d.busy[i]
		if len(in.model.choices()) == 1 {
			continue
		}
		for c := range task.Priority(task.Priorities) {
			for _, g := range slices.Clone(in.heads[c]) {
				well, seen := 0, 0
				for it := g.queues[c].head; it != nil && well < enough && seen < most; seen++ {
					next := it.next
					f := in.forecast(now, it.Rows, it.Class, it.Deadline, it.Key)
					if f.likely <= it.Deadline {
						well++
					} else if it.Deadline > now {
						s.rescue(now, in, it, out)
					}
					it = next
				}
			}
		}
	}
}

// TooLate reports whether another device could run an item of a batch whose device has failed, if only
// its deadline left the time.
func (s *Scheduler) TooLate(b *Batch, it *Item) bool {
	m := s.models[b.Model]
	from := m.instance(s.devices[b.Device])
	return it.moves < maxMoves && slices.ContainsFunc(m.choices(), func(in *instance) bool { return in.open(it, from) })
}
