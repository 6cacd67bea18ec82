package stub

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// loop is the server's thread: its sockets, its timers and its state.
type loop struct {
	server    *Server
	o         Options
	epoll     int
	listener  int
	listening bool // the poller watches the listener
	wake      int
	conns     []*conn // by descriptor
	spare     []*conn // closed ones, for their memory
	timers    timers
	order     uint64
	events    []unix.EpollEvent
	timeout   unix.Timespec // of the next wait; here so that it is not allocated for each
	now       clock.Instant // when the last thing was begun

	routes map[string]route
	counts Counts
	rng    *rand.Rand
	queue  queue
	work   *work    // of the request that is being dealt with
	paired *work    // of the one that waits for a partner
	held   *conn    // that one's connection; nil if none waits
	faults [5]every // in the order of the package comment
	owed   int      // swaps whose turn has come while another waited
}

// Bounds of the loop.
const (
	roundEvents = 128
	spinTime    = 60 * time.Microsecond
	idleWait    = time.Hour
)

func newLoop(s *Server, o Options) (*loop, error) {
	l := &loop{
		server: s, o: o, epoll: -1, listener: -1, wake: -1,
		events: make([]unix.EpollEvent, roundEvents),
		counts: Counts{Status: map[int]int64{}},
		rng:    rand.New(rand.NewPCG(o.Seed, 5)),
		queue:  newQueue(&o),
		routes: newRoutes(),
		work:   newWork(), paired: newWork(),
	}
	for i, n := range []int{o.Lose, o.Drop, o.Corrupt, o.Repeat, o.Swap} {
		l.faults[i].n = n
	}
	err := func() (err error) {
		if l.listener, s.addr, err = listen(o.Addr); err != nil {
			return err
		}
		if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
			return fmt.Errorf("cannot make a poller: %w", err)
		}
		if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
			return fmt.Errorf("cannot make an event: %w", err)
		}
		l.listening = true
		return errors.Join(l.watch(unix.EPOLL_CTL_ADD, l.wake, unix.EPOLLIN), l.watch(unix.EPOLL_CTL_ADD, l.listener, unix.EPOLLIN))
	}()
	if err != nil {
		l.closeAll()
		return nil, err
	}
	s.mu.wake = l.wake
	return l, nil
}

func (l *loop) watch(op, fd int, events uint32) error {
	if err := unix.EpollCtl(l.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("cannot watch a descriptor: %w", err)
	}
	return nil
}

// run is the thread: it answers what is due, sleeps until the next event or instant, and
// deals with what has come.
func (l *loop) run() error {
	for !l.server.closing.Load() {
		l.now = clock.Now()
		next := l.fire()
		n, err := l.wait(next)
		if err != nil {
			return err
		}
		accept := false
		for _, e := range l.events[:n] {
			switch fd := int(e.Fd); fd {
			case l.wake:
				l.woken()
			case l.listener:
				accept = true // at last: a new connection may get the number of one that ends in this round
			default:
				l.serve(l.conns[fd], e.Events)
			}
			l.fire()
		}
		if accept {
			if err := l.accept(); err != nil {
				return err
			}
		}
	}
	return nil
}

// woken answers those who want the counts.
func (l *loop) woken() {
	var sum [8]byte
	_, _ = unix.Read(l.wake, sum[:])
	select {
	case reply := <-l.server.asks:
		reply <- l.counts.clone()
	default:
	}
}

// stalled returns until when nothing may be answered; now or before if it may.
func (l *loop) stalled(now clock.Instant) (until clock.Instant) {
	if len(l.o.Stalls) == 0 {
		return 0
	}
	origin := clock.Instant(l.server.origin.Load())
	for _, s := range l.o.Stalls {
		begin := origin.Add(s.At)
		if end := begin.Add(s.For); begin <= now && now < end {
			until = max(until, end)
		}
	}
	return until
}

// fire answers all that is due, and returns when to do so next.
func (l *loop) fire() (next clock.Instant) {
	if len(l.timers) == 0 {
		return clock.Never
	}
	for len(l.timers) > 0 {
		if l.now < l.timers[0].due {
			l.now = clock.Now()
		}
		if until := l.stalled(l.now); until > l.now {
			return until
		}
		c := l.timers[0]
		if c.due > l.now {
			return c.due
		}
		heap.Pop(&l.timers)
		if c == l.held {
			l.held = nil
			l.counts.Unpaired++
		}
		l.write(c)
		l.advance(c)
	}
	return clock.Never
}

// wait sleeps until something has come or an instant. Other goroutines of the process get
// the processor meanwhile.
func (l *loop) wait(until clock.Instant) (int, error) {
	left := min(until.Sub(clock.Now()), idleWait)
	if l.o.Spin && until != clock.Never {
		if left -= spinTime; left < 0 {
			left = 0
		}
	}
	l.timeout = unix.NsecToTimespec(int64(max(left, 0)))
	call := unix.Syscall6
	if left <= 0 {
		call = unix.RawSyscall6
	}
	n, _, errno := call(unix.SYS_EPOLL_PWAIT2, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])), roundEvents, uintptr(unsafe.Pointer(&l.timeout)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, fmt.Errorf("cannot wait for requests: %w", errno)
}

// accept takes the connections that have come. Without a descriptor left it stops looking
// until a connection ends.
func (l *loop) accept() error {
	for range roundEvents {
		fd, _, err := unix.Accept4(l.listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		switch {
		case err == nil:
			l.open(fd)
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
			l.listening = false
			return l.watch(unix.EPOLL_CTL_DEL, l.listener, 0)
		case errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EINTR):
		default:
			return fmt.Errorf("cannot accept a connection: %w", err)
		}
	}
	return nil
}

func (l *loop) closeAll() {
	for _, c := range l.conns {
		if c != nil {
			_ = unix.Close(c.fd)
		}
	}
	for _, fd := range []int{l.listener, l.epoll, l.wake} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// timers is a heap of connections by the instant of their answers, and by order of asking.
type timers []*conn

func (t timers) Len() int { return len(t) }

func (t timers) Less(i, j int) bool {
	if t[i].due != t[j].due {
		return t[i].due < t[j].due
	}
	return t[i].order < t[j].order
}

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].timer, t[j].timer = i, j
}

func (t *timers) Push(c any) {
	c.(*conn).timer = len(*t)
	*t = append(*t, c.(*conn))
}

func (t *timers) Pop() any {
	last := len(*t) - 1
	c := (*t)[last]
	c.timer = -1
	*t = (*t)[:last]
	return c
}
