package policy

import (
	"time"

	"sluice/batcher/policy/costmodel"
	"sluice/internal/clock"
	"sluice/internal/task"
)

// Devices of one kind on which a model costs about the same, and which follow each other in its
// order of preference, are peers: one preferred place. They share what arrives, by predicted
// finish, and one that has nothing to do takes what waits for another. The order of preference
// counts between places.
//
// Sharing by predicted finish would be right for unlike devices too if answers in time were all
// that counts. But who prefers a GPU to the CPU wants the GPU full before the CPU works, and who
// has a slow GPU beside a fast one may keep the slow one for bursts.

// levelWithin is the part of a run by which two predictions may differ and count as equal:
// they move by that much from batch to batch.
const levelWithin = 0.1

// gatherPeers finds the places of a model whose instances are complete. Costs are compared as they
// were measured, and not as they were learned since: under load these differ.
func (m *model) gatherPeers() {
	costs := make([]*costmodel.Model, len(m.on))
	for i, on := range m.opts.Devices {
		costs[i] = costmodel.New(m.opts.MaxBatch, on.Sizes, on.Curve, 0)
	}
	begun := 0
	for i := range m.on {
		if i > begun && !(m.on[i].device.like(m.on[begun].device) && costs[i].Like(costs[begun])) {
			begun = i
		}
		for j := begun; j <= i; j++ {
			m.on[j].peers = m.on[begun : i+1 : i+1]
		}
		m.on[i].guest = begun > 0
	}
}

// like reports whether two devices are of one kind.
func (d *device) like(o *device) bool { return d.opts.Kind != "" && d.opts.Kind == o.opts.Kind }

// place splits the first place off devices in order of preference.
func place(on []*instance) (first, rest []*instance) {
	n := min(len(on), len(on[0].peers))
	return on[:n], on[n:]
}

// best is the peer that takes work and is predicted to finish an item first, nil if none takes
// work. Of those that are level it is one with nothing to do, else the one that was least
// recently given something. An item that moves from a device does not go back to it, nor to one
// that has failed it.
func best(now clock.Instant, it *Item, peers []*instance, from *instance) (*instance, forecast) {
	if len(peers) == 1 {
		in := peers[0]
		if !in.open(it, from) {
			return nil, forecast{}
		}
		return in, in.foresee(now, it)
	}
	least, level := clock.Never, clock.Never
	for _, in := range peers {
		in.considered = in.open(it, from)
		if !in.considered {
			continue
		}
		in.predicted = in.foresee(now, it)
		if f := in.predicted; f.finish < least {
			least = f.finish
			level = f.finish.Add(time.Duration(levelWithin * float64(in.cost.Latency(it.Rows))))
		}
	}
	var chosen *instance
	for _, in := range peers {
		if in.considered && in.predicted.finish <= level && (chosen == nil || in.before(chosen)) {
			chosen = in
		}
	}
	if chosen == nil {
		return nil, forecast{}
	}
	return chosen, chosen.predicted
}

// open reports whether the instance may be given an item that comes from another, or from none.
func (in *instance) open(it *Item, from *instance) bool {
	return in.takes() && (from == nil || in != from && it.tried&in.device.bit() == 0)
}

// before reports whether the instance should be given work rather than a peer that is level.
func (in *instance) before(o *instance) bool {
	if rests := in.device.rests(); rests != o.device.rests() {
		return rests
	}
	return in.given < o.given
}

// rests reports whether work for the device would start at once.
func (d *device) rests() bool {
	return len(d.busy) == 0 && d.woken == 0 && (d.active == 0 || d.opts.Stage == 0 && d.active < len(d.lanes))
}

// give notes that the instance was given something.
func (in *instance) give() {
	in.model.gifts++
	in.given = in.model.gifts
}

// urgent is the most urgent work that waits for a peer of an instance on the device, and the
// instance that could take it; nil if there is none. What a woken lane is about to take is its own.
func (d *device) urgent() (to, from *instance) {
	due := clock.Never
	for _, in := range d.on {
		if in.model.confined() || in.blocked() {
			continue
		}
		for _, peer := range in.peers {
			if peer == in || peer.items == 0 || peer.device.woken > 0 {
				continue
			}
			if at := peer.due(); at < due {
				to, from, due = in, peer, at
			}
		}
	}
	return to, from
}

// help wakes a lane of a device that has just come, if work waits for a peer.
func (d *device) help(out *Decisions) {
	if to, _ := d.urgent(); to != nil && d.state == DeviceUp {
		out.wake(d.wake())
	}
}

// fetch moves to a device with nothing to do what is most urgent among all that waits for peers, and
// reports whether there was something.
func (s *Scheduler) fetch(d *device) bool {
	if d.state != DeviceUp || len(d.busy) > 0 || d.opts.Stage > 0 && d.active > 0 {
		return false
	}
	to, from := d.urgent()
	if to != nil {
		to.fetch(s, from)
	}
	return len(d.busy) > 0
}

// fetch moves the first batch of what waits for a peer, without what this device has failed. Items
// that run alone stay: they wait to see whether others run well there.
func (in *instance) fetch(s *Scheduler, from *instance) {
	var first *group
	rows := 0
	for c := range task.Priority(task.Priorities) {
		for len(from.heads[c]) > 0 {
			g := from.heads[c][0]
			it := g.queues[c].head
			if g.alone || first != nil && g != first || it.tried&in.device.bit() != 0 || rows > 0 && rows+it.Rows > in.limit {
				break
			}
			first, rows = g, rows+it.Rows
			from.take(s, it)
			it.Device = in.device.id
			in.push(s, it, s.rand())
		}
	}
	in.give()
}
