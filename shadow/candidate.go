package shadow

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/internal/clock"
)

// candidate is a comparison under way: a ring, senders, a process, and the study.
type candidate struct {
	m       *Mirror
	log     *zap.Logger
	subject Subject
	ring    *ring
	now     atomic.Pointer[process] // nil unless it is up
	flights []flight
	quit    chan struct{}
	again   chan struct{} // of size 1: run again though it was stopped
	halted  chan string   // of size 1: stop, for this reason
	running sync.WaitGroup
	hungry  atomic.Bool  // the study's word
	told    bool         // of the keeper: that requests are too large
	asked   atomic.Int64 // nanoseconds that senders have waited for answers, for keeper.slow

	studying sync.Mutex
	study    Study

	mu struct {
		sync.Mutex
		status
	}
}

// State is what a candidate's process is doing.
type State string

// The states.
const (
	Starting State = "starting"
	Up       State = "up"
	Waiting  State = "waiting" // for its next start
	Halted   State = "stopped"
)

// status is what the keeper knows of the process.
type status struct {
	state    State
	reason   string // why it is not up
	lacks    string // why the primary cannot be asked again
	noSplit  string // why the candidate cannot be asked with the primary's inputs
	process  *process
	restarts uint64
	resident int64
	since    time.Time
}

// desk is what one sender uses again and again. What a call has brought is good until it is used for the next request.
type desk struct {
	own, again, onRow  call
	primary, candidate filling
}

func (d *desk) close() {
	d.own.close()
	d.again.close()
	d.onRow.close()
}

// flight is one sender's request that is with the candidate.
type flight struct {
	under atomic.Bool
	spent atomic.Int64  // nanoseconds in which the candidate was not frozen
	pause time.Duration // before the sender looks again whether live requests wait
}

func newCandidate(m *Mirror, s Subject) *candidate {
	c := &candidate{
		m: m, subject: s, log: m.o.Log.With(zap.String("model", s.Model), zap.String("version", s.Name())),
		ring: newRing(m.o.Rows, m.o.Bytes), flights: make([]flight, m.o.InFlight),
		quit: make(chan struct{}), again: make(chan struct{}, 1), halted: make(chan string, 1),
	}
	c.restore()
	c.hungry.Store(c.study.Hungry())
	c.mu.state, c.mu.since = Starting, time.Now()
	c.running.Go(c.keep)
	c.running.Go(c.save)
	for i := range c.flights {
		c.running.Go(func() { c.send(&c.flights[i]) })
	}
	return c
}

// close ends the comparison and keeps its state.
func (c *candidate) close() {
	close(c.quit)
	c.running.Wait()
	c.ring.drop(Stopped)
	c.store()
}

// halt freezes the process, or lets it go on.
func (c *candidate) halt(yes bool) {
	c.mu.Lock()
	p := c.mu.process
	c.mu.Unlock()
	if p != nil {
		p.halt(yes)
	}
	if !yes {
		c.ring.ring()
	}
}

// asking reports whether an answer is under way.
func (c *candidate) asking() bool {
	for i := range c.flights {
		if c.flights[i].under.Load() {
			return true
		}
	}
	return false
}

// send takes requests out of the ring, one after the other.
func (c *candidate) send(f *flight) {
	var d desk
	defer d.close()
	for {
		select {
		case <-c.quit:
			return
		case <-c.ring.wake:
		}
		for c.next(f, &d) {
			select {
			case <-c.quit:
				return
			default:
			}
		}
	}
}

const (
	// shortPause and longPause bound how long a sender waits while live requests wait; it doubles. To look costs the live requests a
	// wake-up and the batcher's lock.
	shortPause = time.Millisecond
	longPause  = 16 * time.Millisecond
	// mostWait is how long a request may wait for its turn. What a candidate is asked should be what is asked now.
	mostWait = time.Minute
)

