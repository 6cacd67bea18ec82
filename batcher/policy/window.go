package policy

import (
	"time"

	"sluice/internal/clock"
)

// window is the decision about one queue: which items at its front to give up, and how
// many of those behind them make the batch.
type window struct {
	drops int   // items at the front that are given up
	first *Item // first of the batch; nil if nothing can run
	items int   // items of the batch
	rows  int   // and their rows
}

// cut decides what to run of a deadline-ordered queue at the instant t, given that
// batches of target rows are needed to keep up with the load and that none may be
// larger than limit. latency predicts a batch.
//
// It gives up the shortest run of items at the front such that the first one left
// survives a batch of target rows (or of all that is left, if less), takes target rows
// and then grows the batch while its first item still makes its deadline. Letting the
// first item size the batch instead looks kinder and collapses under overload: the
// head is always about to miss, so batches shrink to one when they must be largest. A single head with a
// short budget is let do so while the work behind it affords that: see candidate.
//
// Beyond the target a batch leaves its first item the headroom that newcomers are asked for.
func cut(q *queue, t clock.Instant, target, limit int, latency func(rows int) time.Duration, headroom func(*Item) time.Duration) window {
	var w window
	rest, it := q.rows, q.head
	for ; it != nil; it = it.next {
		need := min(rest, max(target, it.Rows))
		if it.Deadline >= t.Add(latency(need)) {
			break
		}
		rest -= it.Rows
		w.drops++
	}
	if it == nil {
		// The last items are too large to run alone. If the head itself is not, serve
		// it rather than nothing.
		it = q.head
		if it == nil || it.Deadline < t.Add(latency(it.Rows)) {
			return w
		}
		w.drops = 0
	}
	w.first, w.items, w.rows = it, 1, it.Rows
	spare := headroom(it)
	for n := it.next; n != nil; n = n.next {
		rows := w.rows + n.Rows
		if rows > limit {
			break
		}
		if left := it.Deadline.Sub(t) - latency(rows); left < 0 || rows > target && left < spare {
			break
		}
		w.items, w.rows = w.items+1, rows
	}
	return w
}
