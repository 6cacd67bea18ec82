package policy

import (
	"time"

	"sluice/internal/clock"
)

// What has been promised to long budgets is not taken back for short ones. So in overload long ones
// fill the queue up to their deadlines, and whoever has a short budget, and cannot wait, is refused.
// As with long and short lists (rows.go), the better-off leave room: a request must be done earlier
// than its deadline by a part of what its budget is above the shortest, and the slack that the queue
// then has is for those that overtake it. The part is a band's of budgets. It grows while a band of
// shorter ones is refused more often, and for the sake of what was admitted; it falls otherwise. In a
// burst short ones are refused because of each other: room would cost long ones, and help nobody.

const (
	budgetGap    = 0.02 // between the parts refused that is let be
	budgetGain   = 0.03
	budgetKept   = 2   // how many refusals one for the sake of others stands for
	budgetFewest = 5   // of a band
	budgetMost   = 0.9 // of what a budget is above the shortest
)

// fairBudgets is a class's fairness between short and long budgets.
type fairBudgets struct {
	bands [4]struct {
		odds odds
		kept float64 // of odds.refused, for the sake of what was admitted
		part float64
	}
	due clock.Instant
}

// band is a budget's band: up to 2, 8 and 32 times the shortest, and beyond.
func (f *fairBudgets) band(budget, least time.Duration) int {
	b := 0
	for most := 2 * least; budget > most && b < len(f.bands)-1; most *= 4 {
		b++
	}
	return b
}

// wait is how much earlier than its deadline an item must be done for the sake of shorter budgets.
func (m *model) wait(in *instance, it *Item) time.Duration {
	f, budget, least := &m.budgets[it.Class], it.Deadline.Sub(it.Arrived), in.budgets.value()
	part := f.bands[f.band(budget, least)].part
	return time.Duration(part * float64(max(budget-least, 0)))
}

// noteBudget takes in whether an item was refused.
func (m *model) noteBudget(now clock.Instant, in *instance, it *Item, refused, harms bool) {
	f := &m.budgets[it.Class]
	b := &f.bands[f.band(it.Deadline.Sub(it.Arrived), in.budgets.value())]
	b.odds.add(1, refused)
	if refused && harms {
		b.kept++
	}
	if now >= f.due {
		f.due = now.Add(fairEvery)
		f.adjust()
	}
}

func (f *fairBudgets) adjust() {
	worst, kept := -1.0, 0.0 // part refused of a shorter band, and for the sake of others
	for i := range f.bands {
		b := &f.bands[i]
		own, ofOthers := b.odds.refused/b.odds.all, b.kept/b.odds.all
		switch few := b.odds.all < budgetFewest; {
		case few || worst < 0:
			b.part *= fairFall
			if few {
				own, ofOthers = worst, kept
			}
		default:
			gap := min(worst-own, budgetKept*kept) - budgetGap
			b.part = min(max(b.part+budgetGain*gap, 0), budgetMost)
		}
		worst, kept = max(worst, own), max(kept, ofOthers)
		b.odds.fade()
		b.kept *= fairMemory
	}
}

// leaves reports whether items of the class may have to be done earlier than their deadlines.
func (f *fairBudgets) leaves() bool {
	for i := range f.bands {
		if f.bands[i].part > 0 {
			return true
		}
	}
	return false
}
