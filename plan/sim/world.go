package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"sluice/internal/clock"
	"sluice/internal/traffic"
)

type state uint8

const (
	unknown state = iota
	waiting
	running
	ended
)

// world is a simulation under way.
type world struct {
	cfg     Config
	policy  Policy
	now     clock.Instant
	events  events
	streams []*traffic.Process // nil where a stream has a source
	coming  []Arrival          // by stream: the arrival that is scheduled
	noise   disturbance
	lanes   []laneState
	first   []int           // by device: place of its first lane in lanes
	active  []int           // by device: busy lanes
	free    []clock.Instant // by device: end of its last batch
	ticking clock.Instant
	seq     int
	queue   []*Request // kept for the audit alone
	dropped []*Request
	woken   []Lane // by the parts of an arrival
	slab    []Request
	away    []Arrival // refused ones that will come back, with their streams
	awayOf  []int
	jitter  *rand.Rand
	result  Result
}

type laneState struct {
	id    Lane
	busy  bool
	batch Batch
}

// Run simulates a policy. The error is about the configuration; what the policy does
// wrong is in the result.
func Run(cfg Config, policy Policy) (*Result, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("cannot simulate: %w", err)
	}
	w := &world{cfg: cfg, policy: policy, ticking: clock.Never}
	w.noise = disturbance{Noise: cfg.Noise, rng: rand.New(rand.NewPCG(cfg.Seed, 0))}
	w.result.length = cfg.Length
	w.result.ByStream, w.result.Back = make([]Count, len(cfg.Streams)), make([]Count, len(cfg.Streams))
	w.jitter = rand.New(rand.NewPCG(cfg.Seed, 1<<32))
	for d, device := range cfg.Devices {
		w.first, w.active = append(w.first, len(w.lanes)), append(w.active, 0)
		w.free = append(w.free, 0)
		for i := range device.Lanes {
			w.lanes = append(w.lanes, laneState{id: Lane{d, i}})
		}
		w.result.Devices = append(w.result.Devices, Usage{ByModel: make([]time.Duration, len(cfg.Models))})
	}
	w.coming = make([]Arrival, len(cfg.Streams))
	for i := range cfg.Streams {
		var process *traffic.Process
		if s := &cfg.Streams[i]; s.Source == nil {
			process = s.Arrivals.Start(rand.New(rand.NewPCG(cfg.Seed, uint64(i)+1)))
		}
		w.streams = append(w.streams, process)
		w.schedule(i, 0)
	}
	for e, ok := w.events.pop(); ok; e, ok = w.events.pop() {
		w.step(e)
	}
	w.close()
	return &w.result, nil
}

func (w *world) step(e event) {
	if e.kind == tick {
		if e.at != w.ticking {
			return // an earlier one took its place
		}
		w.ticking = clock.Never
		if w.policy.TickAt() > e.at { // what it was for has been dealt with
			w.arm()
			return
		}
	}
	w.now = e.at
	switch e.kind {
	case arrival:
		a := w.coming[e.index]
		w.schedule(e.index, time.Duration(e.at))
		w.arrive(e.index, a, false)
	case comeback:
		w.arrive(w.awayOf[e.index], w.away[e.index], true)
	case completion:
		w.complete(&w.lanes[e.index])
	case tick:
		w.tick()
	}
	w.arm()
	if w.cfg.Audit && w.policy.TickAt() > w.now { // else there is more to come at this instant
		w.audit()
	}
}

// schedule plans the next arrival of a stream.
func (w *world) schedule(stream int, after time.Duration) {
	next := w.next(stream, after)
	if next.At < w.cfg.Warmup+w.cfg.Length {
		w.coming[stream] = next
		w.events.push(clock.Instant(next.At), arrival, stream)
	}
}

// arm sees to it that the policy gets its tick.
func (w *world) arm() {
	if at := w.policy.TickAt(); at < w.ticking {
		w.ticking = max(at, w.now)
		w.events.push(w.ticking, tick, 0)
	}
}

// tick does what is due, one lane at a time.
func (w *world) tick() {
	for range len(w.lanes) + 1 {
		dropped, wake := w.policy.Tick(w.now, w.dropped[:0])
		w.drop(dropped)
		w.dropped = dropped
		w.wake(wake)
		if w.policy.TickAt() > w.now {
			return
		}
	}
	w.result.fault(w.now, "the policy asks for the tick that it has just had")
	w.ticking = w.now // so that it gets no more
}

