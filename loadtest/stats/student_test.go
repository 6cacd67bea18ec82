package stats

import (
	"math"
	"testing"
)

// TestStudent holds the distribution to a printed table.
func TestStudent(t *testing.T) {
	f := func(alpha float64, df int, want float64) {
		t.Helper()
		if got := StudentBound(alpha, df); math.Abs(got-want) > 6e-4*want {
			t.Errorf("t of %g and %d degrees of freedom: %.4f, want %.3f", alpha, df, got, want)
		}
	}
	f(0.05, 1, 12.706)
	f(0.05, 2, 4.303)
	f(0.05, 3, 3.182)
	f(0.05, 4, 2.776)
	f(0.05, 10, 2.228)
	f(0.05, 23, 2.069)
	f(0.05, 1000, 1.962)
	f(0.01, 5, 4.032)
	f(0.01, 30, 2.750)
	f(0.001, 7, 5.408)
}
