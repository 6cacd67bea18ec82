package engine

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
	"sluice/loadtest/sample"
)

// comingMost is how many connections may be on their way at once, so that a moment in which the
// machine stood still does not end in thousands of them.
const comingMost = 8

// sendDue gives waiting requests to idle connections, in order, and opens connections where
// there are too few. It returns how many it sent.
func (e *Engine) sendDue() (sent int) {
	for k := range e.servers {
		s := &e.servers[k]
		for s.queue.len() > 0 && len(s.idle) > 0 {
			i, ok := e.nextQueued(k)
			if !ok {
				break
			}
			c := e.conns[s.idle[len(s.idle)-1]]
			s.idle = s.idle[:len(s.idle)-1]
			if e.send(c, i) {
				sent++
			}
		}
		for len(s.coming) < min(s.queue.len(), comingMost) && s.opened < s.limit {
			if !e.open(k) {
				e.refuse(k)
				break
			}
		}
		if s.opened == s.limit && s.queue.len() > 0 || len(s.coming) > 0 {
			e.markQueued(s)
		}
	}
	if sent > 0 {
		e.published.written.Add(int64(sent))
	}
	return sent
}

// markQueued notes which requests wait for a connection.
func (e *Engine) markQueued(s *server) {
	for k := len(s.queue.waiting) - 1; k >= s.queue.first; k-- {
		m := &e.samples[s.queue.waiting[k]]
		if m.Flags&sample.Queued != 0 {
			return // and so do those before it
		}
		if m.Outcome == sample.None { // else it is published, and nobody may write to it
			m.Flags |= sample.Queued
		}
	}
}

// nextQueued takes the next request that has not been given up meanwhile.
func (e *Engine) nextQueued(target int) (int, bool) {
	q := &e.servers[target].queue
	for q.len() > 0 {
		if i := q.pop(); e.samples[i].Outcome == sample.None {
			return i, true
		}
	}
	return 0, false
}

// send writes a request. Its identity is put into the variant's own bytes, which nobody
// else uses until the kernel has them or has refused them. It returns false if the connection
// turns out to be closed: nothing has been said then, so the request waits for another one.
func (e *Engine) send(c *conn, i int) bool {
	s := &e.samples[i]
	p := &e.servers[c.target].target.Payloads[s.Variant]
	if p.ID >= 0 {
		e.ids.put(p.Bytes[p.ID:], i)
	}
	c.state, c.request, c.in = busy, i, c.in[:0]
	e.holder[i] = int32(c.index)
	at := clock.Now().Sub(e.begin)
	n, errno := write(c.fd, p.Bytes)
	switch {
	case errno == unix.EAGAIN || errno == 0 && n < len(p.Bytes):
		c.rest = append(c.rest[:0], p.Bytes[n:]...)
		e.large = true
		e.watch(c, true)
		if n == 0 {
			return true
		}
	case errno != 0:
		e.closeConn(c)
		e.holder[i] = -1
		e.servers[c.target].queue.back(i)
		return false
	}
	s.Written = at
	return true
}

// push writes what is left of a request. A connection that is broken ends when it is read from:
// an answer may have come before.
func (e *Engine) push(c *conn) {
	at := clock.Now().Sub(e.begin)
	n, errno := write(c.fd, c.rest)
	if errno != 0 {
		return
	}
	c.rest = c.rest[n:]
	e.samples[c.request].Written = at
	if len(c.rest) == 0 {
		e.watch(c, false)
	}
}

// write does not block, so the runtime need not hear of it. It takes no signal for a broken pipe.
func write(fd int, b []byte) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return 0, errno
		}
		return int(n), 0
	}
}
