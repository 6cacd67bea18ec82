package policy

import (
	"time"

	"sluice/internal/clock"
)

// DeviceState is whether a device takes work.
//
//	up --> broken --> probing --> up | broken
//	any --> closed --> up
type DeviceState uint8

// The states.
const (
	DeviceUp      DeviceState = iota
	DeviceBroken              // its breaker is open: it takes no work until a pause is over
	DeviceProbing             // half open: it runs one batch, whose end decides
	DeviceClosed              // from outside, until it is opened from there
	deviceStates  = iota
)

var deviceStateNames = [deviceStates]string{DeviceUp: "up", DeviceBroken: "broken", DeviceProbing: "probing", DeviceClosed: "closed"}

// String is the state's name.
func (s DeviceState) String() string { return deviceStateNames[s] }

// Outcome is how a batch ended.
type Outcome uint8

// The outcomes.
const (
	Ran          Outcome = iota
	RowsFailed           // some members ran well once they were apart from others
	Failed               // no member ran well
	DeviceFailed         // likewise, and the device is to blame
	DeviceLost           // the device runs nothing more until it has been restarted
	Undecided            // no member has run well yet, and some wait to run alone
)

const (
	breakFailed  = 5 // failed batches in a row open the breaker
	breakOverdue = 3 // so do overdue ones
	// A stuck batch is overdue only by this: a host short of processors holds its runs up for
	// some milliseconds on all devices alike, and giving one of them up makes that worse.
	breakSlack   = 20 * time.Millisecond
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
	pauseMemory  = 10 * time.Second // a device up for as long starts with the first pause
)

// breaker is the part of a device that decides whether it takes work.
type breaker struct {
	state    DeviceState
	probe    bool // the batch of the half-open state runs
	reason   string
	failed   int // batches in a row
	overdue  int // batches in a row
	pause    time.Duration
	until    clock.Instant // end of the pause
	restored clock.Instant // when it came up last
	trips    uint64
}

func (d *device) tell(out *Decisions) {
	out.Events = append(out.Events, DeviceEvent{d.id, d.state, d.reason})
}

// detour is why items go elsewhere while the device is down.
func (d *device) detour() Detour {
	if d.state == DeviceClosed {
		return Shut
	}
	return Tripped
}

// elsewhere reports whether another device of the model takes work.
func (m *model) elsewhere(d *device) bool {
	for _, in := range m.choices() {
		if in.device != d && in.takes() {
			return true
		}
	}
	return false
}

// judge draws the conclusions from the end of a batch. Failures of batches may be the fault
// of what clients sent; they open the breaker only where another device is there to do
// better. A device that is lost is down in any case.
func (s *Scheduler) judge(now clock.Instant, d *device, l *lane, m *model, o Outcome, out *Decisions) {
	probed := l.probe
	if probed {
		l.probe, d.probe = false, false
	}
	if d.state == DeviceClosed {
		return
	}
	if probed && d.state == DeviceProbing {
		if o == Ran && !l.overdue {
			d.restore(now, out)
		} else {
			s.trip(now, d, "the probe failed", out)
		}
		return
	}
	if o == Failed && l.mute {
		o = Undecided
	}
	switch o {
	case Ran:
		d.failed = 0
		if !l.overdue {
			d.overdue = 0
		}
	case RowsFailed:
		d.failed = 0
	case Undecided: // the failures and good runs of its members to come count
	case DeviceLost:
		s.trip(now, d, "the device is lost", out)
	default:
		d.failed++
		if d.state == DeviceUp && d.failed >= breakFailed && m.elsewhere(d) {
			s.trip(now, d, "several batches in a row failed", out)
		}
	}
}

// trip opens a device's breaker. What it has queued goes to other devices or is given up.
func (s *Scheduler) trip(now clock.Instant, d *device, reason string, out *Decisions) {
	if d.state == DeviceUp && now.Sub(d.restored) >= pauseMemory {
		d.pause = 0
	}
	d.pause = min(max(2*d.pause, firstPause), longestPause)
	d.until = now.Add(d.pause)
	d.failed, d.overdue = 0, 0
	d.reason = reason
	was := d.state
	d.state = DeviceBroken
	d.undecided()
	if was == DeviceUp {
		d.trips++
		d.tell(out)
	}
	s.evict(now, d, out)
}

// undecided ends the half-open state: a probe that still runs decides nothing any more, and the next
// one need not wait for it.
func (d *device) undecided() {
	d.probe = false
	for i := range d.lanes {
		d.lanes[i].probe = false
	}
}

func (d *device) restore(now clock.Instant, out *Decisions) {
	d.state, d.reason, d.restored = DeviceUp, "", now
	d.undecided()
	d.failed, d.overdue = 0, 0
	d.tell(out)
}

// evict empties a device's queues.
func (s *Scheduler) evict(now clock.Instant, d *device, out *Decisions) {
	for len(d.busy) > 0 {
		s.vacate(now, d.busy[len(d.busy)-1], out)
	}
}

// CloseDevice takes a device out of service from outside, whatever its breaker says. What
// it has queued goes to other devices; what cannot is dropped. Batches that run are completed
// as ever.
func (s *Scheduler) CloseDevice(now clock.Instant, id DeviceID, reason string, out *Decisions) {
	d := s.devices[id]
	if d.state == DeviceClosed {
		return
	}
	d.state, d.reason = DeviceClosed, reason
	d.undecided()
	d.tell(out)
	s.evict(now, d, out)
}

// OpenDevice takes a device into service, be it closed or broken.
func (s *Scheduler) OpenDevice(now clock.Instant, id DeviceID, out *Decisions) {
	if d := s.devices[id]; d.state != DeviceUp {
		d.pause = 0
		d.restore(now, out)
		d.help(out)
	}
}

// takes reports whether a device may begin a batch from its queues.
func (d *device) takes() bool {
	return d.state == DeviceUp || d.state == DeviceProbing && !d.probe
}

// mayTry reports whether a broken device is due for a probe.
func (d *device) mayTry(now clock.Instant) bool {
	return d.state == DeviceBroken && now >= d.until && d.woken == 0 && d.active < d.opts.Lanes
}

// try half-opens a broken device that is due for it, for an item that no other device can
// take: it would be refused otherwise.
func (d *device) try(now clock.Instant) bool {
	if !d.mayTry(now) {
		return false
	}
	d.state = DeviceProbing
	return true
}
