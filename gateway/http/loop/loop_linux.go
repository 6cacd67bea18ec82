package loop

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// loop is one event loop: what its workers share.
type loop struct {
	g     *Group
	epoll int
	event int // an eventfd: something has come for workers that sleep

	sockets    []atomic.Pointer[Socket] // by slot
	load       atomic.Int32             // connections, those on their way in included
	inFlight   atomic.Int32             // requests that are pending
	running    atomic.Int32             // workers in Options.Run
	working    atomic.Int32             // workers that have not returned
	asleep     atomic.Int32             // workers that wait, or are about to
	napping    atomic.Bool              // a worker naps
	kicked     atomic.Bool              // event has been written and not been read
	posted     atomic.Bool              // mu has news
	swept      atomic.Int64             // a clock.Instant: the latest sweep
	generation atomic.Int32             // of the latest socket
	partial    atomic.Int32             // sockets with the beginning of a request
	yield      yielding
	done       line // sockets whose requests have ended

	mu struct {
		sync.Mutex
		fresh []fresh // new connections
		cut   uint32
		free  []int32 // slots
		used  int32   // slots that have ever been used
	}
}

// fresh is a connection that a loop is to take in.
type fresh struct {
	fd   int
	from netip.AddrPort
	at   clock.Instant // when it was accepted
}

func newLoop(g *Group) (*loop, error) {
	l := &loop{g: g, epoll: -1, event: -1, sockets: make([]atomic.Pointer[Socket], g.opt.MaxConnections)}
	l.swept.Store(int64(clock.Now()))
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err == nil {
		l.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	}
	if err == nil {
		err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.event, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: -1})
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("cannot start an event loop: %w", err)
	}
	return l, nil
}

func (l *loop) close() {
	for _, fd := range []int{l.epoll, l.event} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// start starts the workers, the first of which has an index among those of all loops.
func (l *loop) start(first, workers int) {
	l.working.Store(int32(workers))
	l.yield.workers = workers
	for i := range workers {
		l.g.running.Go(newWorker(l, first+i).run)
	}
}

// post tells the loop what a server that stops wants of its sockets: cutIdle or cutAll.
func (l *loop) post(what uint32) {
	l.mu.Lock()
	l.mu.cut |= what
	l.mu.Unlock()
	l.news()
}

func (l *loop) news() {
	l.posted.Store(true)
	l.wake()
}

// Wake has a worker deliver what has ended. One that runs something does so next.
func (l *loop) Wake() {
	if l.running.Load() == 0 {
		l.wake()
	}
}

func (l *loop) waiting() bool { return l.done.n.Load() > 0 }

// wake ends a worker's sleep, if one sleeps.
func (l *loop) wake() {
	if l.asleep.Load() > 0 && l.kicked.CompareAndSwap(false, true) {
		l.kick()
	}
}

func (l *loop) kick() {
	one := [8]byte{1}
	_, _ = unix.Write(l.event, one[:])
}
