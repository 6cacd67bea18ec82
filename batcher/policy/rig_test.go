package policy

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
)

const ms = time.Millisecond

// line is a curve that is linear in the rows.
func line(maxBatch int, base, perRow time.Duration) cost.Curve {
	var c cost.Curve
	for _, b := range cost.Sizes(maxBatch) {
		l := base + time.Duration(b)*perRow
		c = append(c, cost.Point{Rows: b, P50: l, P95: l})
	}
	return c
}

// fataler is a test or a property's run.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// rig runs a Scheduler on a virtual clock with lanes that take a given time, and checks
// after each event what must always hold.
type rig struct {
	t        fataler
	s        *Scheduler
	now      clock.Instant
	took     func(b *Batch) time.Duration
	fails    func(b *Batch) Outcome
	draw     func(n int) int // from 0 to n-1; if set, failed batches are searched
	conserve bool            // no lane may idle beside feasible work
	slow     bool            // woken lanes come when flush is called
	woken    []Lane
	out      Decisions // of the last call, until they are carried out
	events   []DeviceEvent

	idle    []*Batch
	running []*Batch
	ends    []clock.Instant // of running
	queued  map[*Item]bool
	sealed  map[*Item]int           // batches that it is in
	good    map[*Item]bool          // of the sealed: it has run well
	waits   map[*Item]time.Duration // from arrival until the item left the queue
	onBatch func(b *Batch)
	onDone  func(b *Batch, took time.Duration) // a run is over
	onMiss  func(it *Item)                     // an admitted item is given up, or late
	repair  repairBooks

	arrived, refused, dropped, completed, failed, late, cancelled, batches int
	log                                                                    string // digest of all decisions
}

func newRig(t fataler, s *Scheduler) *rig {
	r := &rig{t: t, s: s, queued: map[*Item]bool{}, sealed: map[*Item]int{}, good: map[*Item]bool{}, waits: map[*Item]time.Duration{}}
	r.repair = repairBooks{failed: map[*Batch]Outcome{}, since: map[*Batch]clock.Instant{}, repairs: map[*instance]time.Duration{}, others: map[*instance]time.Duration{}, longest: map[*instance]time.Duration{}}
	r.took = r.run
	r.fails = func(*Batch) Outcome { return Ran }
	r.onBatch = func(*Batch) {}
	r.onDone = func(*Batch, time.Duration) {}
	r.onMiss = func(*Item) {}
	return r
}

// run is how long a batch is predicted to run.
func (r *rig) run(b *Batch) time.Duration { return r.s.devices[b.Device].lanes[b.Lane].run }

func (r *rig) note(format string, args ...any) {
	h := fnv.New64a()
	fmt.Fprintf(h, r.log+format, args...)
	r.log = fmt.Sprintf("%x", h.Sum64())
}

func (r *rig) arrive(it *Item) Verdict {
	r.t.Helper()
	r.arrived++
	v := r.s.Arrive(r.now, it, &r.out)
	r.note("arrive %d %v %v", r.now, v.Admitted, v.Reason)
	if !v.Admitted {
		r.refused++
		return v
	}
	r.queued[it] = true
	r.follow()
	r.check()
	return v
}

// follow carries out what the scheduler has decided.
func (r *rig) follow() {
	r.t.Helper()
	r.wake(r.lose())
}

// lose takes note of what the scheduler has given up. It returns the lanes to wake.
func (r *rig) lose() []Lane {
	r.t.Helper()
	out := r.out
	r.out = Decisions{}
	r.events = append(r.events, out.Events...)
	for _, it := range out.Expired {
		out.Dropped = append(out.Dropped, Drop{it, Expired})
	}
	for _, d := range out.Dropped {
		r.note("drop %d %d %v", r.now, d.Item.Deadline, d.Reason)
		r.dropped++
		r.leave(d.Item)
		r.onMiss(d.Item)
	}
	return out.Wake
}

// wake lets lanes come.
func (r *rig) wake(lanes []Lane) {
	r.t.Helper()
	for _, l := range lanes {
		if r.slow {
			r.woken = append(r.woken, l)
		} else {
			r.next(l)
		}
	}
}

// flush lets the lanes come that have been woken.
func (r *rig) flush() {
	r.t.Helper()
	for len(r.woken) > 0 {
		l := r.woken[0]
		r.woken = r.woken[1:]
		r.next(l)
	}
	r.check()
}

func (r *rig) cancel(it *Item) bool {
	r.t.Helper()
	out := r.s.Cancel(r.now, it)
	if out != r.queued[it] {
		r.t.Fatalf("cancel of an item with queued=%v reports %v", r.queued[it], out)
	}
	if out {
		r.cancelled++
		r.leave(it)
	}
	return out
}

