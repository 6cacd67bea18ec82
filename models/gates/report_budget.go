package gates

import (
	"fmt"
	"time"

	"sluice/internal/units"
	"sluice/models/bundle"
)

// BudgetReport is what requests to a version have that name no budget, and whether it suffices.
type BudgetReport struct {
	Budget      time.Duration      `json:"budget_ns,omitempty"`
	BudgetBasis bundle.BudgetBasis `json:"budget_basis,omitempty"`
	// Row is what one row takes on the preferred device; 0 if no row is known.
	Row time.Duration `json:"row_ns,omitempty"`
	// BudgetShort says that one row takes longer than the budget on every device that serves
	// the version, and BudgetRemedy what to do; empty if it does not.
	BudgetShort  string `json:"budget_short,omitempty"`
	BudgetRemedy string `json:"budget_remedy,omitempty"`
}

// noteBudget writes into the report what requests have for an answer, and whether that is enough
// for a row on the quickest of the devices that serve the version.
func (r *Report) noteBudget(c *bundle.Config, most time.Duration) {
	r.Budget, r.BudgetBasis = max(c.Budget, 0), c.BudgetFrom
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
	r.BudgetShort = fmt.Sprintf("one row takes %v on %s and the budget is %v", units.Round(row), quickest.Device, r.Budget)
	enough, _ := bundle.AutomaticBudget(row, bundle.MaxBudget)
	switch {
	case r.BudgetBasis == bundle.BudgetMeasured || r.BudgetBasis == bundle.BudgetLeast || enough > most:
		r.BudgetRemedy = fmt.Sprintf("raise limits.max_budget, now %v, to %v or more", most, enough)
		if r.BudgetBasis == bundle.BudgetOwn || r.BudgetBasis == bundle.BudgetSettings {
			r.BudgetRemedy += fmt.Sprintf(", and give the model budget: %v in its %s", enough, bundle.ConfigFile)
		}
	default:
		r.BudgetRemedy = fmt.Sprintf("give the model budget: %v in its %s, or have clients ask for more with each request", enough, bundle.ConfigFile)
	}
}

// BudgetText is the budget and where it comes from.
func (r *Report) BudgetText() string {
	words := map[bundle.BudgetBasis]string{
		bundle.BudgetOwn:      "of " + bundle.ConfigFile,
		bundle.BudgetSettings: "of scheduler.budget",
		bundle.BudgetMeasured: "five times the measured row, rounded up",
		bundle.BudgetLeast:    "the default",
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
