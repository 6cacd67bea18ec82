package policy

import (
	"time"

	"sluice/internal/clock"
)

// A device with a stage has two lanes and runs one batch at a time: while one runs, the next
// is sealed and gathered, so that the device goes from one to the other without a pause. It
// is sealed only shortly before the running one should end (DeviceOptions.Stage): until
// then it stays open for what comes in.

// servers is how many batches the device runs at once.
func (d *device) servers() int {
	if d.opts.Stage > 0 {
		return 1
	}
	return d.opts.Lanes
}

// begins predicts when a batch that is sealed now starts to run.
func (d *device) begins(now clock.Instant) clock.Instant {
	at := now
	if d.opts.Stage == 0 || d.active == 0 {
		return at
	}
	var staged time.Duration
	for i := range d.lanes {
		switch l := &d.lanes[i]; {
		case l.state != laneActive:
		case l.staged:
			staged += l.run
		default:
			at = max(at, l.free(now))
		}
	}
	return at.Add(staged)
}

// mayStage decides whether a batch may be sealed behind the one that runs; until is when to
// ask again if not.
func (d *device) mayStage(now clock.Instant) (ok bool, until clock.Instant) {
	if d.opts.Stage == 0 || d.active == 0 {
		return true, 0
	}
	at := d.begins(now) - clock.Instant(d.opts.Stage)
	return at <= now, at
}

// follows notes on a device with a stage that a batch has ended: the staged one starts. It
// returns when the one that has ended began.
func (d *device) follows(now, sealed clock.Instant) clock.Instant {
	if d.opts.Stage == 0 {
		return sealed
	}
	began := max(sealed, d.lastEnd)
	d.lastEnd = now
	for i := range d.lanes {
		l := &d.lanes[i]
		if l.state != laneActive || !l.staged {
			continue
		}
		if l.watch != clock.Never {
			l.watch += now - l.from
		}
		l.staged, l.from, l.end = false, now, now.Add(l.run)
	}
	return began
}
