package gates

import (
	"testing"
	"time"

	"sluice/internal/cost"
	"sluice/models/bundle"
)

// Where no row is known nothing was measured, and nothing is said of it.
func TestNoteBudget(t *testing.T) {
	const ms = time.Millisecond
	device := func(name string, state DeviceState, row time.Duration) DeviceReport {
		d := DeviceReport{Device: name, State: state, Measured: row > 0}
		if row > 0 {
			d.Curve = append(d.Curve, costPoint(row))
		}
		return d
	}
	f := func(name string, c bundle.Config, most, row time.Duration, short, remedy string, devices ...DeviceReport) {
		t.Helper()
		r := Report{Devices: devices}
		if r.noteBudget(&c, most); r.Row != row || r.BudgetShort != short || r.BudgetRemedy != remedy {
			t.Errorf("%s: row %v, %q, %q; want %v, %q, %q", name, r.Row, r.BudgetShort, r.BudgetRemedy, row, short, remedy)
		}
	}
	fixed := bundle.Config{Budget: 100 * ms, BudgetFrom: bundle.BudgetSettings}
	const long = 10 * time.Minute
	f("no row is known", fixed, long, 0, "", "", device("cpu", Placed, 0))
	f("in time", fixed, long, 90*ms, "", "", device("cpu", Placed, 90*ms))
	f("the fallback makes it", fixed, long, 584*ms, "", "", device("cpu", Placed, 584*ms), device("cuda:0", Placed, 4*ms))
	f("a device that is left out does not count", fixed, long, 584*ms, "one row takes 584ms on cpu and the budget is 100ms",
		"give the model budget: 5s in its model.yaml, or have clients ask for more with each request", device("cuda:0", LeftOut, 4*ms), device("cpu", Placed, 584*ms))
	f("the quickest is named", fixed, long, 900*ms, "one row takes 584ms on cpu and the budget is 100ms",
		"give the model budget: 5s in its model.yaml, or have clients ask for more with each request", device("cuda:0", Placed, 900*ms), device("cpu", Placed, 584*ms))
	f("the most is too little", bundle.Config{Budget: 500 * ms, BudgetFrom: bundle.BudgetMeasured}, 500*ms, 584*ms, "one row takes 584ms on cpu and the budget is 500ms",
		"raise limits.max_budget, now 500ms, to 5s or more", device("cpu", Placed, 584*ms))
	f("both are", fixed, 500*ms, 584*ms, "one row takes 584ms on cpu and the budget is 100ms",
		"raise limits.max_budget, now 500ms, to 5s or more, and give the model budget: 5s in its model.yaml", device("cpu", Placed, 584*ms))
}

func costPoint(row time.Duration) cost.Point { return cost.Point{Rows: 1, P50: row, P95: row} }
