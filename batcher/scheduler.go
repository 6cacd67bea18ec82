package batcher

import (
	"fmt"

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
}

// New returns a scheduler without devices and models.
func New(opts SchedulerOptions) *Scheduler {
	return &Scheduler{opts: opts.withDefaults(), random: 0x9E3779B9}
}

// AddDevice adds a device.
func (s *Scheduler) AddDevice(opts DeviceOptions) (DeviceID, error) {
	if err := opts.validate(); err != nil {
		return 0, fmt.Errorf("cannot add a device: %w", err)
	}
	id := DeviceID(len(s.devices))
	s.devices = append(s.devices, &device{id: id, opts: opts, lanes: make([]lane, opts.Lanes), spreadAt: clock.Never})
	return id, nil
}

// AddModel adds a model, open for arrivals.
func (s *Scheduler) AddModel(opts ModelOptions) (ModelID, error) {
	opts = opts.withDefaults()
	if err := opts.validate(len(s.devices)); err != nil {
		return 0, fmt.Errorf("cannot add a model: %w", err)
	}
	m := &model{id: ModelID(len(s.models)), opts: opts}
	for _, on := range opts.Devices {
		d := s.devices[on.Device]
		in := &instance{
			model: m, device: d, weight: opts.Weight, busyAt: -1, share: 1, floor: s.opts.ClassFloor,
			cost:   newCostModel(opts.MaxBatch, on.Sizes, on.Curve, d.opts.Gap),
			groups: make(map[uint64]*group),
		}
		in.limit = 1
		in.retune()
		m.on = append(m.on, in)
		d.on = append(d.on, in)
	}
	s.models = append(s.models, m)
	return m.id, nil
}

// CloseModel ends arrivals; what waits still runs.
func (s *Scheduler) CloseModel(id ModelID) {
	if m := s.model(id); m != nil {
		m.closed = true
	}
}

// RemoveModel forgets a model that has nothing waiting and nothing running.
func (s *Scheduler) RemoveModel(id ModelID) error {
	m := s.model(id)
	if m == nil {
		return fmt.Errorf("cannot remove model %d: there is none", id)
	}
	running := 0
	for _, in := range m.on {
		running += in.running
	}
	if m.items > 0 || running > 0 {
		return fmt.Errorf("cannot remove model %q: %d items wait and %d batches run", m.opts.Name, m.items, running)
	}
	for _, in := range m.on {
		in.device.remove(in)
		for _, g := range in.groups {
			in.reclaim(s, g)
		}
	}
	s.models[id] = nil
	return nil
}

// Idle reports whether a model has nothing waiting and nothing running.
func (s *Scheduler) Idle(id ModelID) bool {
	m := s.model(id)
	if m == nil {
		return true
	}
	for _, in := range m.on {
		if in.items > 0 || in.running > 0 {
			return false
		}
	}
	return true
}

func (s *Scheduler) model(id ModelID) *model {
	if id < 0 || int(id) >= len(s.models) {
		return nil
	}
	return s.models[id]
}