func (r *rig) leave(it *Item) {
	r.t.Helper()
	if !r.queued[it] {
		r.t.Fatalf("an item left the queue that was not in it")
	}
	delete(r.queued, it)
	r.waits[it] = r.now.Sub(it.Arrived)
}

// next lets a lane ask for work.
func (r *rig) next(l Lane) {
	r.t.Helper()
	b := &Batch{}
	if n := len(r.idle); n > 0 {
		b, r.idle = r.idle[n-1], r.idle[:n-1]
	}
	ok := r.s.Next(r.now, l.Device, l.Lane, b, &r.out)
	lanes := r.lose()
	if ok {
		r.start(b)
	} else {
		r.idle = append(r.idle, b)
	}
	r.wake(lanes)
}

// start takes note of a batch that has been sealed.
func (r *rig) start(b *Batch) {
	r.t.Helper()
	r.batches++
	r.note("seal %d %d %d %d %d", r.now, b.Model, b.Device, b.Lane, b.Rows)
	for _, it := range b.Items {
		if !b.Hedge {
			r.leave(it)
		} else if r.sealed[it] != 1 {
			r.t.Fatalf("a hedge runs an item that is in %d other batches", r.sealed[it])
		}
		r.sealed[it]++
	}
	r.checkBatch(b)
	r.onBatch(b)
	start := r.now
	if r.s.devices[b.Device].opts.Stage > 0 {
		for i, o := range r.running {
			if o.Device == b.Device {
				start = max(start, r.ends[i])
			}
		}
	}
	r.running = append(r.running, b)
	r.ends = append(r.ends, start.Add(r.took(b)))
}

// advance plays what happens until an instant.
func (r *rig) advance(until clock.Instant) {
	r.t.Helper()
	r.flush()
	for {
		first := -1
		at := r.s.Due()
		for i, end := range r.ends {
			if end <= at && (first < 0 || end < r.ends[first]) {
				first = i
			}
		}
		if first >= 0 {
			at = r.ends[first]
		}
		if at > until {
			r.now = max(r.now, until)
			return
		}
		r.now = max(r.now, at)
		if first >= 0 {
			r.complete(first)
		} else {
			r.s.Look(r.now, &r.out)
			r.follow()
		}
		r.check()
	}
}

func (r *rig) complete(i int) {
	r.t.Helper()
	b := r.running[i]
	o, again := r.outcome(i)
	if again {
		return
	}
	r.running = append(r.running[:i], r.running[i+1:]...)
	r.ends = append(r.ends[:i], r.ends[i+1:]...)
	if o == DeviceFailed || o == DeviceLost {
		before := slices.Clone(b.Items)
		r.s.Evacuate(r.now, b, r.pick(2) == 1, func(*Item) bool { return true }, &r.out)
		moved := r.out.Requeued
		if len(moved)+len(b.Items) != len(before) {
			r.t.Fatalf("of %d items %d were moved and %d stayed", len(before), len(moved), len(b.Items))
		}
		for _, it := range moved {
			r.note("move %d %d", r.now, it.Device)
			delete(r.sealed, it)
			r.queued[it] = true
		}
		r.follow()
	}
	r.onDone(b, r.now.Sub(b.Start))
	for _, it := range b.Items {
		if r.sealed[it] < 1 {
			r.t.Fatalf("an item completed that was not sealed, or twice")
		}
		if o == Ran && !r.good[it] {
			r.good[it] = true
			r.completed++
			if it.Deadline < r.now {
				r.late++
				r.onMiss(it)
			}
		}
		if r.sealed[it]--; r.sealed[it] > 0 {
			continue
		}
		if !r.good[it] {
			r.failed++
		}
		delete(r.sealed, it)
		delete(r.good, it)
	}
	r.s.Complete(r.now, b, o, &r.out)
	r.note("complete %d %d", r.now, b.Lane)
	lanes := r.lose()
	l := Lane{b.Device, b.Lane}
	r.idle = append(r.idle, b)
	r.next(l)
	r.wake(lanes)
}

// settle runs until nothing waits and nothing runs, and closes the books.
func (r *rig) settle() {
	r.t.Helper()
	r.flush()
	for len(r.running) > 0 || len(r.queued) > 0 || len(r.woken) > 0 {
		r.flush()
		at := r.s.Due()
		for _, end := range r.ends {
			at = min(at, end)
		}
		if at == clock.Never {
			if len(r.queued) > 0 {
				r.t.Fatalf("%d items are stranded", len(r.queued))
			}
			break
		}
		r.advance(at)
	}
	if sum := r.refused + r.dropped + r.cancelled + r.completed + r.failed; sum != r.arrived {
		r.t.Fatalf("%d arrived, %d ended", r.arrived, sum)
	}
}
