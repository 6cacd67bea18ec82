package policy

import (
	"slices"
	"time"

	"sluice/internal/clock"
)

// refreshEvery is how often a device looks at the load of all its models.
const refreshEvery = rateWindow

// neighbourShare is the part of the smallest budget of the other models on a device that
// one batch may take: longer ones would block them for good.
const neighbourShare = 0.4

type laneState uint8

const (
	laneIdle   laneState = iota
	laneWoken            // told to call Next and has not yet
	laneActive           // runs a batch
	laneSpare            // stands by until another is lent
	laneLent             // runs a batch that takes far too long, while a spare is in its place; see lend.go
)

type lane struct {
	state laneState
	end   clock.Instant // predicted, while active

	// Of the batch that runs.
	batch   *Batch
	from    clock.Instant // its start, as predicted while it is staged
	run     time.Duration // predicted
	staged  bool          // it waits for another lane's; see stage.go
	seq     uint64        // counts the lane's batches
	watch   clock.Instant // when to look whether it is stuck
	overdue bool          // it was
	looked  bool          // it was looked at
	excuse  bool          // the last look was put off
	hangs   bool          // it takes so long that its model runs nothing more here
	hedged  bool          // some of its items run elsewhere too
	probe   bool          // it decides over a half-open device
	mute    bool          // its failure is not counted: that of its item's earlier batch was, or will be

	// Of a batch that has failed; see repair.go.
	repairs bool          // its members run again
	since   clock.Instant // end of the last run
	booked  time.Duration // predicted for the repair run
	rest    time.Duration // predicted for those that follow it

	hint hint // while woken
}

// device is a place to run: its lanes and the models that share it.
type device struct {
	id    DeviceID
	opts  DeviceOptions
	lanes []lane // with the spare ones

	hangLimit time.Duration // SchedulerOptions.HangLimit

	active int // lanes
	woken  int
	lent   int

	on        []*instance
	busy      []*instance // with items waiting
	virtual   float64     // least of those that waited at the last seal; see fairness.go
	refreshed clock.Instant
	fresh     bool // refreshed is valid
	load      float64
	// Smallest budgets of the active instances: the least, whose it is, and the next.
	least, next time.Duration
	leastOf     *instance

	// spreadAt is when work that is held back may start a further lane; see spread.go.
	spreadAt clock.Instant

	breaker
	allowance allowance
	lastEnd   clock.Instant // of a batch, on a device with a stage
	speed     float64       // of its usual one, as told from outside
}

func (d *device) addBusy(in *instance) {
	in.busyAt = len(d.busy)
	d.busy = append(d.busy, in)
	in.virtual = max(in.virtual, d.virtual)
}

func (d *device) removeBusy(in *instance) {
	last := len(d.busy) - 1
	moving := d.busy[last]
	d.busy[in.busyAt] = moving
	moving.busyAt = in.busyAt
	d.busy[last] = nil
	d.busy = d.busy[:last]
	in.busyAt = -1
}

// refresh brings loads, shares and targets up to date, at most once per window.
func (d *device) refresh(now clock.Instant) {
	if d.fresh && now.Sub(d.refreshed) < refreshEvery {
		return
	}
	d.refreshed, d.fresh = now, true
	d.load, d.least, d.next, d.leastOf = 0, 0, 0, nil
	var weights float64
	for _, in := range d.on {
		in.arrivals.roll(now)
		in.budgets.roll(now)
		in.needs = 0
		if !in.live() {
			continue
		}
		weights += in.weight
		in.needs = in.load()
		d.load += in.needs
		if b := in.budgets.value(); b > 0 {
			switch {
			case d.least == 0 || b < d.least:
				d.least, d.next, d.leastOf = b, d.least, in
			case d.next == 0 || b < d.next:
				d.next = b
			}
		}
	}
	for _, in := range d.on {
		in.share = 1
		if in.live() {
			in.share = min(1, max(in.weight/weights, 1-(d.load-in.needs)))
		}
		in.retune()
	}
}

// live reports whether the instance counts as load on its device.
func (in *instance) live() bool { return in.items > 0 || in.arrivals.mean > 1 }

// load is the share of its device that the instance needs at its best batch size.
func (in *instance) load() float64 {
	perRow := in.cost.Mean(in.limit).Seconds() / float64(in.limit)
	return in.arrivals.mean * perRow / float64(in.device.servers())
}

// neighbourBudget is the longest batch that the other models' budgets allow, 0 for any.
func (d *device) neighbourBudget(in *instance) time.Duration {
	b := d.least
	if d.leastOf == in {
		b = d.next
	}
	return time.Duration(neighbourShare * float64(b))
}

// idle is a lane without work, -1 if none.
func (d *device) idle() int {
	for i := range d.lanes {
		if d.lanes[i].state == laneIdle {
			return i
		}
	}
	return -1
}

// wake tells an idle lane to call Next.
func (d *device) wake() Lane {
	i := d.idle()
	if i < 0 {
		return noLane
	}
	d.lanes[i].state = laneWoken
	d.woken++
	return Lane{d.id, i}
}

// answered notes that a lane calls Next.
func (d *device) answered(l *lane) {
	if l.state == laneWoken {
		l.state = laneIdle
		d.woken--
	}
}

// soonest is when the first running lane is predicted to be free.
func (d *device) soonest() clock.Instant {
	t := clock.Never
	for i := range d.lanes {
		if d.lanes[i].state == laneActive {
			t = min(t, d.lanes[i].end)
		}
	}
	return t
}

// free predicts when the lane is. A run that is overdue is taken to last as long again as
// it is overdue: soon over if it is a little late, and with a device that hangs new
// requests are refused at once instead of kept waiting until their deadlines.
func (l *lane) free(now clock.Instant) clock.Instant {
	switch {
	case l.state != laneActive:
		return now
	case l.end > now:
		return l.end.Add(l.rest)
	}
	return now.Add(now.Sub(l.end) + l.rest)
}

// free predicts when a lane turns to new work if so much work is ahead of it: work is
// poured on the lanes like water, on the earliest first, then on all that stand as high.
func (d *device) free(now clock.Instant, work time.Duration) clock.Instant {
	if d.opts.Stage > 0 {
		return d.begins(now).Add(work)
	}
	level := clock.Never
	for i := range d.lanes {
		if d.lanes[i].serves() {
			level = min(level, d.lanes[i].free(now))
		}
	}
	for work > 0 {
		n, next := 0, clock.Never // lanes at the level, and the first above it
		for i := range d.lanes {
			if !d.lanes[i].serves() {
				continue
			}
			if end := d.lanes[i].free(now); end <= level {
				n++
			} else {
				next = min(next, end)
			}
		}
		step := (work + time.Duration(n) - 1) / time.Duration(n)
		if room := next.Sub(level); next != clock.Never && step > room {
			level, work = next, work-room*time.Duration(n)
			continue
		}
		return level.Add(step)
	}
	return level
}

// remove takes an instance off the device.
func (d *device) remove(in *instance) {
	d.on = slices.DeleteFunc(d.on, func(o *instance) bool { return o == in })
	if d.leastOf == in {
		d.leastOf = nil
	}
	d.fresh = false
}
