package loop

import (
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
)

// line is a queue of sockets, each of which is in one line at most. A socket that is closed meanwhile leaves in
// its turn.
type line struct {
	n  atomic.Int32
	mu struct {
		sync.Mutex
		first, last *Socket
	}
}

// push appends a socket that is in no line.
func (l *line) push(k *Socket, due clock.Instant) {
	l.n.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	k.due, k.behind = due, nil
	if l.mu.last == nil {
		l.mu.first = k
	} else {
		l.mu.last.behind = k
	}
	l.mu.last = k
}

// pop takes out the first socket if its time has come, nil if not.
func (l *line) pop(now clock.Instant) *Socket {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.mu.first
	if k == nil || k.due > now {
		return nil
	}
	if l.mu.first = k.behind; l.mu.first == nil {
		l.mu.last = nil
	}
	l.n.Add(-1)
	return k
}

// due is when the first socket's time comes; clock.Never if there is none.
func (l *line) due() clock.Instant {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.first == nil {
		return clock.Never
	}
	return l.mu.first.due
}

// hold appends a socket that is not read until it has left the line.
func (l *line) hold(k *Socket, due clock.Instant) {
	k.held = true
	l.push(k, due)
}

// yielding is how the cheap answers of a loop yield to the runs (yield.go).
type yielding struct {
	refused line // until their times have come
	waiting line // until something is left of the allowance
	ahead   line // with requests sent ahead, until the others have had a turn
	allowed allowance
	workers int         // of the loop; does not change
	timing  atomic.Bool // a worker sleeps no longer than until the first of them is due
}

func (y *yielding) any() bool { return y.refused.n.Load() > 0 || y.waiting.n.Load() > 0 }

// Shed tells that the request, with that budget, is refused for want of capacity.
func (k *Socket) Shed(budget time.Duration) { k.refused = budget }

// cheap accounts for an answer that no model was run for.
func (w *worker) cheap(k *Socket) {
	now := clock.Now()
	k.cheap = true
	if w.l.inFlight.Load() > 0 {
		w.l.yield.allowed.take()
	}
	w.hold(k, now)
}

// hold leaves the socket of a refused request unread for a moment.
func (w *worker) hold(k *Socket, now clock.Instant) {
	budget := k.refused
	k.refused = 0
	if budget > 0 && !k.closed {
		refused := &w.l.yield.refused
		refused.hold(k, now.Add(HoldFor(int(refused.n.Load())+1, budget)))
	}
}

// mustWait has a socket wait its turn if the next answer is likely to be a cheap one again, and too
// many are.
func (w *worker) mustWait(k *Socket) bool {
	if !k.cheap || w.l.inFlight.Load() == 0 {
		return false
	}
	now, y := clock.Now(), &w.l.yield
	w.l.pass(now)
	if now.Sub(k.since) >= probeAfter || !y.allowed.spent(now) {
		return false
	}
	y.waiting.hold(k, 0)
	return true
}

// queueUp has a socket that got an answer at once, and has sent more requests, go behind the others:
// hundreds of answers to one connection would hold up everybody else.
func (w *worker) queueUp(k *Socket) {
	if !w.mustWait(k) {
		w.l.yield.ahead.hold(k, 0)
	}
}

// resume goes on with some of the sockets whose turn has come.
func (w *worker) resume() {
	y := &w.l.yield
	for range maxResume {
		if y.refused.n.Load() == 0 {
			break
		}
		k := y.refused.pop(clock.Now())
		if k == nil {
			break
		}
		w.note(k, noteDue)
	}
	for range min(y.ahead.n.Load(), maxEvents) {
		if k := y.ahead.pop(0); k != nil {
			w.note(k, noteDue)
		}
	}
	if y.waiting.n.Load() == 0 {
		return
	}
	now := clock.Now()
	w.l.pass(now)
	for range maxResume {
		if y.waiting.n.Load() == 0 || w.l.inFlight.Load() > 0 && y.allowed.spent(now) {
			return
		}
		if k := y.waiting.pop(0); k != nil {
			w.note(k, noteTurn)
		}
	}
}

// pass notes the time.
func (l *loop) pass(now clock.Instant) {
	y := &l.yield
	waiting := y.waiting.n.Load()
	y.allowed.pass(now, y.workers, waiting, waiting+y.refused.n.Load()+l.inFlight.Load())
}

// turnEvery is how often the line that waits is looked at, at least.
const turnEvery = time.Millisecond

// nextDue is when resume will find something to do; clock.Never if nothing is held.
func (l *loop) nextDue() clock.Instant {
	if l.yield.ahead.n.Load() > 0 {
		return clock.Now()
	}
	due := clock.Never
	if l.yield.refused.n.Load() > 0 {
		due = l.yield.refused.due()
	}
	if l.yield.waiting.n.Load() > 0 {
		due = min(due, clock.Now().Add(turnEvery))
	}
	return due
}
