package stub

import (
	"container/heap"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// conn is a connection. It is idle (it reads requests), or has an answer: one that waits for
// its instant, in the timers, or one that is being written.
type conn struct {
	fd      int
	in      []byte // read and not yet dealt with
	out     []byte // the answer, of which sent bytes are written; empty if idle
	sent    int
	status  int
	request bool // the answer is that to an infer request
	last    bool // close after the answer
	ended   bool // the client sends no more
	drain   bool // what the client sends is thrown away until it ends
	watched uint32

	due   clock.Instant
	order uint64
	timer int // index in the timers; -1 if not there
}

// most is what is read ahead on a connection at most.
const most = maxHead + maxBody

const keep = 64 << 10

func (l *loop) open(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	c := new(conn)
	if n := len(l.spare); n > 0 {
		c, l.spare = l.spare[n-1], l.spare[:n-1]
	}
	*c = conn{fd: fd, in: c.in[:0], out: c.out[:0], watched: unix.EPOLLIN, timer: -1}
	if l.watch(unix.EPOLL_CTL_ADD, fd, c.watched) != nil {
		_ = unix.Close(fd)
		return
	}
	if fd >= len(l.conns) {
		l.conns = slices.Grow(l.conns, fd+1-len(l.conns))[:fd+1]
	}
	l.conns[fd] = c
	l.counts.Connections++
}

// close ends a connection, whatever it was at.
func (l *loop) close(c *conn) {
	if c.request {
		c.request = false
		l.counts.Gone++
		l.counts.InFlight--
	}
	if c.timer >= 0 {
		heap.Remove(&l.timers, c.timer)
	}
	if c == l.held {
		l.held = nil
		l.owed++
	}
	l.conns[c.fd] = nil
	_ = unix.Close(c.fd) // takes it out of the poller too
	c.fd = -1
	if cap(c.in) <= keep && cap(c.out) <= keep {
		l.spare = append(l.spare, c)
	}
	if !l.listening {
		l.listening = l.watch(unix.EPOLL_CTL_ADD, l.listener, unix.EPOLLIN) == nil
	}
}

func (c *conn) idle() bool { return len(c.out) == 0 }

// serve does what a connection is ready for; c is nil if it has ended in this round.
func (l *loop) serve(c *conn, events uint32) {
	if c == nil {
		return
	}
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		l.close(c)
		return
	}
	if events&unix.EPOLLOUT != 0 && c.timer < 0 {
		l.write(c)
	}
	if events&unix.EPOLLIN != 0 && c.fd >= 0 {
		l.read(c)
	}
	l.advance(c)
}

func (l *loop) read(c *conn) {
	if len(c.in) == cap(c.in) {
		c.in = slices.Grow(c.in, max(4<<10, len(c.in)))
	}
	n, err := unix.Read(c.fd, c.in[len(c.in):cap(c.in)])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	case err != nil:
		l.close(c)
	case n == 0 && c.idle():
		l.close(c)
	case n == 0:
		c.ended = true
	case c.drain:
	default:
		c.in = c.in[:len(c.in)+n]
	}
}

// advance deals with requests that have been read until one has to wait, and watches for
// what the connection needs next.
func (l *loop) advance(c *conn) {
	used := 0
	for c.fd >= 0 && c.idle() && !c.drain {
		n := l.next(c, c.in[used:])
		if n == 0 {
			break
		}
		used += n
	}
	if c.fd < 0 {
		return
	}
	if used > 0 {
		c.in = c.in[:copy(c.in, c.in[used:])]
	}
	if c.ended && c.idle() {
		l.close(c)
		return
	}
	var want uint32
	if !c.ended && (c.idle() || len(c.in) < most) {
		want = unix.EPOLLIN
	}
	if !c.idle() && c.timer < 0 {
		want |= unix.EPOLLOUT
	}
	if want != c.watched {
		c.watched = want
		if l.watch(unix.EPOLL_CTL_MOD, c.fd, want) != nil {
			l.close(c)
		}
	}
}

// next deals with the request at the beginning of in, and returns how long it is; 0 if it is
// not whole.
func (l *loop) next(c *conn, in []byte) (n int) {
	var h head
	whole, fault := readHead(in, &h)
	switch {
	case fault != nil:
		l.counts.Malformed++
		c.last = true
		l.refuse(c, fault.status, fault.text, "malformed")
		l.answer(c, 0)
		return len(in)
	case !whole || len(in) < h.size+h.body:
		return 0
	}
	c.last = h.close
	l.now = clock.Now()
	l.route(c, &h, in[h.size:h.size+h.body])
	return h.size + h.body
}

// answer sends c.out at an instant, at once if that is not after now.
func (l *loop) answer(c *conn, due clock.Instant) {
	if due <= l.now && l.stalled(l.now) <= l.now {
		l.write(c)
		return
	}
	c.due = due
	l.order++
	c.order = l.order
	heap.Push(&l.timers, c)
}

// write sends as much of the answer as there is room for.
func (l *loop) write(c *conn) {
	for c.sent < len(c.out) {
		n, err := unix.Write(c.fd, c.out[c.sent:])
		switch {
		case err == nil:
			c.sent += n
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return
		default:
			l.close(c)
			return
		}
	}
	c.out, c.sent = c.out[:0], 0
	if c.request {
		c.request = false
		l.counts.InFlight--
		l.counts.Answered++
		l.counts.Status[c.status]++
	}
	if c.last {
		// What is still to come is read first: a connection that is closed before would be
		// reset, and the answer lost.
		_ = unix.Shutdown(c.fd, unix.SHUT_WR)
		c.drain = true
	}
}
