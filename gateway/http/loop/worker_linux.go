package loop

import (
	"bufio"
	"bytes"
	"errors"
	"syscall"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

const (
	maxEvents  = 16 // a worker that the kernel stops holds up no more than these
	maxResume  = 64 // sockets that were held and are read one after the other in a round
	sweepEvery = time.Second
	// lookEvery is how often requests that come in slowly are looked at.
	lookEvery = 10 * time.Millisecond
	// A worker naps if every lane stays busy for at least napFrom. It naps for napMost at a time, and the others
	// meanwhile for napOthers.
	napFrom   = time.Millisecond
	napMost   = time.Millisecond
	napOthers = 5 * time.Millisecond
)

// worker is one goroutine of a loop.
type worker struct {
	index     int // among those of all loops
	l         *loop
	opt       *Options
	ctx       fasthttp.RequestCtx // of the request that is being read or answered
	header    bytes.Reader
	reader    *bufio.Reader // of header
	submitted bool          // a request has been begun and is pending
	in        []byte        // what a socket gave
	from      receiver      // of what a socket gives
	out       []byte        // the answer being written
}

func newWorker(l *loop, index int) *worker {
	head := l.g.opt.Head.Head
	w := &worker{l: l, opt: &l.g.opt, index: index, in: make([]byte, head+MaxBody+16<<10)}
	w.ctx.Init2(nil, nil, false)
	w.reader = bufio.NewReaderSize(&w.header, head+16)
	return w
}

func (w *worker) run() {
	l := w.l
	w.opt.OnWorker(w.index)
	defer func() {
		if l.working.Add(-1) == 0 {
			l.close()
		} else {
			l.kick()
		}
	}()
	events := make([]unix.EpollEvent, maxEvents)
	n, more, busy := 0, false, time.Duration(0)
	for {
		if (n > 1 || l.yield.any()) && !more && busy >= napFrom { // it pays: there are several to read
			w.nap(busy)
		}
		n = w.wait(events, more)
		for i := range events[:n] {
			w.happened(&events[i])
		}
		if l.posted.Load() {
			w.readNews()
		}
		l.running.Add(1)
		more, busy = w.opt.Run()
		l.running.Add(-1)
		w.submitted = false
		w.deliver()
		w.resume()
		more = more || w.submitted || l.yield.ahead.n.Load() > 0 // what came in behind an answer has not been run
		w.sweep()
		if l.inFlight.Load() == 0 && w.opt.Accepted() && l.load.Load() == 0 {
			return
		}
	}
}

// wait returns what has happened on the sockets; it sleeps until something does, unless there
// is something else to do.
func (w *worker) wait(events []unix.EpollEvent, more bool) int {
	l := w.l
	if !more {
		l.asleep.Add(1)
		if !l.waiting() && !l.posted.Load() {
			limit := sweepEvery
			if l.partial.Load() > 0 {
				limit = lookEvery
			}
			n, err := w.sleep(events, limit)
			l.asleep.Add(-1)
			if err != nil && !errors.Is(err, unix.EINTR) {
				panic("BUG: cannot wait for sockets: " + err.Error())
			}
			return max(n, 0)
		}
		l.asleep.Add(-1)
	}
	// It does not block, so that the runtime need not hear of it.
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// sleep waits for events. One of the workers ends its sleep when a held socket is due, which can be
// sooner than the kernel's call for events allows.
func (w *worker) sleep(events []unix.EpollEvent, limit time.Duration) (n int, err error) {
	l := w.l
	due := l.nextDue()
	if due == clock.Never {
		return unix.EpollWait(l.epoll, events, int(limit.Milliseconds()))
	}
	if !l.yield.timing.CompareAndSwap(false, true) {
		return unix.EpollWait(l.epoll, events, int(lookEvery.Milliseconds()))
	}
	_ = pause([]unix.PollFd{{Fd: int32(l.epoll), Events: unix.POLLIN}}, max(due.Sub(clock.Now()), 0))
	l.yield.timing.Store(false)
	return unix.EpollWait(l.epoll, events, 0)
}

// nap waits for a moment without looking at the sockets, because every lane is busy. Each waking takes a
// processor from a run, so it is better to read several requests at a time, by one worker.
func (w *worker) nap(busy time.Duration) {
	l := w.l
	if !l.napping.CompareAndSwap(false, true) {
		_ = pause(nil, min(busy, napOthers))
		return
	}
	l.asleep.Add(1)
	if !l.waiting() && !l.posted.Load() {
		_ = pause([]unix.PollFd{{Fd: int32(l.event), Events: unix.POLLIN}}, min(busy/2, napMost))
	}
	l.asleep.Add(-1)
	l.napping.Store(false)
}

func pause(until []unix.PollFd, d time.Duration) error {
	t := unix.NsecToTimespec(int64(d))
	_, err := unix.Ppoll(until, &t, nil)
	return err
}

func (w *worker) happened(e *unix.EpollEvent) {
	if e.Fd < 0 {
		var count [8]byte
		_, _ = unix.Read(w.l.event, count[:])
		w.l.kicked.Store(false)
		return
	}
	k := w.l.sockets[e.Fd].Load()
	if k == nil || k.generation != e.Pad {
		return // it has been closed meanwhile
	}
	note := noteReadable
	if e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		note |= noteGone
	}
	w.note(k, note)
}

// readNews takes in new connections and cuts others.
func (w *worker) readNews() {
	l := w.l
	l.posted.Store(false)
	l.mu.Lock()
	connections, cut := l.mu.fresh, l.mu.cut
	l.mu.fresh, l.mu.cut = nil, 0
	l.mu.Unlock()
	for _, c := range connections {
		w.add(c)
	}
	if cut != 0 {
		w.noteAll(cut)
	}
}

func (w *worker) noteAll(note uint32) {
	l := w.l
	l.mu.Lock()
	used := l.mu.used
	l.mu.Unlock()
	for i := range l.sockets[:used] {
		if k := l.sockets[i].Load(); k != nil {
			w.note(k, note)
		}
	}
}

// deliver answers the requests that have ended.
func (w *worker) deliver() {
	for k := w.l.done.pop(0); k != nil; k = w.l.done.pop(0) {
		w.note(k, noteEnded)
	}
}

// sweep has a look at the sockets on which nothing happens.
func (w *worker) sweep() {
	l, every := w.l, sweepEvery
	if l.partial.Load() > 0 {
		every = lookEvery
	}
	now, last := clock.Now(), l.swept.Load()
	if now.Sub(clock.Instant(last)) >= every && l.swept.CompareAndSwap(last, int64(now)) {
		w.noteAll(noteSweep)
	}
}
