package httpfront

import (
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"sluice/internal/clock"
	"sluice/internal/memory"
	"sluice/internal/task"
)

// socket is a connection that an event loop serves, one request at a time.
//
// States: idle -> partial (some of a request has come) -> busy (the model has it) -> idle ...;
// closed, which includes handed over, is final. An idle or partial one may be held: it is not read
// for a moment.
//
// What happens to it comes as notes. Whoever leaves the first note owns the socket until it
// has dealt with all of them; only the owner touches the fields without a remark.
type socket struct {
	fd         int            // does not change
	slot       int32          // does not change
	generation int32          // does not change; of the slot
	from       netip.AddrPort // does not change; the client's address

	unread   bool          // there may be more to read
	busy     bool          // a request is with the model
	last     bool          // the client wants no more answers after that
	bodiless bool          // the request is a HEAD
	used     bool          // a request has come
	partial  bool          // counted in loop.partial
	closed   bool          // or handed over
	kept     memory.Buffer // read and not served yet
	call     *call         // whose answer is being written; nil if none is
	since    clock.Instant // first byte of kept, or of being idle
	held     bool          // in a line of loop.yield
	cheap    bool          // the latest answer was a cheap one
	refused  time.Duration // the budget of the latest request, if it was refused for want of capacity

	due    clock.Instant // in a line, and under its lock
	behind *socket       // likewise

	notes atomic.Uint32
	gone  atomic.Bool // the client has closed its side
	ended *call       // with noteEnded
}

// Notes, and the mark of an owner.
const (
	owned uint32 = 1 << iota
	noteReadable
	noteGone
	noteEnded
	noteDue  // it has been held long enough
	noteTurn // it has waited its turn
	noteSweep
	cutIdle // close it if it is quiet
	cutAll  // close it
)

var _ task.Peer = (*socket)(nil)

// Gone reports whether the client has closed the connection.
func (k *socket) Gone() bool { return k.gone.Load() }

// address is where the connection comes from.
func (k *socket) address() netip.AddrPort { return k.from }

// idle reports whether no byte of a request has been read.
func (k *socket) idle() bool { return !k.busy && len(k.kept.Bytes) == 0 }

// pending reports whether bytes wait to be read.
func (k *socket) pending() bool {
	var one [1]byte
	n, _, err := unix.Recvfrom(k.fd, one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == nil && n > 0
}

// note leaves a note on a socket, and deals with it unless somebody else does.
func (w *worker) note(k *socket, note uint32) {
	if k.notes.Or(owned|note)&owned != 0 {
		return
	}
	for {
		w.attend(k, k.notes.Swap(owned))
		if k.closed && !k.busy || k.notes.CompareAndSwap(owned, 0) {
			return // nothing can happen any more to a closed socket, which stays owned
		}
	}
}

func (w *worker) attend(k *socket, notes uint32) {
	if notes&noteGone != 0 {
		k.gone.Store(true)
	}
	if notes&(noteGone|noteReadable) != 0 {
		k.unread = true
	}
	if notes&noteEnded != 0 {
		w.conclude(k)
	}
	if !k.closed && notes&(noteSweep|cutIdle|cutAll) != 0 {
		w.inspect(k, notes)
	}
	if notes&(noteDue|noteTurn) != 0 {
		w.release(k, notes&noteTurn != 0)
	}
	w.receive(k)
}

// conclude answers a request that has ended.
func (w *worker) conclude(k *socket) {
	c := k.ended
	c.ctx, k.ended, k.busy = &w.ctx, nil, false
	w.resetResponse()
	w.s.step(c, (*Server).conclude)
	w.l.inFlight.Add(-1)
	if k.closed {
		w.written(k)
		k.kept.Release()
		return
	}
	w.answer(k, k.kept.Bytes)
	k.cheap = w.ctx.Response.StatusCode() != fasthttp.StatusOK
	if !k.cheap {
		w.l.yield.allowed.answered()
	}
	w.hold(k, clock.Now())
	w.goOn(k)
}

// release goes on with a socket that was held.
func (w *worker) release(k *socket, turn bool) {
	k.held = false
	k.cheap = k.cheap && !turn
	w.goOn(k)
}

// goOn begins with the next request.
func (w *worker) goOn(k *socket) {
	if k.closed || k.busy || k.held {
		return
	}
	k.since = clock.Now()
	if len(k.kept.Bytes) > 0 && !w.mustWait(k) {
		w.take(k, k.kept.Bytes)
	}
}

// inspect ends a socket that has been idle, or slow, for too long, or is to be cut.
func (w *worker) inspect(k *socket, notes uint32) {
	now := clock.Now()
	switch {
	case notes&cutAll != 0, notes&cutIdle != 0 && k.idle() && quiet(now.Sub(k.since), k.used) && !k.pending():
		w.drop(k)
	case k.idle() && now.Sub(k.since) >= w.s.opt.IdleTimeout:
		w.drop(k)
	case !k.busy && !k.held && len(k.kept.Bytes) > 0 && now.Sub(k.since) >= slowAfter:
		w.handOver(k, k.kept.Bytes, nil)
	}
}

// add takes a new connection in.
func (w *worker) add(c fresh) {
	l := w.l
	k := &socket{fd: c.fd, from: c.from, since: c.at}
	l.mu.Lock()
	if n := len(l.mu.free); n > 0 {
		k.slot, l.mu.free = l.mu.free[n-1], l.mu.free[:n-1]
	} else {
		k.slot = l.mu.used
		l.mu.used++
	}
	l.mu.Unlock()
	k.generation = l.generation.Add(1)
	l.sockets[k.slot].Store(k)
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: k.slot, Pad: k.generation}
	if unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &e) != nil {
		w.note(k, cutAll)
	}
}

