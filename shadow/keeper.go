package shadow

import (
	"fmt"
	"time"

	"go.uber.org/zap"
)

const (
	// firstPause and longestPause bound the pause before a process is started again; it doubles.
	firstPause   = time.Second
	longestPause = time.Minute
	// steady is how long a process has to be up for the pause to begin anew.
	steady = time.Minute
	// startLimit is how long a process may take to load its versions; a provider may compile for minutes.
	startLimit = 10 * time.Minute
	// lookEvery is how often a process is looked at: its memory, and whether it hangs.
	lookEvery = 100 * time.Millisecond
	// treeEvery is after how many looks it is found out anew which processes there are: that reads a file of each thread.
	treeEvery = 10
	// slowAfter is how long a candidate may be far too slow, and slowShare what share of the requests it drops then.
	slowAfter = 5 * time.Minute
	slowShare = 0.9
)

// end is why a process is not up any more.
type end struct {
	reason string
	final  bool // it is not started again by itself
	closed bool // the comparison ends
}

// keep starts the process, again and again if need be.
func (c *candidate) keep() {
	pause := firstPause
	for {
		begun := time.Now()
		e := c.thawed()
		if !e.closed {
			e = c.run()
		}
		switch {
		case e.closed:
			return
		case e.final:
			c.tell(func(s *status) { s.state, s.reason = Halted, e.reason })
			c.log.Warn("shadow candidate stopped", zap.String("reason", e.reason))
			c.ring.drop(NotRunning)
			select {
			case <-c.quit:
				return
			case <-c.again:
			}
			pause = firstPause
			continue
		case time.Since(begun) > steady:
			pause = firstPause
		}
		c.tell(func(s *status) { s.state, s.reason, s.restarts = Waiting, e.reason, s.restarts+1 })
		c.log.Warn("shadow candidate ended: it is started again", zap.String("reason", e.reason), zap.Duration("in", pause))
		select {
		case <-c.quit:
			return
		case <-c.again:
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// thawed waits until nothing is frozen.
func (c *candidate) thawed() end {
	for c.m.frozen.Load() {
		select {
		case <-c.quit:
			return end{closed: true}
		case <-time.After(lookEvery):
		}
	}
	return end{}
}

func (c *candidate) tell(change func(s *status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.mu.state
	if change(&c.mu.status); c.mu.state != state {
		c.mu.since = time.Now()
	}
}

// run runs one process from its start to its end.
func (c *candidate) run() end {
	c.tell(func(s *status) { s.state, s.reason = Starting, "" })
	p, err := c.m.start(&c.subject)
	if err != nil {
		return end{reason: fmt.Sprintf("its process cannot be started: %v", err)}
	}
	c.tell(func(s *status) { s.process = p })
	defer func() {
		c.now.Store(nil)
		c.tell(func(s *status) { s.process, s.resident = nil, 0 })
		p.end()
	}()
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var slow slowness
	for {
		select {
		case <-c.quit:
			return end{closed: true}
		case reason := <-c.halted:
			return end{reason: reason, final: true}
		case <-p.Done():
			if reason := c.capped(p); reason != "" {
				return end{reason: reason}
			}
			return end{reason: "its process ended: " + p.lastWords()}
		case <-limit.C:
			return end{reason: fmt.Sprintf("its process was not ready within %v: %s", startLimit, p.lastWords())}
		case line := <-p.said:
			limit.Stop()
			if e := c.greeted(p, line); e.reason != "" {
				return e
			}
		case <-look.C:
			c.m.level.Store(uint32(levelOf(c.m.o.Live.Load())))
			c.tellTooLarge()
			if reason := c.overrun(p); reason != "" {
				return end{reason: reason}
			}
			if reason := slow.look(c, time.Now()); reason != "" {
				return end{reason: reason, final: true}
			}
		}
	}
}

// tellTooLarge logs once that requests are too large to be mirrored: only a counter would say so else, as of those for which there was no room
// at that moment.
func (c *candidate) tellTooLarge() {
	if c.told {
		return
	}
	if reason := c.ring.tooLarge(); reason != "" {
		c.told = true
		c.log.Warn("a shadow comparison is of smaller requests than there are", zap.String("reason", reason))
	}
}

// greeted puts a process into service that has loaded the candidate.
func (c *candidate) greeted(p *process, line []byte) end {
	g, err := readGreeting(line)
	if err != nil {
		return end{reason: err.Error()}
	}
	if lacks := g.lacks(c.subject.CandidateModel(), c.subject.Candidate); lacks != "" {
		return end{reason: "it was refused in its own process: " + lacks, final: true}
	}
	lacks := g.lacks(c.subject.Model, c.subject.Primary)
	c.tell(func(s *status) { s.state, s.lacks, s.noSplit = Up, lacks, g.NoSplit })
	if lacks != "" {
		c.log.Warn("the primary cannot be asked again: there is no noise floor", zap.String("reason", lacks))
	}
	c.log.Info("shadow candidate up", zap.String("primary", c.subject.Primary.Version), zap.Int("pid", p.PID()))
	c.now.Store(p)
	c.ring.ring()
	return end{}
}

// overrun says why a process has to be ended: it takes too much memory, or too long for an answer. Time for which it is frozen does
// not count.
func (c *candidate) overrun(p *process) string {
	if p.looks%treeEvery == 0 {
		p.tree = p.pids()
		if reason := c.capped(p); reason != "" { // it may have been a process that this one has started
			return reason
		}
	}
	p.looks++
	taken := resident(p.tree)
	c.tell(func(s *status) { s.resident = taken })
	if taken > c.m.o.Memory {
		return fmt.Sprintf("it has %d bytes resident; the limit is %d (shadow.memory)", taken, c.m.o.Memory)
	}
	if c.m.frozen.Load() {
		return ""
	}
	for i := range c.flights {
		f := &c.flights[i]
		if !f.under.Load() {
			continue
		}
		if time.Duration(f.spent.Add(int64(lookEvery))) > c.m.o.Timeout {
			p.hung.Store(true)
			return fmt.Sprintf("it has not answered within %v (shadow.timeout)", c.m.o.Timeout)
		}
	}
	return ""
}

// capped says that the kernel has ended one of the processes for want of memory in their control group; empty if not.
func (c *candidate) capped(p *process) string {
	if p.cap == nil || p.cap.Kills() == 0 {
		return ""
	}
	return fmt.Sprintf("the kernel ended a process of it for its memory; the limit is %d (shadow.memory)", c.m.o.Memory)
}

// slowness finds a candidate that is far too slow for what is mirrored: for slowAfter it drops nearly everything, and the senders
// wait for its answers nearly all the time, so that it is not the live requests that keep them.
type slowness struct {
	since         time.Time
	seen, dropped uint64
	asked         int64
}

func (s *slowness) look(c *candidate, now time.Time) string {
	if !s.since.IsZero() && now.Sub(s.since) < slowAfter {
		return ""
	}
	levels, _ := c.ring.read()
	var sum Counts
	for l := range levels {
		sum.add(&levels[l])
	}
	full := sum.Dropped[RingRows] + sum.Dropped[RingBytes]
	seen, dropped, asked := sum.Seen-s.seen, full-s.dropped, c.asked.Load()-s.asked
	first := s.since.IsZero()
	*s = slowness{now, sum.Seen, full, c.asked.Load()}
	if first || seen == 0 || float64(dropped) < slowShare*float64(seen) || float64(asked) < slowShare*float64(slowAfter)*float64(len(c.flights)) {
		return ""
	}
	return fmt.Sprintf("it is too slow: of %d requests in %v it had no room for %d", seen, slowAfter, dropped)
}
