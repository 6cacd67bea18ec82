package engine

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
	"sluice/loadtest/sample"
)

// conn is one connection. It is connecting, idle, busy with a request, or closed.
type conn struct {
	index      int
	target     int
	fd         int
	generation int32 // tells events of an earlier socket from those of this one
	state      connState
	request    int           // that it is busy with
	rest       []byte        // of the request, that the socket had no room for
	in         []byte        // of the answer, while it is not whole
	writing    bool          // the poller looks for room
	since      clock.Instant // when it began to connect
}

type connState uint8

const (
	closed connState = iota
	connecting
	idle
	busy
)

// server is a target with its connections and what waits for one.
type server struct {
	target  *Target
	address unix.Sockaddr
	family  int
	limit   int
	opened  int   // connections that are not closed
	coming  []int // of them, connecting, the oldest first
	idle    []int // connections, the latest used last
	spare   []int // closed ones
	queue   queue
}

// queue holds requests that wait for a connection, in order.
type queue struct {
	waiting []uint32
	first   int
}

func (q *queue) push(i uint32) { q.waiting = append(q.waiting, i) }
func (q *queue) len() int      { return len(q.waiting) - q.first }
func (q *queue) pop() int {
	i := q.waiting[q.first]
	if q.first++; q.first == len(q.waiting) {
		q.waiting, q.first = q.waiting[:0], 0
	}
	return int(i)
}

// back puts a request in front of those that wait.
func (q *queue) back(i int) {
	if q.first > 0 {
		q.first--
		q.waiting[q.first] = uint32(i)
		return
	}
	q.waiting = append(q.waiting, 0)
	copy(q.waiting[1:], q.waiting)
	q.waiting[0] = uint32(i)
}

func (s *server) open(t *Target, limit int) {
	s.target, s.limit = t, limit
	if limit == 0 {
		s.limit = MaxConnections
	}
	addr := t.Addr.Addr().Unmap()
	if addr.Is4() {
		s.family, s.address = unix.AF_INET, &unix.SockaddrInet4{Port: int(t.Addr.Port()), Addr: addr.As4()}
	} else {
		s.family, s.address = unix.AF_INET6, &unix.SockaddrInet6{Port: int(t.Addr.Port()), Addr: addr.As16()}
	}
}

// firstConnections are opened before the first request where nobody says how many.
const firstConnections = 16

// atStart is how many connections are opened before the first request.
func (s *server) atStart(o *Options) int {
	n := firstConnections
	if o.Connections > 0 {
		n = o.Connections
	}
	if o.Closed != nil {
		n = max(n, o.Closed.Workers)
	}
	return min(n, s.limit)
}

// open begins to connect; false if the connection was refused at once.
func (e *Engine) open(target int) bool {
	s := &e.servers[target]
	fd, err := unix.Socket(s.family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return s.makeDo()
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	switch err := unix.Connect(fd, s.address); err {
	case nil, unix.EINPROGRESS:
	case unix.EADDRNOTAVAIL: // no port is free
		_ = unix.Close(fd)
		return s.makeDo()
	default:
		_ = unix.Close(fd)
		return false
	}
	c := e.free(target)
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLOUT, Fd: int32(c.index), Pad: c.generation}
	if err := unix.EpollCtl(e.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		_ = unix.Close(fd)
		s.spare = append(s.spare, c.index)
		return false
	}
	c.fd, c.state, c.writing, c.since = fd, connecting, true, clock.Now()
	s.opened++
	s.coming = append(s.coming, c.index)
	e.published.conns.Store(max(e.published.conns.Load(), int64(e.openConns())))
	return true
}

// makeDo is for a machine that has no more sockets or ports to give: the target is not at
// fault, so the connections that there are must do. It returns false if there is none.
func (s *server) makeDo() bool {
	if s.opened == 0 {
		return false
	}
	s.limit = s.opened
	return true
}

// openConns is how many connections are not closed.
func (e *Engine) openConns() (n int) {
	for i := range e.servers {
		n += e.servers[i].opened
	}
	return n
}

// free returns a closed connection of the target, or a new one.
func (e *Engine) free(target int) *conn {
	s := &e.servers[target]
	if last := len(s.spare) - 1; last >= 0 {
		c := e.conns[s.spare[last]]
		s.spare = s.spare[:last]
		e.published.reopened.Add(1)
		c.generation++
		c.in, c.rest = c.in[:0], c.rest[:0]
		return c
	}
	c := &conn{index: len(e.conns), target: target}
	e.conns = append(e.conns, c)
	return c
}

// connectAll waits until the first connections are open, or have had a second for it.
func (e *Engine) connectAll() {
	for end := clock.Now().Add(time.Second); e.coming() > 0 && clock.Now() < end; {
		n := e.poll(time.Millisecond)
		for i := range e.event[:n] {
			e.happened(&e.event[i])
		}
	}
}

func (e *Engine) coming() (n int) {
	for i := range e.servers {
		n += len(e.servers[i].coming)
	}
	return n
}

// connected ends connecting, one way or the other. A server that ends the connection as soon
// as it has it refuses too.
func (e *Engine) connected(c *conn, ended bool) {
	code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil || code != 0 || ended {
		e.closeConn(c)
		e.refuse(c.target)
		return
	}
	e.servers[c.target].came(c)
	e.watch(c, false)
	e.release(c)
}

// came takes a connection from those that are connecting. They come about in order, mostly.
func (s *server) came(c *conn) {
	k := slices.Index(s.coming, c.index)
	s.coming = slices.Delete(s.coming, k, k+1)
}

// stuck is when the oldest connection that does not come about is given up.
func (e *Engine) stuck() clock.Instant {
	at := clock.Never
	for i := range e.servers {
		if s := &e.servers[i]; len(s.coming) > 0 {
			at = min(at, e.conns[s.coming[0]].since.Add(e.opt.Timeout))
		}
	}
	return at
}

// dropStuck closes connections that do not come about, because packets are lost or the server
// takes no more, so that others may be tried. What waits for one has a patience of its own.
func (e *Engine) dropStuck() {
	for i := range e.servers {
		s := &e.servers[i]
		for len(s.coming) > 0 && e.conns[s.coming[0]].since.Add(e.opt.Timeout) <= e.now {
			e.closeConn(e.conns[s.coming[0]])
		}
	}
}

// refuse ends the request that has waited longest for a connection that cannot be had.
func (e *Engine) refuse(target int) {
	if i, ok := e.nextQueued(target); ok {
		e.finish(i, sample.Refused)
	}
}

// release makes a connection idle.
func (e *Engine) release(c *conn) {
	c.state = idle
	s := &e.servers[c.target]
	s.idle = append(s.idle, c.index)
}

// watch has the poller look for room to write, or no longer.
func (e *Engine) watch(c *conn, writing bool) {
	if c.writing == writing {
		return
	}
	c.writing = writing
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(c.index), Pad: c.generation}
	if writing {
		event.Events |= unix.EPOLLOUT
	}
	_ = unix.EpollCtl(e.epoll, unix.EPOLL_CTL_MOD, c.fd, &event) // it is there: open added it
}

// closeConn closes a connection; the request that it carried is the caller's to end.
func (e *Engine) closeConn(c *conn) {
	if c.state == closed {
		return
	}
	s := &e.servers[c.target]
	switch c.state {
	case connecting:
		s.came(c)
	case idle:
		k := slices.Index(s.idle, c.index)
		s.idle = slices.Delete(s.idle, k, k+1)
	}
	_ = unix.Close(c.fd) // takes it out of the poller too
	c.state = closed
	s.opened--
	s.spare = append(s.spare, c.index)
}
