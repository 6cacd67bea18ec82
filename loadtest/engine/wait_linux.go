package engine

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

const (
	// lookFrom is how long before an arrival the engine stops sleeping and only looks: a core
	// that sleeps takes so long to wake.
	lookFrom = 70 * time.Microsecond
	// lookGap is the mean distance of arrivals from which on that is done. Closer together, it
	// would take more than half of a core.
	lookGap = 2 * lookFrom
	// unreadFor is how long answers may be left unread: the kernel has timed them, but the
	// connections are not free.
	unreadFor = 2 * time.Millisecond
	// unreadMost is the longest answer that may: a socket holds that much.
	unreadMost = 32 << 10
	// restFor is how long a closed loop does nothing after a round that found several things:
	// the next round then takes several more together.
	restFor = 50 * time.Microsecond
	// restAfter is more than how many things that is.
	restAfter = 4
)

// wait returns what has happened on the sockets. It sleeps until something does, or until an
// instant; how, depends on how close together arrivals are.
func (e *Engine) wait(until clock.Instant, sent int) int {
	if e.opt.Closed != nil {
		return e.rest(until, sent)
	}
	if gap := e.plan.gap(); gap > 0 && gap < lookGap {
		return e.sleep(until, e.opt.Gather)
	}
	if e.opt.NoSpin {
		return e.sleep(until, 0)
	}
	if d := until.Sub(clock.Now()) - lookFrom; d > 0 {
		if n := e.poll(d); n > 0 {
			return n
		}
		if clock.Now() < until-clock.Instant(lookFrom) {
			return 0 // a signal
		}
	}
	return e.look(until)
}

// rest is the wait of a closed loop, in which any answer may free a worker.
func (e *Engine) rest(until clock.Instant, sent int) int {
	if sent+e.found > restAfter {
		pause(restFor)
	}
	e.found = e.poll(until.Sub(clock.Now()))
	return e.found
}

// sleep sleeps until an instant and a little more. Answers do not end it if they may be left
// unread: that spares the target the waking of this thread, and this thread the waking.
func (e *Engine) sleep(until clock.Instant, more time.Duration) int {
	d := until.Sub(clock.Now())
	if d > unreadFor || !e.mayLeaveUnread() {
		return e.poll(d)
	}
	pause(d + more)
	n := e.poll(0)
	e.sendBefore(n)
	return n
}

// sendBefore sends what has fallen due, so that it need not wait until the answers of n events are
// read. No request may go into a connection that has ended, or that has an answer too many in it.
func (e *Engine) sendBefore(n int) {
	for i := range e.event[:n] {
		if event := &e.event[i]; event.Events&ended != 0 || e.conns[event.Fd].state == idle {
			e.happened(event)
		}
	}
	e.now = clock.Now()
	if !e.stopped {
		e.notice()
	}
	e.sendDue()
}

// mayLeaveUnread says that what happens on the sockets may wait: no request waits for a connection,
// and the kernel has room for whole requests and answers, so that the target can go on.
func (e *Engine) mayLeaveUnread() bool {
	if e.large {
		return false
	}
	for i := range e.servers {
		if e.servers[i].queue.len() > 0 {
			return false
		}
	}
	return true
}

// look polls without sleeping until something has happened or an instant has come.
func (e *Engine) look(until clock.Instant) int {
	began := clock.Now()
	for {
		n := e.poll(0)
		if now := clock.Now(); n > 0 || now >= until {
			e.published.looking.Add(int64(now.Sub(began)))
			return n
		}
	}
}

// poll asks the kernel; at most d, and not at all if d is 0 or less. The raw call keeps
// the Go runtime from giving the processor away meanwhile.
func (e *Engine) poll(d time.Duration) int {
	n, errno := e.ask(d)
	if errno != 0 {
		return 0
	}
	return n
}

func (e *Engine) ask(d time.Duration) (int, unix.Errno) {
	t := unix.NsecToTimespec(int64(min(max(d, 0), longest)))
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(e.epoll), uintptr(unsafe.Pointer(&e.event[0])), maxEvents, uintptr(unsafe.Pointer(&t)), 0, 0)
	return int(n), errno
}

// longest is how long the engine sleeps at most: it then sees whether it is told to end.
const longest = 5 * time.Millisecond

func pause(d time.Duration) {
	if d <= 0 {
		return
	}
	t := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}
