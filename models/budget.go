package models

import (
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"
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

// BudgetReport is what requests to a version have that name no budget, and whether it suffices.
type BudgetReport struct {
	Budget      time.Duration `json:"budget_ns,omitempty"`
	BudgetBasis BudgetBasis   `json:"budget_basis,omitempty"`
	// Row is what one row takes on the preferred device; 0 if no row is known.
	Row time.Duration `json:"row_ns,omitempty"`
	// BudgetShort says that one row takes longer than the budget on every device that serves
	// the version, and BudgetRemedy what to do; empty if it does not.
	BudgetShort  string `json:"budget_short,omitempty"`
	BudgetRemedy string `json:"budget_remedy,omitempty"`
}

const (
	// leastBudget and budgetRows make a budget that nobody gives: the larger of leastBudget and
	// budgetRows times one row. Five rows leave room for a run that is under way, for a batch
	// of several rows, and for a machine that is slower than when it was measured.
	leastBudget = 100 * time.Millisecond
	budgetRows  = 5
	// unsetBudget marks a Config whose file gives no budget. 0 in a file is a fault.
	unsetBudget = time.Duration(math.MinInt64)
)

// automaticBudget is the budget of a model whose row takes so long, of which nobody has said
// more. It goes up in steps of 1, 2 and 5, so that replicas that measure a little differently
// mostly agree, and is at most the longest that a request may ask for.
func automaticBudget(row, most time.Duration) (time.Duration, BudgetBasis) {
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
		c.budgetFrom = BudgetOwn
	case d.Budget > 0:
		c.Budget, c.budgetFrom = d.Budget, BudgetSettings
	default:
		c.Budget = 0
	}
}

// settleBudget fixes a budget that nobody gives once a device has measured a row; row is 0 where
// none is known. The device is the first of the model's that serves it: a budget is a promise
// about where requests go as a rule. By a slower fallback it would be so long that queues grow
// on the preferred device unseen; the fallback takes what it can make. It stays as it is while
// the version serves, whatever runs take later and whichever device joins.
func (c *Config) settleBudget(row, most time.Duration) {
	if c.Budget == 0 {
		c.Budget, c.budgetFrom = automaticBudget(row, most)
	}
}

// noteBudget writes into the report what requests have for an answer, and whether that is enough
// for a row on the quickest of the devices that serve the version.
func (r *Report) noteBudget(c *Config, most time.Duration) {
	r.Budget, r.BudgetBasis = max(c.Budget, 0), c.budgetFrom
	var quickest *DeviceReport
	for i := range r.Devices {
		d := &r.Devices[i]
		if d.State != Placed || !d.Measured {
			continue
		}
		if r.Row == 0 {
			r.Row = d.Curve.At(1) // of the preferred device
		}
		if quickest == nil || d.Curve.At(1) < quickest.Curve.At(1) {
			quickest = d
		}
	}
	if quickest == nil || quickest.Curve.At(1) <= r.Budget {
		return
	}
	row := quickest.Curve.At(1)
	r.BudgetShort = fmt.Sprintf("one row takes %v on %s and the budget is %v", round(row), quickest.Device, r.Budget)
	enough, _ := automaticBudget(row, maxBudget)
	switch {
	case r.BudgetBasis == BudgetMeasured || r.BudgetBasis == BudgetLeast || enough > most:
		r.BudgetRemedy = fmt.Sprintf("raise limits.max_budget, now %v, to %v or more", most, enough)
		if r.BudgetBasis == BudgetOwn || r.BudgetBasis == BudgetSettings {
			r.BudgetRemedy += fmt.Sprintf(", and give the model budget: %v in its %s", enough, ConfigFile)
		}
	default:
		r.BudgetRemedy = fmt.Sprintf("give the model budget: %v in its %s, or have clients ask for more with each request", enough, ConfigFile)
	}
}

// BudgetText is the budget and where it comes from.
func (r *Report) BudgetText() string {
	words := map[BudgetBasis]string{
		BudgetOwn:      "of " + ConfigFile,
		BudgetSettings: "of scheduler.budget",
		BudgetMeasured: "five times the measured row, rounded up",
		BudgetLeast:    "the default",
	}
	if word, known := words[r.BudgetBasis]; known {
		return fmt.Sprintf("%v (%s)", r.Budget, word)
	}
	return r.Budget.String()
}

// writeBudget prints the budget for people.
func (r *Report) writeBudget(p *page) {
	if r.Budget > 0 && r.Refusal() == nil {
		p.item(2, "budget", r.BudgetText())
	}
	if r.BudgetShort != "" {
		p.item(2, "", "TOO SHORT: "+r.BudgetShort+"; "+r.BudgetRemedy)
	}
}

// logBudget warns of a version whose requests are refused unless they ask for more.
func (r *Registry) logBudget(v *Version) {
	if report := v.Report; report.BudgetShort != "" {
		r.opts.Log.Warn("the budget is too short for one row", zap.String("model", v.Name), zap.String("version", v.Version),
			zap.String("reason", report.BudgetShort), zap.Duration("row", report.Row), zap.Duration("budget", report.Budget), zap.String("remedy", report.BudgetRemedy))
	}
}
