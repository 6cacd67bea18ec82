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
	process  *process
	restarts uint64
	resident int64
	since    time.Time
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
	var calls [2]call
	defer calls[0].close()
	defer calls[1].close()
	for {
		select {
		case <-c.quit:
			return
		case <-c.ring.wake:
		}
		for c.next(f, &calls) {
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
func (c *candidate) next(f *flight, calls *[2]call) bool {
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
	c.ring.settle(s, c.compare(p, s, f, calls))
	return true
}

// compare asks the candidate, and now and then the primary's version again, and hands what they said to the study.
func (c *candidate) compare(p *process, s *slot, f *flight, calls *[2]call) fate {
	pair := Pair{
		ID: string(s.id), Unit: s.unit, Rows: s.rows, Inputs: s.inputs, Primary: s.outputs,
		PrimaryRun: time.Duration(s.run), Degraded: s.degraded,
	}
	end := compared
	begun := clock.Now()
	var err error
	if pair.Candidate, pair.CandidateRun, err = p.ask.ask(&calls[0], c.subject.CandidateModel(), &c.subject.Candidate, s.inputs, s.outputs, c.m.o.Timeout); err != nil {
		why := c.failure(p, err)
		pair.Candidate, pair.Failure, end = nil, why.String(), failed(why)
	} else if c.drawn() {
		f.spent.Store(0)
		if pair.Again, _, err = p.ask.ask(&calls[1], c.subject.Model, &c.subject.Primary, s.inputs, s.outputs, c.m.o.Timeout); err != nil {
			pair.Again = nil // it was not drawn then
		}
	}
	c.asked.Add(int64(clock.Now().Sub(begun)))
	c.studying.Lock()
	defer c.studying.Unlock()
	err = c.study.Add(&pair)
	c.hungry.Store(c.study.Hungry())
	if err != nil {
		c.log.Debug("a pair cannot be compared", zap.String("request_id", pair.ID), zap.Error(err))
		if pair.Failure == "" {
			end = failed(BadReply)
		}
	}
	return end
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

// lacking says why the primary cannot be asked again; empty if it can.
func (c *candidate) lacking() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.lacks
}
