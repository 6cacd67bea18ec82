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
	// restFor is how long the engine does nothing after a round that found something
	// while arrivals are close together: the next round then takes several more together.
	restFor = 50 * time.Microsecond
)

// wait returns what has happened on the sockets. It sleeps until something does, or until an
// instant; shortly before that instant it looks without sleeping, if arrivals are far apart.
func (e *Engine) wait(until clock.Instant, sent int) int {
	if gap := e.plan.gap(); gap > 0 && gap < lookGap || e.opt.Closed != nil {
		if sent+e.found > e.few(gap) {
			pause(restFor)
		}
		e.found = e.poll(until.Sub(clock.Now()))
		return e.found
	}
	for {
		d := until.Sub(clock.Now())
		if d <= 0 {
			return e.poll(0)
		}
		if e.opt.NoSpin {
			return e.poll(d)
		}
		if d > lookFrom {
			d -= lookFrom
			if n := e.poll(d); n > 0 {
				return n
			}
			if clock.Now() < until-clock.Instant(lookFrom) {
				return 0 // a signal
			}
			continue
		}
		return e.look(until)
	}
}

// few is how little a round may have found for the next one to begin at once. Where the next
// arrival is further away than a rest is long, a rest after one request would only be a second
// sleep. In a closed loop the next answer is what the worker waits for.
func (e *Engine) few(gap time.Duration) int {
	switch {
	case e.opt.Closed != nil:
		return 4
	case gap > lookFrom: // a rest is as long, with what it takes to wake
		return 1
	default:
		return 0
	}
}

// look polls without sleeping until something has happened or an instant has come.
func (e *Engine) look(until clock.Instant) int {
	began := clock.Now()
	for {
		n := e.poll(0)
		if now := clock.Now(); n > 0 || now >= until {
			e.looking += now.Sub(began)
			e.published.looking.Store(int64(e.looking))
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
	t := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}
