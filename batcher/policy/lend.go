package policy

import (
	"time"

	"sluice/internal/clock"
)

// A run in C cannot be ended from outside, only asked to end between two nodes, and a run may be long
// and good. So a run that takes far too long keeps its thread and its memory, and loses its place: a
// device with spare lanes puts one of those where the lane was. The lane is lent to the run until
// that ends, and then is a spare itself.
//
//	idle | woken | active --> lent --> spare --> idle ...
//
// At all times DeviceOptions.Lanes lanes are idle, woken or active: what counts lanes counts these.
//
// While a run hangs its model runs nothing more on the device: what it has waiting goes elsewhere or
// is given up, and its requests are refused. Otherwise a model whose runs all hang would come to hold
// every spare and every lane. What it started before the first was noticed may hang too: of these at
// most all spares but one get their lanes replaced, so that the next model to hang finds one.
const (
	// A run hangs if it takes so many times as long as the longest one expected, and
	hangFactor = 10
	// as long as this: a machine that is short of processors holds a run up for hundreds of milliseconds,
	// and each time that is taken for a hang, the model is refused.
	hangLeast = time.Second
)

func newLanes(opts DeviceOptions) []lane {
	lanes := make([]lane, opts.Lanes+opts.Spares)
	for i := range lanes[opts.Lanes:] {
		lanes[opts.Lanes+i].state = laneSpare
	}
	return lanes
}

// serves reports whether the lane is one of those that take the device's work.
func (l *lane) serves() bool { return l.state != laneSpare && l.state != laneLent }

// takes reports whether the instance takes requests.
func (in *instance) takes() bool {
	return in.device.state == DeviceUp && !in.blocked()
}

// blocked reports whether the model runs nothing more here until its hanging runs have ended.
func (in *instance) blocked() bool { return in.hanging > 0 }

// patience is how long a run of so many rows may take before it hangs.
func (in *instance) patience(rows int) time.Duration {
	most := in.device.hangLimit / 2
	if in.cost.Runs() == 0 && in.cost.Longest(rows) == 0 || in.guess && in.cost.Runs() == 0 {
		return most // nothing is known of it
	}
	return min(max(hangFactor*in.cost.Longest(rows), hangLeast), most)
}

// hang takes note of a run that hangs, and lends its lane if there is a spare.
func (s *Scheduler) hang(now clock.Instant, in *instance, index int, out *Decisions) {
	d, l := in.device, &in.device.lanes[index]
	if !l.hangs {
		l.hangs = true
		in.hanging++
		s.vacate(now, in, out)
	}
	if l.probe && d.state == DeviceProbing {
		s.trip(now, d, "the probe is stuck", out)
	}
	l.watch = now.Add(watchMost) // a spare may come back
	for i := range d.lanes {
		if in.lent >= max(d.opts.Spares-1, 1) {
			break
		}
		if d.lanes[i].state == laneSpare {
			d.lanes[i].state, l.state = laneIdle, laneLent
			d.active--
			d.lent++
			in.lent++
			d.offerAny(now, out)
			break
		}
	}
}

// release takes a lane out of a batch that is complete.
func (d *device) release(l *lane, in *instance) {
	l.batch = nil
	if l.hangs {
		in.hanging--
	}
	if l.state == laneLent {
		l.state = laneSpare
		d.lent--
		in.lent--
		return
	}
	l.state = laneIdle
	d.active--
}

// hangsFor is how long it may take until the instance takes requests again: until the last of its
// hanging runs passes the hang limit.
func (in *instance) hangsFor(now clock.Instant) time.Duration {
	ends := now
	for i := range in.device.lanes {
		l := &in.device.lanes[i]
		if l.hangs && l.batch != nil && l.batch.Model == in.model.id {
			ends = max(ends, l.batch.Start.Add(in.device.hangLimit))
		}
	}
	return ends.Sub(now)
}