func (w *world) arrive(stream int, a Arrival, back bool) {
	if len(w.slab) == 0 {
		w.slab = make([]Request, 1024)
	}
	r := &w.slab[0]
	w.slab = w.slab[1:]
	*r = Request{
		Seq: w.seq, Stream: stream, Model: a.Model, Rows: a.Rows, Whole: a.Rows, Class: a.Class,
		Arrived: w.now, Deadline: w.now.Add(a.Budget), Back: back, state: waiting,
	}
	w.seq++
	if c := w.count(r); c != nil {
		c.Arrived++
	}
	if most := w.cfg.Models[a.Model].MaxBatch; a.Rows > most {
		w.split(r, most)
		return
	}
	admitted, wake := w.policy.Arrive(w.now, r)
	if !admitted {
		w.end(r, Refuse)
		if j := w.cfg.Streams[stream].Returns; j > 0 && !back && r.Retry > 0 {
			w.events.push(w.now.Add(time.Duration(float64(r.Retry)*(1+j*w.jitter.Float64()))), comeback, len(w.away))
			w.away, w.awayOf = append(w.away, a), append(w.awayOf, stream)
		}
		return
	}
	w.observe(Decision{At: w.now, Action: Admit, Seq: r.Seq, Model: r.Model})
	if w.cfg.Audit {
		w.queue = append(w.queue, r)
	}
	w.wake(wake)
}

// wake lets a lane ask for work, and then those that the work itself names.
func (w *world) wake(id Lane) {
	for id.Device >= 0 {
		l := w.lane(id)
		if l == nil || l.busy {
			return
		}
		id = w.ask(l)
	}
}

func (w *world) lane(id Lane) *laneState {
	if id.Device >= len(w.first) || id.Lane >= w.cfg.Devices[id.Device].Lanes {
		w.result.fault(w.now, "no lane %v", id)
		return nil
	}
	first := w.first[id.Device]
	if id.Lane != AnyLane {
		return &w.lanes[first+id.Lane]
	}
	for i := range w.cfg.Devices[id.Device].Lanes {
		if !w.lanes[first+i].busy {
			return &w.lanes[first+i]
		}
	}
	return nil
}

// ask asks for a batch for an idle lane and starts it.
func (w *world) ask(l *laneState) (wake Lane) {
	b := &l.batch
	*b = Batch{Lane: l.id, Model: -1, Requests: b.Requests[:0], Dropped: b.Dropped[:0], Wake: NoLane, Start: w.now, handle: b.handle}
	sealed := w.policy.Next(w.now, l.id, b)
	w.drop(b.Dropped)
	if sealed && w.check(b) {
		w.start(l)
	}
	return b.Wake
}

func (w *world) start(l *laneState) {
	b := &l.batch
	m := &w.cfg.Models[b.Model]
	took := float64(m.Curves[l.id.Device].At(b.Padded))
	took *= 1 + w.cfg.Devices[l.id.Device].Contention*float64(w.active[l.id.Device])
	if w.cfg.Speed != nil {
		took *= w.cfg.Speed(l.id.Device, w.now)
	}
	took = w.noise.apply(took)
	for _, r := range b.Requests {
		r.state = running
		w.observe(Decision{At: w.now, Action: Seal, Seq: r.Seq, Model: r.Model, Lane: l.id, Rows: b.Rows})
	}
	l.busy = true
	w.active[l.id.Device]++
	u := &w.result.Devices[l.id.Device]
	u.Batches++
	u.Rows += b.Rows
	u.Busy += time.Duration(took)
	u.ByModel[b.Model] += time.Duration(took)
	begin := w.now
	if w.cfg.Devices[l.id.Device].Stage > 0 {
		begin = max(begin, w.free[l.id.Device])
	}
	w.free[l.id.Device] = begin.Add(time.Duration(took))
	w.events.push(w.free[l.id.Device], completion, w.first[l.id.Device]+l.id.Lane)
}

func (w *world) complete(l *laneState) {
	b := &l.batch
	for _, r := range b.Requests {
		w.finish(r, b.Probe)
	}
	l.busy = false
	w.active[l.id.Device]--
	w.policy.Complete(w.now, b, w.now.Sub(b.Start))
	w.wake(l.id)
}
