package policy

import (
	"time"

	"sluice/internal/clock"
)

// Long requests need more room before their deadlines than short ones, so in overload they are
// refused more often: short ones fill the queue up to the point where only short ones fit. With
// fair rows short ones leave room, all of them alike to be as long as the longest of late: a
// request must be done earlier than its deadline by a part of what the longest would take more
// than it. The device has as much to do as before, since the queue is as good as never empty in
// overload; it is only shorter.
//
// The part follows what it is for: it grows while long requests are refused more often than short
// ones and falls otherwise, so that nothing is refused for the sake of nobody. Long is more than
// half of the longest, short at most a quarter. Only requests whose budget holds three runs of
// their own count, and only for those room is left: what has less is refused first in any overload.

const (
	fairBudget = 3                     // runs
	fairEvery  = 50 * time.Millisecond // the part is set
	fairMemory = 0.95                  // of the counts, each time: about a second
	fairGap    = 0.08                  // between the parts refused that is let be
	fairGain   = 0.1
	fairFall   = 0.99 // each time, where there is nothing to compare
	fairFewest = 5    // of each
	fairMost   = 2
	fairCap    = 0.5 // of the budget, at most
)

// fairRows is a model's fairness between long and short requests.
type fairRows struct {
	sizes       largest
	long, short odds
	part        float64
	due         clock.Instant
}

// odds are counts of requests that forget.
type odds struct{ all, refused float64 }

func (o *odds) add(weight float64, refused bool) {
	o.all += weight
	if refused {
		o.refused += weight
	}
}

func (o *odds) fade() { o.all, o.refused = o.all*fairMemory, o.refused*fairMemory }

// largest is the most rows of a request in the last one to two seconds.
type largest struct {
	end       clock.Instant
	cur, prev int
}

func (l *largest) add(now clock.Instant, rows int) {
	if now >= l.end {
		l.prev, l.cur = l.cur, 0
		if now >= l.end.Add(budgetSpan) {
			l.prev = 0
		}
		l.end = now.Add(budgetSpan)
	}
	l.cur = max(l.cur, rows)
}

func (l *largest) value() int { return max(l.cur, l.prev) }

// leave is how much earlier than its deadline an item must be done for the sake of longer ones, and of
// shorter budgets.
func (m *model) leave(in *instance, it *Item) time.Duration {
	room := m.room(in, it) + m.wait(in, it)
	return min(room, time.Duration(budgetMost*float64(it.Deadline.Sub(it.Arrived))))
}

// room is how much earlier than its deadline an item must be done for the sake of longer ones.
func (m *model) room(in *instance, it *Item) time.Duration {
	f := &m.fair
	if f.part == 0 || it.whole() > it.Rows {
		return 0
	}
	budget := it.Deadline.Sub(it.Arrived)
	longest := min(in.idle(f.sizes.value()), budget/fairBudget)
	room := time.Duration(f.part * float64(longest-in.idle(it.Rows)))
	return min(max(room, 0), time.Duration(fairCap*float64(budget)))
}

// noteRows takes in whether an item was refused.
func (m *model) noteRows(now clock.Instant, in *instance, it *Item, refused bool) {
	f, rows := &m.fair, it.whole()
	if it.Deadline.Sub(it.Arrived) < fairBudget*in.idle(rows) {
		return
	}
	f.sizes.add(now, rows)
	weight := 1.0
	if !refused {
		weight = float64(it.Rows) / float64(rows)
	}
	switch most := f.sizes.value(); {
	case 2*rows > most:
		f.long.add(weight, refused)
	case 4*rows <= most:
		f.short.add(weight, refused)
	}
	if now < f.due {
		return
	}
	f.due = now.Add(fairEvery)
	f.adjust()
}

func (f *fairRows) adjust() {
	if f.long.all < fairFewest || f.short.all < fairFewest {
		f.part *= fairFall
	} else {
		gap := f.long.refused/f.long.all - f.short.refused/f.short.all
		f.part = min(max(f.part+fairGain*(gap-fairGap), 0), fairMost)
	}
	f.long.fade()
	f.short.fade()
}