// Arrive queues an item or refuses it.
func (s *Scheduler) Arrive(now clock.Instant, it *Item) Verdict {
	m := s.model(it.Model)
	if m == nil || m.closed {
		if m != nil {
			m.counts.Arrived++
			m.counts.Refused[Closed]++
		}
		return Verdict{Reason: Closed, Wake: noLane}
	}
	if it.state != itemFree || it.Rows < 1 || it.Rows > m.opts.MaxBatch || it.Class >= task.Priorities {
		panic(fmt.Sprintf("BUG: item in state %d, of %d rows and class %d, for model %q with batches of %d",
			it.state, it.Rows, it.Class, m.opts.Name, m.opts.MaxBatch))
	}
	for _, in := range m.on {
		in.device.refresh(now)
		in.cost.wake(now)
	}
	in, f := m.route(now, it)
	d := in.device
	m.counts.Arrived++
	in.arrivals.add(now, it.Rows)
	reason := s.refuse(now, in, it, f)
	if reason != Expired && it.Deadline != clock.Never && in.budgets.add(now, it.Deadline.Sub(it.Arrived)) {
		in.retune()
	}
	if reason != None {
		m.counts.Refused[reason]++
		in.wanting[it.Class] = true
		return Verdict{Reason: reason, Wait: f.start.Sub(now), Wake: noLane}
	}
	m.counts.Admitted++
	it.Device = d.id
	in.push(s, it, s.rand())
	return Verdict{Admitted: true, Wait: f.start.Sub(now), Wake: d.offer(now, in)}
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
// either case b.Dropped may hold items.
func (s *Scheduler) Next(now clock.Instant, id DeviceID, laneIndex int, b *Batch) bool {
	d := s.devices[id]
	l := &d.lanes[laneIndex]
	if l.state == laneActive {
		panic(fmt.Sprintf("BUG: lane %d of device %q asks for a batch while it runs one", laneIndex, d.opts.Name))
	}
	d.answered(l)
	d.refresh(now)
	b.reset(id, laneIndex)
	d.spreadAt = clock.Never
	found := s.candidates(now, d, b)
	if len(found) == 0 {
		return false
	}
	c := choose(now, d, found)
	s.seal(now, c, b)
	l.state, l.end = laneActive, b.PredictedEnd
	d.active++
	b.Wake = d.offerAny(now)
	return true
}

// seal takes a candidate's items out of its queues and makes them the batch.
func (s *Scheduler) seal(now clock.Instant, c *candidate, b *Batch) {
	in, q := c.on, c.queue()
	for range c.window.drops {
		s.drop(now, in, q.head, b)
	}
	for range c.window.items {
		in.board(s, q.head, b)
	}
	own := b.Rows
	if !c.probe {
		in.fill(s, now, c, b)
	}
	run := in.cost.latency(b.Rows)
	b.Model, b.Bucket, b.Probe = in.model.id, in.cost.bucket(b.Rows), c.probe
	b.Start, b.PredictedEnd = now, now.Add(run)
	in.charge(c.class, run, float64(own)/float64(b.Rows))
	in.running++
	in.counts.Batches++
	in.counts.Items += uint64(len(b.Items))
	in.counts.Rows += uint64(b.Rows)
	in.counts.Padding += uint64(b.Bucket - b.Rows)
	if c.probe {
		in.counts.Probes++
	}
}

// board moves a queued item to the batch.
func (in *instance) board(s *Scheduler, it *Item, b *Batch) {
	in.take(s, it)
	it.state = itemSealed
	b.Items = append(b.Items, it)
	b.Rows += it.Rows
}

// fill adds items of the other classes for as long as they cost the batch's own nothing:
// everyone still makes the deadline, in the same bucket.
func (in *instance) fill(s *Scheduler, now clock.Instant, c *candidate, b *Batch) {
	due := c.window.first.Deadline
	bucket := in.cost.bucket(b.Rows)
	for class := range task.Priority(task.Priorities) {
		if class == c.class {
			continue
		}
		for c.group.items > 0 {
			it := c.group.queues[class].head
			if it == nil || b.Rows+it.Rows > in.limit {
				break
			}
			rows := b.Rows + it.Rows
			if in.cost.stepped && in.cost.bucket(rows) > bucket || min(due, it.Deadline) < now.Add(in.cost.latency(rows)) {
				break
			}
			due = min(due, it.Deadline)
			in.board(s, it, b)
		}
	}
}

// drop gives a queued item up.
func (s *Scheduler) drop(now clock.Instant, in *instance, it *Item, b *Batch) {
	reason := PredictedLate
	if it.Deadline <= now {
		reason = Expired
	}
	in.take(s, it)
	in.model.counts.Dropped[reason]++
	b.Dropped = append(b.Dropped, Drop{it, reason})
}

// Complete frees the batch's lane, which should call Next at once, and learns from how
// long it took unless it failed. The items are the caller's again.
func (s *Scheduler) Complete(now clock.Instant, b *Batch, failed bool) {
	d := s.devices[b.Device]
	l := &d.lanes[b.Lane]
	if l.state != laneActive {
		panic(fmt.Sprintf("BUG: lane %d of device %q completes a batch that it does not run", b.Lane, d.opts.Name))
	}
	l.state = laneIdle
	d.active--
	m := s.models[b.Model]
	in := m.instance(d)
	in.running--
	in.lastEnd, in.ended = now, true
	took := now.Sub(b.Start)
	in.virtual += float64(took-b.PredictedEnd.Sub(b.Start)) / in.weight
	late := 0
	for _, it := range b.Items {
		it.state = itemFree
		if it.Deadline < now {
			late++
		}
	}
	if failed {
		m.counts.Failed += uint64(len(b.Items))
		return
	}
	m.counts.Completed += uint64(len(b.Items))
	m.counts.Late += uint64(late)
	in.cost.observe(now, b.Rows, took, b.Probe)
	if !b.Probe {
		if ended, tooMany := in.late.add(now, len(b.Items), late); tooMany {
			in.cost.widen()
		} else if ended {
			in.cost.relax()
		}
	}
	in.retune()
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

// Expire takes out the items whose deadline has passed and appends them to out.
func (s *Scheduler) Expire(now clock.Instant, out []*Item) []*Item {
	for _, d := range s.devices {
		for i := len(d.busy) - 1; i >= 0; i-- {
			in := d.busy[i]
			for c := range task.Priority(task.Priorities) {
				for it := in.head(c); it != nil && it.Deadline <= now; it = in.head(c) {
					in.take(s, it)
					in.model.counts.Dropped[Expired]++
					out = append(out, it)
				}
			}
		}
	}
	return out
}

// NextDeadline is the earliest deadline that waits, clock.Never if nothing does.
func (s *Scheduler) NextDeadline() clock.Instant {
	due := clock.Never
	for _, d := range s.devices {
		for _, in := range d.busy {
			due = min(due, in.due())
		}
	}
	return due
}

// NextWake is when Wake should be called next, clock.Never if no work is held back.
func (s *Scheduler) NextWake() clock.Instant {
	at := clock.Never
	for _, d := range s.devices {
		if len(d.busy) > 0 && d.woken == 0 && d.active < len(d.lanes) {
			at = min(at, d.spreadAt)
		}
	}
	return at
}

// Wake returns a lane that should call Next because work was held back long enough; it
// is to be called until there is none. See DeviceOptions.SpreadAfter.
func (s *Scheduler) Wake(now clock.Instant) Lane {
	for _, d := range s.devices {
		if d.spreadAt > now {
			continue
		}
		d.spreadAt = clock.Never
		if l := d.offerAny(now); l.Lane >= 0 {
			return l
		}
	}
	return noLane
}
