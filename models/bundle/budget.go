package bundle

import (
	"math"
	"time"
)

// BudgetBasis is where a version's budget comes from.
type BudgetBasis string

// The bases.
const (
	BudgetOwn      BudgetBasis = "model"     // its model.yaml
	BudgetSettings BudgetBasis = "settings"  // scheduler.budget
	BudgetMeasured BudgetBasis = "measured"  // a multiple of what one row takes
	BudgetLeast    BudgetBasis = "automatic" // the least, which that multiple does not pass
)

const (
	// leastBudget and budgetRows make a budget that nobody gives: the larger of leastBudget and
	// budgetRows times one row. Five rows leave room for a run that is under way, for a batch
	// of several rows, and for a machine that is slower than when it was measured.
	leastBudget = 100 * time.Millisecond
	budgetRows  = 5
	// unsetBudget marks a Config whose file gives no budget. 0 in a file is a fault.
	unsetBudget = time.Duration(math.MinInt64)
)

// AutomaticBudget is the budget of a model whose row takes so long, of which nobody has said
// more. It goes up in steps of 1, 2 and 5, so that replicas that measure a little differently
// mostly agree, and is at most the longest that a request may ask for.
func AutomaticBudget(row, most time.Duration) (time.Duration, BudgetBasis) {
	budget, basis := leastBudget, BudgetLeast
	for step := 0; budget < budgetRows*row; step++ {
		if basis = BudgetMeasured; step%3 == 1 {
			budget = budget / 2 * 5
		} else {
			budget *= 2
		}
	}
	return min(budget, most), basis
}

// giveBudget puts the server's budget where model.yaml gives none; 0 is left for settleBudget.
func (c *Config) giveBudget(d *Defaults) {
	switch {
	case c.Budget != unsetBudget:
		c.BudgetFrom = BudgetOwn
	case d.Budget > 0:
		c.Budget, c.BudgetFrom = d.Budget, BudgetSettings
	default:
		c.Budget = 0
	}
}

// SettleBudget fixes a budget that nobody gives once a device has measured a row; row is 0 where
// none is known. The device is the first of the model's that serves it: a budget is a promise
// about where requests go as a rule. By a slower fallback it would be so long that queues grow
// on the preferred device unseen; the fallback takes what it can make. It stays as it is while
// the version serves, whatever runs take later and whichever device joins.
func (c *Config) SettleBudget(row, most time.Duration) {
	if c.Budget == 0 {
		c.Budget, c.BudgetFrom = AutomaticBudget(row, most)
	}
}
