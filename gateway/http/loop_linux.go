package httpfront

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// loop is an event loop; see loop.go.
type loop struct {
	s     *Server
	epoll int
	event int // an eventfd: something has come for workers that sleep

	sockets    []atomic.Pointer[socket] // by slot
	load       atomic.Int32             // connections, those on their way in included
	inFlight   atomic.Int32             // requests that the model has
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

	mu struct {
		sync.Mutex
		fresh []fresh // new connections
		cut   uint32
		free  []int32 // slots
		used  int32   // slots that have ever been used
	}
	done struct { // requests that have ended, in that order
		sync.Mutex
		first, last *call
	}
}

// fresh is a connection that a loop is to take in.
type fresh struct {
	fd   int
	from netip.AddrPort
	at   clock.Instant // when it was accepted
}

func newLoop(s *Server) (*loop, error) {
	l := &loop{s: s, epoll: -1, event: -1, sockets: make([]atomic.Pointer[socket], s.opt.Limits.MaxConnections)}
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
	head := l.s.opt.Limits.MaxHeaderBytes
	l.working.Store(int32(workers))
	l.yield.workers = workers
	for i := range workers {
		w := &worker{l: l, index: first + i, s: l.s, in: make([]byte, head+plainBody+16<<10)}
		w.ctx.Init2(nil, nil, false)
		w.reader = bufio.NewReaderSize(&w.header, head+16)
		l.s.running.Go(w.run)
	}
}

// workersPerLoop is how many workers share a loop's sockets. With more of them they would get
// into each other's way; with one, a worker that the kernel stops would hold up its sockets.
const workersPerLoop = 4

// startLoopsLocked starts the loops with the first listener, with as equal a number of workers
// each as possible.
func (s *Server) startLoopsLocked() {
	if s.mu.loops != nil || s.opt.Workers == 0 {
		return
	}
	loops := (s.opt.Workers + workersPerLoop - 1) / workersPerLoop
	first := 0
	for i := range loops {
		l, err := newLoop(s)
		if err != nil {
			s.opt.Log.Warn("serving with fewer event loops than wanted", zap.Error(err))
			break
		}
		s.mu.loops = append(s.mu.loops, l)
		workers := (s.opt.Workers + i) / loops
		l.start(first, workers)
		first += workers
	}
}

// loopTakes gives a connection to the loop with the fewest; false if there is none, or if the
// connection is not a socket.
func (s *Server) loopTakes(raw net.Conn) bool {
	if len(s.mu.loops) == 0 { // they do not change while connections are accepted
		return false
	}
	sc, ok := raw.(syscall.Conn)
	if !ok {
		return false
	}
	control, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	// A descriptor that Go's own poller does not know: otherwise each event would wake both.
	fd := -1
	if failed := control.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }); failed != nil || err != nil {
		return false
	}
	from := addressOf(raw)
	_ = raw.Close()
	least := s.mu.loops[0]
	for _, l := range s.mu.loops[1:] {
		if l.load.Load() < least.load.Load() {
			least = l
		}
	}
	least.load.Add(1)
	least.mu.Lock()
	least.mu.fresh = append(least.mu.fresh, fresh{fd, from, clock.Now()})
	least.mu.Unlock()
	least.news()
	return true
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

// ended hands a request back to the loop that submitted it.
func (l *loop) ended(c *call) {
	c.next = nil
	l.done.Lock()
	if l.done.last == nil {
		l.done.first = c
	} else {
		l.done.last.next = c
	}
	l.done.last = c
	l.done.Unlock()
}

// Wake has a worker deliver what has ended. One that runs something does so next.
func (l *loop) Wake() {
	if l.running.Load() == 0 {
		l.wake()
	}
}

// take returns some requests that have ended.
func (l *loop) take() (first *call) {
	l.done.Lock()
	defer l.done.Unlock()
	first = l.done.first
	last := first
	for n := 1; n < maxDeliver && last != nil && last.next != nil; n++ {
		last = last.next
	}
	if last != nil {
		l.done.first = last.next
		if last.next == nil {
			l.done.last = nil
		}
		last.next = nil
	}
	return first
}

func (l *loop) waiting() bool {
	l.done.Lock()
	defer l.done.Unlock()
	return l.done.first != nil
}

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
