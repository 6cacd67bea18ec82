package engine

import (
	"bytes"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
	"sluice/loadtest/sample"
)

const (
	// readSize is what is read at once; a usual answer fits.
	readSize = 256 << 10
	// mostAnswer is the longest answer that is read.
	mostAnswer = 256 << 20
)

// ended are the events of a connection that the other side has closed or broken.
const ended = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR

// happened does what a connection is ready for.
func (e *Engine) happened(event *unix.EpollEvent) {
	c := e.conns[event.Fd]
	if c.generation != event.Pad || c.state == closed {
		return // it has been closed in this very round
	}
	ended := event.Events&ended != 0
	if c.state == connecting {
		e.connected(c, ended)
		return
	}
	// Reading comes first: a server may refuse a request that it has not read in full, and break
	// the connection behind its answer.
	if event.Events&^unix.EPOLLOUT != 0 {
		e.receive(c)
	}
	if ended && c.state == idle {
		e.receive(c) // the end, so that no request is sent into it
	}
	if c.state == busy && len(c.rest) > 0 && event.Events&unix.EPOLLOUT != 0 {
		e.push(c)
	}
}

// receive reads what there is. An answer that is whole in one read is looked at where it lies.
func (e *Engine) receive(c *conn) {
	n, stamp, errno := e.arrivals.read(c.fd, e.in)
	if errno == unix.EAGAIN {
		return
	}
	if c.state == idle {
		if n > 0 {
			e.published.extra.Add(1) // an answer that nobody waits for
		}
		e.closeConn(c)
		return
	}
	at := e.came(c, stamp)
	if n <= 0 {
		e.ending(c, at, errno == 0)
		return
	}
	s := &e.samples[c.request]
	if s.First == 0 {
		s.First = at
	}
	if len(c.in) == 0 {
		e.parse(c, e.in[:n], at, false)
		return
	}
	c.in = append(c.in, e.in[:n]...)
	e.parse(c, c.in, at, false)
}

// came is when the bytes that were just read had arrived, as the kernel says: so an answer is not
// timed by when the engine found the time to read it. Where the kernel does not say, or says
// what cannot be, it is now.
func (e *Engine) came(c *conn, stamp clock.Instant) time.Duration {
	now := clock.Now()
	at := stamp.Sub(e.begin)
	s := &e.samples[c.request]
	if stamp == 0 || stamp > now || at < s.Written || at < s.First {
		return now.Sub(e.begin)
	}
	return at
}

// ending ends a request whose connection has: well, if its answer ends there too.
func (e *Engine) ending(c *conn, at time.Duration, politely bool) {
	if politely && len(c.in) > 0 {
		e.parse(c, c.in, at, true)
		if c.state != busy {
			return
		}
	}
	e.broken(c)
}

// broken ends a request whose connection broke.
func (e *Engine) broken(c *conn) {
	i := c.request
	e.closeConn(c)
	outcome := sample.Lost
	if e.samples[i].Written == 0 {
		outcome = sample.Unsent
	}
	e.finish(i, outcome)
}

// parse looks for a whole answer in buf, which is the connection's own memory or the engine's.
func (e *Engine) parse(c *conn, buf []byte, at time.Duration, ended bool) {
	for {
		var a answer
		switch a.read(buf, ended); {
		case a.malformed:
			i := c.request
			e.samples[i].Last = at
			e.closeConn(c)
			e.finish(i, sample.ServerError)
			return
		case !a.whole:
			e.keep(c, buf)
			return
		case a.status < 200: // to be followed by another
			buf = buf[a.total:]
			continue
		}
		if !e.answered(c, &a, buf, at) {
			buf = buf[a.total:] // an extra one: the request's own may follow
			if len(buf) == 0 {
				c.in = c.in[:0]
				return
			}
			continue
		}
		return
	}
}

// keep holds what has come of an answer until there is more.
func (e *Engine) keep(c *conn, buf []byte) {
	if len(buf) > mostAnswer {
		e.broken(c)
		return
	}
	if len(c.in) == 0 || &c.in[0] != &buf[0] {
		c.in = append(c.in[:0], buf...)
	}
}

// answered ends a request with its answer. It returns false if the answer is one that
// another request has had already: then the own one is still to come.
func (e *Engine) answered(c *conn, a *answer, buf []byte, at time.Duration) bool {
	i := c.request
	s := &e.samples[i]
	outcome := outcomeOf(a.status, a.body)
	if outcome == sample.OK {
		var extra bool
		if outcome, extra = e.check(c, a, i); extra {
			e.published.extra.Add(1)
			return false
		}
	}
	s.Last, s.Status = at, uint16(a.status)
	s.Server, s.Batch = a.stages, a.batch
	e.large = e.large || a.total > unreadMost
	s.Device = e.devices.index(a.device)
	switch {
	case len(buf) > a.total: // more than the answer: nobody waits for that
		e.published.extra.Add(1)
		e.closeConn(c)
	case a.close || len(c.rest) > 0: // or answered before it was asked in full: what is left would begin the next request
		e.closeConn(c)
	default:
		c.in = c.in[:0]
		e.release(c)
	}
	e.finish(i, outcome)
	return true
}

// tooShort is in the body of a 504 by which Sluice refuses at once what no device could make.
var tooShort = []byte(`"BUDGET_TOO_SHORT"`)

func outcomeOf(status int, body []byte) sample.Outcome {
	switch {
	case status == 200:
		return sample.OK
	case status == 429 || status == 503 || status == 504 && bytes.Contains(body, tooShort):
		return sample.Rejected
	case status >= 400 && status < 500:
		return sample.ClientError
	default:
		return sample.ServerError
	}
}

// check has the answer compared.
func (e *Engine) check(c *conn, a *answer, i int) (outcome sample.Outcome, extra bool) {
	checker := e.servers[c.target].target.Checker
	if checker == nil {
		return sample.OK, false
	}
	s := &e.samples[i]
	// One comparison in sixteen is measured, and stands for all.
	e.checks++
	measured := e.checks%16 == 0
	var began clock.Instant
	if measured {
		began = clock.Now()
	}
	e.answer = Answer{Variant: int(s.Variant), ID: e.ids.of(i), Head: a.head, Body: a.body} // not on the stack: an interface gets it
	v := checker.Check(&e.answer)
	if measured {
		e.published.checking.Add(int64(16 * clock.Now().Sub(began)))
	}
	if v.Kind != Stray {
		e.ids.see(i) // so that its repetition is known as one
	}
	switch v.Kind {
	case Unchecked:
		return sample.OK, false
	case Right:
		s.Flags |= sample.Verified
		return sample.OK, false
	case Stray:
		if other, known := e.ids.known(v.ID, len(e.samples)); known && e.ids.see(other) {
			return 0, true
		} else if known {
			s.Flags |= sample.CrossTalk
		}
	case OtherVariant:
		s.Flags |= sample.CrossTalk
	case WrongValue:
	}
	s.Flags |= sample.Verified
	return sample.Wrong, false
}
