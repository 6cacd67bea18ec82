package main

import (
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// openConn is one of the generator's connections.
type openConn struct {
	*socket
	busy     bool
	intended clock.Instant
	rest     []byte // of the request, that the socket had no room for
	watched  uint32 // events that the poller looks for
}

func (g *generator) open(n int) (err error) {
	if g.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("cannot make a poller: %w", err)
	}
	for i := range n {
		g.conns = append(g.conns, &openConn{})
		if err := g.reopen(i); err != nil {
			return err
		}
		g.idle = append(g.idle, i)
	}
	return nil
}

func (g *generator) reopen(i int) (err error) {
	c := g.conns[i]
	if c.socket != nil {
		c.close() // takes it out of the poller too
		g.reopens++
	}
	if c.socket, err = dial(g.addr, unix.O_NONBLOCK); err != nil {
		return err
	}
	c.rest, c.watched = nil, unix.EPOLLIN
	e := unix.EpollEvent{Events: c.watched, Fd: int32(i)}
	if err := unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, c.fd, &e); err != nil {
		return fmt.Errorf("cannot watch a connection: %w", err)
	}
	return nil
}

// send gives waiting arrivals to idle connections, in order.
func (g *generator) send() error {
	for g.at < len(g.backlog) && len(g.idle) > 0 {
		i := g.idle[len(g.idle)-1]
		g.idle = g.idle[:len(g.idle)-1]
		c := g.conns[i]
		c.intended = g.backlog[g.at]
		g.at++
		c.busy, c.buf = true, c.buf[:0]
		g.inFlight++
		c.rest = g.request
		if err := g.push(i); err != nil {
			return err
		}
	}
	if g.at == len(g.backlog) {
		g.backlog, g.at = g.backlog[:0], 0
	}
	return nil
}

// push writes what the socket has room for, and has the poller say when there is more. A
// small request fits any socket that is empty.
func (g *generator) push(i int) error {
	c := g.conns[i]
	for len(c.rest) > 0 {
		n, err := unix.Write(c.fd, c.rest)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return g.fail(i)
		}
		c.rest = c.rest[n:]
	}
	want := uint32(unix.EPOLLIN)
	if len(c.rest) > 0 {
		want |= unix.EPOLLOUT
	}
	if want == c.watched {
		return nil
	}
	c.watched = want
	e := unix.EpollEvent{Events: want, Fd: int32(i)}
	if err := unix.EpollCtl(g.epoll, unix.EPOLL_CTL_MOD, c.fd, &e); err != nil {
		return fmt.Errorf("cannot watch a connection: %w", err)
	}
	return nil
}

func (g *generator) receive(i int) error {
	c := g.conns[i]
	n, err := c.read()
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	if n == 0 || err != nil {
		return g.fail(i)
	}
	a, err := readAnswer(c.buf)
	if err != nil {
		return err
	}
	if a.total == 0 {
		return nil
	}
	g.done(c, a.status)
	g.idle = append(g.idle, i)
	if len(c.rest) > 0 { // answered before it was asked in full: what is left would begin the next request
		return g.reopen(i)
	}
	return nil
}

func (g *generator) done(c *openConn, status int) {
	took := clock.Now().Sub(c.intended)
	c.busy = false
	g.inFlight--
	if c.intended < g.first {
		return
	}
	g.took[status] = append(g.took[status], millis(took))
	switch {
	case status == http.StatusOK && took <= g.budget:
		g.good++
	case status == http.StatusOK:
		g.lateOKs++
	}
}

// fail replaces a connection that the server has closed.
func (g *generator) fail(i int) error {
	c := g.conns[i]
	if c.busy {
		c.busy = false
		g.inFlight--
		if c.intended >= g.first {
			g.lost++
		}
		g.idle = append(g.idle, i)
	}
	return g.reopen(i)
}
