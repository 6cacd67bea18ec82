package gateway

import (
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
)

// held are the sockets of a loop that wait to be read again, in the order in which they began to;
// see yield.go. A socket that is closed meanwhile leaves the list in its turn.
type held struct {
	n  atomic.Int32
	mu struct {
		sync.Mutex
		first, last *socket
	}
}

// push appends a socket, which must not be in the list.
func (h *held) push(k *socket, due clock.Instant) {
	k.due, k.after = due, nil
	h.mu.Lock()
	if h.mu.last == nil {
		h.mu.first = k
	} else {
		h.mu.last.after = k
	}
	h.mu.last = k
	h.mu.Unlock()
}

// pop takes out the first socket if its time has come, nil if not.
func (h *held) pop(now clock.Instant) *socket {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.mu.first
	if k == nil || k.due > now {
		return nil
	}
	if h.mu.first = k.after; h.mu.first == nil {
		h.mu.last = nil
	}
	k.after = nil
	h.n.Add(-1)
	return k
}

// due is when the first socket's time comes; clock.Never if there is none.
func (h *held) due() clock.Instant {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.first == nil {
		return clock.Never
	}
	return h.mu.first.due
}

// refuse notes that the latest request was refused for want of capacity, and its budget.
func (k *socket) refuse(budget time.Duration) { k.refused = budget }

// hold leaves a socket that has had a cheap answer unread for a moment, if it must be.
func (w *worker) hold(k *socket) {
	l := w.l
	refused := k.refused
	k.refused = 0
	if k.closed || k.held {
		return
	}
	now := clock.Now()
	if l.inFlight.Load() > 0 {
		l.cheap.take(now, now.Sub(k.since))
	}
	due := now
	if refused > 0 {
		due = now.Add(holdFor(int(l.held.n.Load())+1, refused))
	} else if !l.mustSave(now) {
		return
	}
	k.held = true
	l.held.n.Add(1)
	l.held.push(k, due)
}

// mustSave reports whether cheap answers have taken all that they may.
func (l *loop) mustSave(now clock.Instant) bool {
	return l.cheap.until() > now && l.inFlight.Load() > 0
}

// resume reads some sockets whose time has come.
func (w *worker) resume() {
	l := w.l
	if l.held.n.Load() == 0 {
		return
	}
	for range maxEvents {
		now := clock.Now()
		if l.mustSave(now) {
			return
		}
		k := l.held.pop(now)
		if k == nil {
			return
		}
		w.note(k, noteDue)
	}
}

// nextDue is when resume will find something to do; clock.Never if nothing is held.
func (l *loop) nextDue() clock.Instant {
	if l.held.n.Load() == 0 {
		return clock.Never
	}
	due := l.held.due()
	if l.inFlight.Load() > 0 {
		due = max(due, l.cheap.until())
	}
	return due
}