// forget lets go of a socket whose descriptor goes on or is closed.
func (w *worker) forget(k *socket) {
	l := w.l
	k.closed = true
	w.setPartial(k, false)
	l.sockets[k.slot].Store(nil)
	l.mu.Lock()
	l.mu.free = append(l.mu.free, k.slot)
	l.mu.Unlock()
	l.load.Add(-1)
}

func (w *worker) setPartial(k *socket, partial bool) {
	if partial != k.partial {
		k.partial = partial
		if partial {
			w.l.partial.Add(1)
		} else {
			w.l.partial.Add(-1)
		}
	}
}

// drop closes a connection.
func (w *worker) drop(k *socket) {
	w.forget(k)
	if !k.busy {
		k.kept.Release() // else once the answer is there: nobody reads it meanwhile
	}
	_ = unix.Close(k.fd)
	w.s.closed()
}

// handOver gives a connection a goroutine, with what has been read and not served, and what
// has not been written.
func (w *worker) handOver(k *socket, kept []byte, rest *unsent) {
	w.forget(k)
	defer k.kept.Release() // kept may be of it
	_ = unix.EpollCtl(w.l.epoll, unix.EPOLL_CTL_DEL, k.fd, nil)
	file := os.NewFile(uintptr(k.fd), "connection")
	raw, err := net.FileConn(file) // a duplicate
	_ = file.Close()
	if err != nil {
		if k.call != nil {
			w.written(k)
		}
		w.s.closed()
		return
	}
	c := newConn(raw, w.s)
	c.from = k.from // also if it has left
	c.used.Store(k.used || len(kept) > 0)
	if rest != nil {
		c.call, k.call = k.call, nil
		rest.head = append([]byte(nil), rest.head...)
		c.idle.Store(0) // until it is written
	}
	if len(kept) > 0 {
		switch {
		case c.ahead.Append(w.s.gateway.Bodies, kept, len(kept)):
			c.began = k.since
			c.idle.Store(0)
		case rest != nil:
			rest.last = true
		default:
			w.s.closed()
			w.s.turnAway(c, w.s.gateway.NoRoomForBodies())
			return
		}
	}
	w.s.dedicate(c, rest)
}

// receive reads and serves until the socket has no more or a request is with the model.
func (w *worker) receive(k *socket) {
	for k.unread && !k.busy && !k.closed && !k.held {
		if w.mustWait(k) {
			return
		}
		have := copy(w.in, k.kept.Bytes)
		n, came, err := w.from.read(k.fd, w.in[have:])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			k.unread = false
			return
		case err != 0 || n == 0:
			if have > 0 {
				w.handOver(k, k.kept.Bytes, nil) // it left in the middle of a request
			} else {
				w.drop(k)
			}
			return
		}
		// After a short read there is nothing left, but perhaps the end of the file.
		k.unread = n == len(w.in)-have || k.gone.Load()
		if have == 0 {
			k.since = max(k.since, came) // it did not come before the last answer, nor before it was accepted
		}
		w.take(k, w.in[:have+n])
	}
}
