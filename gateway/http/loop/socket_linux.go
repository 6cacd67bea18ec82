package loop

import (
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"sluice/internal/clock"
	"sluice/internal/memory"
	"sluice/internal/task"
)

// Socket is a connection that an event loop serves, one request at a time.
//
// States: idle -> partial (some of a request has come) -> busy (a request is pending) -> idle ...;
// closed, which includes handed over, is final. An idle or partial one may be held: it is not read
// for a moment.
//
// What happens to it comes as notes. Whoever leaves the first note owns the socket until it
// has dealt with all of them; only the owner touches the fields without a remark.
type Socket struct {
	l          *loop          // does not change
	fd         int            // does not change
	slot       int32          // does not change
	generation int32          // does not change; of the slot
	from       netip.AddrPort // does not change; the client's address

	unread   bool          // there may be more to read
	busy     bool          // request is pending
	last     bool          // the client wants no more answers after that
	bodiless bool          // the request is a HEAD
	used     bool          // a request has come
	partial  bool          // counted in loop.partial
	closed   bool          // or handed over
	kept     memory.Buffer // read and not served yet
	request  Request       // begun and not ended; nil if none is
	since    clock.Instant // first byte of kept, or of being idle
	held     bool          // in a line of loop.yield
	cheap    bool          // the latest answer was a cheap one
	refused  time.Duration // the budget of the latest request, if it was refused for want of capacity

	due    clock.Instant // in a line, and under its lock
	behind *Socket       // likewise

	notes atomic.Uint32
	gone  atomic.Bool // the client has closed its side
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

var _ task.Peer = (*Socket)(nil)

// Gone reports whether the client has closed the connection.
func (k *Socket) Gone() bool { return k.gone.Load() }

// Address is where the connection comes from.
func (k *Socket) Address() netip.AddrPort { return k.from }

// Ended hands a pending request back, on any goroutine. A worker concludes it once the Waker that it returns has
// been called.
func (k *Socket) Ended() task.Waker {
	k.l.done.push(k, 0)
	return k.l
}

// Submitted has a worker call Options.Run for what another goroutine has submitted.
func (k *Socket) Submitted() { k.l.news() }

// Pending reports whether bytes wait to be read.
func (k *Socket) Pending() bool {
	var one [1]byte
	n, _, err := unix.Recvfrom(k.fd, one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == nil && n > 0
}

// idle reports whether no byte of a request has been read.
func (k *Socket) idle() bool { return !k.busy && len(k.kept.Bytes) == 0 }

// note leaves a note on a socket, and deals with it unless somebody else does.
func (w *worker) note(k *Socket, note uint32) {
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

func (w *worker) attend(k *Socket, notes uint32) {
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

// conclude answers a request that has ended, unless it is pending again.
func (w *worker) conclude(k *Socket) {
	w.resetResponse()
	if !k.request.Conclude(&w.ctx) {
		w.submitted = true
		return
	}
	k.busy = false
	w.l.inFlight.Add(-1)
	if k.closed {
		k.end()
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

// end ends the request whose answer has been written, or cannot be.
func (k *Socket) end() {
	ended := k.request
	k.request = nil
	ended.End()
}

// release goes on with a socket that was held.
func (w *worker) release(k *Socket, turn bool) {
	k.held = false
	k.cheap = k.cheap && !turn
	w.goOn(k)
}

// goOn begins with the next request.
func (w *worker) goOn(k *Socket) {
	if k.closed || k.busy || k.held {
		return
	}
	k.since = clock.Now()
	if len(k.kept.Bytes) > 0 && !w.mustWait(k) {
		w.take(k, k.kept.Bytes)
	}
}

// receive reads and serves until the socket has no more or a request is pending.
func (w *worker) receive(k *Socket) {
	for k.unread && !k.busy && !k.closed && !k.held {
		if w.mustWait(k) {
			return
		}
		have := copy(w.in, k.kept.Bytes)
		n, came, err := w.from.read(k.fd, w.in[have:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
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
