package stub

import (
	"bytes"
	"container/heap"
	"time"

	"sluice/internal/clock"
)

// swapWait is how long an answer waits for a partner to be swapped with.
const swapWait = time.Second

// send answers, or swaps: a request whose turn it is waits for a partner, and one that comes
// while another waits is its partner if their answers differ.
func (l *loop) send(c *conn, due clock.Instant, swap bool) {
	switch {
	case swap && l.held != nil && !bytes.Equal(l.work.y, l.paired.y) && (!l.o.SwapValues || len(l.work.y) == len(l.paired.y)):
		l.swap(c)
		due = max(due, l.held.due-clock.Instant(swapWait))
		l.held.due = due
		heap.Fix(&l.timers, l.held.timer)
		l.held = nil
		l.answer(c, due)
	case swap && l.held == nil && l.owed > 0:
		l.owed--
		l.held = c
		l.work, l.paired = l.paired, l.work
		l.answer(c, due.Add(swapWait))
	default:
		l.answer(c, due)
	}
}

// swap exchanges the answers of a connection and the one that waits.
func (l *loop) swap(c *conn) {
	l.counts.Swapped.add(1, identity(l.paired.request.ID, l.paired.number), identity(l.work.request.ID, l.work.number))
	if !l.o.SwapValues {
		c.out, l.held.out = l.held.out, c.out
		return
	}
	l.work.y, l.paired.y = l.paired.y, l.work.y
	c.out, l.held.out = c.out[:0], l.held.out[:0]
	l.encode(c, l.work)
	l.encode(l.held, l.paired)
}
