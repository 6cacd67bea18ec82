package bundle

import (
	"testing"
	"time"
)

func TestAutomaticBudget(t *testing.T) {
	f := func(row, most, want time.Duration, basis BudgetBasis) {
		t.Helper()
		if got, why := AutomaticBudget(row, most); got != want || why != basis {
			t.Errorf("a row of %v, at most %v: %v (%s), want %v (%s)", row, most, got, why, want, basis)
		}
	}
	const ms, long = time.Millisecond, 10 * time.Minute
	f(0, long, 100*ms, BudgetLeast)
	f(50*time.Microsecond, long, 100*ms, BudgetLeast)
	f(20*ms, long, 100*ms, BudgetLeast)
	f(20*ms+1, long, 200*ms, BudgetMeasured)
	f(40*ms, long, 200*ms, BudgetMeasured)
	f(41*ms, long, 500*ms, BudgetMeasured)
	f(100*ms, long, 500*ms, BudgetMeasured)
	f(101*ms, long, time.Second, BudgetMeasured)
	f(584*ms, long, 5*time.Second, BudgetMeasured)
	f(600*ms, long, 5*time.Second, BudgetMeasured)
	f(1001*ms, long, 10*time.Second, BudgetMeasured)
	f(25*time.Second, long, 200*time.Second, BudgetMeasured)
	f(4*time.Minute, long, 10*time.Minute, BudgetMeasured)
	f(584*ms, 2*time.Second, 2*time.Second, BudgetMeasured)
	f(0, 50*ms, 50*ms, BudgetLeast)
}
