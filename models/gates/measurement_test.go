package gates

import (
	"testing"
	"time"

	"sluice/models/inputs"
)

// TestMeasurement gives the median of each round; want is whether it is steady, and
// the cost that counts.
func TestMeasurement(t *testing.T) {
	f := func(rounds []time.Duration, steady bool, p50, p95 time.Duration) {
		t.Helper()
		m := measurement{batch: make([]inputs.Request, 4), first: 99}
		for _, median := range rounds {
			for i := range runsPerRound {
				m.times = append(m.times, median+time.Duration(i-runsPerRound/2+1))
			}
		}
		if got := m.steady(); got != steady {
			t.Errorf("%v: steady %v", rounds, got)
		}
		if p := m.point(); p.Rows != 4 || p.P50 != p50 || p.P95 != p95 {
			t.Errorf("%v: %+v, want %d and %d", rounds, p, p50, p95)
		}
	}
	f(nil, false, 99, 99)
	f([]time.Duration{1000}, false, 1000, 1005)
	f([]time.Duration{1000, 1000}, false, 1000, 1005)
	f([]time.Duration{1000, 1050, 1000}, true, 1000, 1054)
	f([]time.Duration{3000, 3000, 1000}, false, 1000, 3005)
	f([]time.Duration{3000, 3000, 1000, 1090}, true, 1000, 3004)
	f([]time.Duration{3000, 1000, 1150, 1101}, false, 1000, 3003)
}

func TestMeasurementIgnoresABrokenRound(t *testing.T) {
	m := measurement{batch: make([]inputs.Request, 1)}
	for range runsPerRound {
		m.times = append(m.times, 100)
	}
	m.times = append(m.times, 1)
	if p := m.point(); p.P50 != 100 {
		t.Errorf("one lucky run became the cost: %v", p.P50)
	}
	m.times = m.times[runsPerRound:]
	if p := m.point(); p.P50 != 1 {
		t.Errorf("the only run is not the cost: %v", p.P50)
	}
}

func TestQuantile(t *testing.T) {
	f := func(q float64, want time.Duration, times ...time.Duration) {
		t.Helper()
		if got := quantile(times, q); got != want {
			t.Errorf("quantile %v of %v is %d, want %d", q, times, got, want)
		}
	}
	f(0.5, 7, 7)
	f(0.95, 7, 7)
	f(0.5, 2, 3, 2, 1)
	f(0.5, 2, 4, 3, 2, 1)
	f(0.95, 4, 4, 3, 2, 1)
	f(0, 1, 2, 1)
}