// next mirrors one request; false if there is none, or none may be mirrored now.
func (c *candidate) next(f *flight, d *desk) bool {
	if c.now.Load() == nil || c.m.frozen.Load() || !c.ring.waits() {
		return false
	}
	if c.m.o.Live.Waiting() {
		f.pause = min(max(2*f.pause, shortPause), longPause)
		time.Sleep(f.pause)
		return true
	}
	f.pause = 0
	f.spent.Store(0)
	f.under.Store(true) // before frozen is read: freezing waits for it
	defer f.under.Store(false)
	p := c.now.Load()
	if p == nil || c.m.frozen.Load() {
		return false
	}
	s := c.ring.take()
	switch {
	case s == nil:
		return false
	case s.spoiled, clock.Now().Sub(s.begun) > mostWait:
		c.ring.settle(s, dropped(Late))
		return true
	}
	c.ring.settle(s, c.compare(p, s, f, d))
	return true
}

// compare asks the candidate, and now and then the primary's version again, and hands what they said to the study.
func (c *candidate) compare(p *process, s *slot, f *flight, d *desk) fate {
	pair := Pair{
		ID: string(s.id), Unit: s.unit, Rows: s.rows, Inputs: s.inputs, Primary: s.outputs,
		PrimaryRun: time.Duration(s.run), Degraded: s.degraded,
	}
	halts, begun := c.m.halts.Load(), clock.Now()
	end := c.ask(p, s, f, d, &pair)
	c.asked.Add(int64(clock.Now().Sub(begun)))
	if t := pair.CandidateFilled; t != nil && t.Late > 0 && c.m.halts.Load() != halts {
		return dropped(Late) // its values are late since it was frozen, not since its stores are slow
	}
	c.studying.Lock()
	defer c.studying.Unlock()
	err := c.study.Add(&pair)
	c.hungry.Store(c.study.Hungry())
	if err != nil {
		c.log.Debug("a pair cannot be compared", zap.String("request_id", pair.ID), zap.Error(err))
		if pair.Failure == "" {
			end = failed(BadReply)
		}
	}
	return end
}

// ask has all answer who are to be asked about a request.
func (c *candidate) ask(p *process, s *slot, f *flight, d *desk, pair *Pair) fate {
	pipeline := c.subject.Mode == Pipeline
	q := question{model: c.subject.CandidateModel(), side: &c.subject.Candidate, inputs: s.inputs, wanted: s.outputs, budget: c.m.o.Timeout, explain: pipeline}
	if pipeline {
		q.inputs = s.sent
	}
	var err error
	if pair.Candidate, pair.CandidateRun, err = p.ask.ask(&d.own, &q); err != nil {
		why := c.failure(p, err)
		pair.Candidate, pair.Failure = nil, why.String()
		return failed(why)
	}
	if pipeline {
		pair.Filled, pair.CandidateFilled = d.primary.take(s), d.own.filled(&d.candidate)
	}
	if c.drawn() { // soon after the candidate, so that stores have the same for both
		f.spent.Store(0)
		of := q
		of.model, of.side, of.explain = c.subject.Model, &c.subject.Primary, false
		if pair.Again, _, err = p.ask.ask(&d.again, &of); err != nil {
			pair.Again = nil // it was not drawn then
		}
	}
	if pipeline && c.splits() {
		f.spent.Store(0)
		q.inputs, q.explain = s.inputs, false
		if pair.OnRow, _, err = p.ask.ask(&d.onRow, &q); err != nil {
			pair.OnRow = nil
		}
	}
	return compared
}

// drawn tells whether the primary's version is asked again.
func (c *candidate) drawn() bool {
	return c.m.o.Again > 0 && (c.hungry.Load() || rand.Float64() < c.m.o.Again) && c.lacking() == ""
}

// failure is why there was no answer.
func (c *candidate) failure(p *process, err error) Failure {
	switch {
	case errors.Is(err, errRefused):
		return Refused
	case errors.Is(err, errMalformed):
		return BadReply
	case p.hung.Load():
		return Timeout
	}
	return Gone
}

// splits tells whether the candidate can be asked with the primary's inputs.
func (c *candidate) splits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.noSplit == ""
}

// lacking says why the primary cannot be asked again; empty if it can.
func (c *candidate) lacking() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.lacks
}
