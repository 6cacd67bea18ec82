package sim

import (
	"strings"
	"testing"
	"time"

	"sluice/internal/cost"
	"sluice/internal/task"
	"sluice/internal/traffic"
)

// listed is a source of given arrivals.
type listed []Arrival

func (l *listed) Next(a *Arrival) bool {
	if len(*l) == 0 {
		return false
	}
	*a, *l = (*l)[0], (*l)[1:]
	return true
}

func TestSourceTakesThePlaceOfAStream(t *testing.T) {
	cfg := one(cost.Curve{{Rows: 1, P50: time.Millisecond}, {Rows: 4, P50: 4 * time.Millisecond}}, 4, traffic.Load{}, 0, time.Second)
	cfg.Warmup = 0
	cfg.Streams = []Stream{{Source: &listed{
		{At: 0, Rows: 1, Budget: 10 * time.Millisecond, Class: task.High},
		{At: 100 * time.Millisecond, Rows: 1, Budget: time.Microsecond},
		{At: 2 * time.Second, Rows: 1, Budget: time.Second}, // after the end
	}}}
	r := mustRun(t, cfg, NewEager(4))
	if r.Arrived != 2 || r.OK != 1 || r.Late != 1 {
		t.Errorf("counts %+v, want one in time and one late", r.Count)
	}
}

func TestImpossibleArrivalsAreFaults(t *testing.T) {
	f := func(want string, arrivals ...Arrival) {
		t.Helper()
		cfg := one(cost.Curve{{Rows: 1, P50: time.Millisecond}}, 4, traffic.Load{}, 0, time.Second)
		source := listed(arrivals)
		cfg.Streams = []Stream{{Source: &source}}
		r, err := Run(cfg, NewEager(4))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.Faults, "\n"); !strings.Contains(got, want) {
			t.Errorf("faults %q, want one with %q", got, want)
		}
	}
	f("an arrival at 1ms follows one at 2ms", Arrival{At: 2e6, Rows: 1, Budget: 1}, Arrival{At: 1e6, Rows: 1, Budget: 1})
	f("model 1; there are 1", Arrival{Model: 1, Rows: 1, Budget: 1})
	f("5 rows; the largest batch is 4", Arrival{Rows: 5, Budget: 1})
	f("0 rows", Arrival{Budget: 1})
	f("a budget of 0s", Arrival{Rows: 1})
	f("of class 3", Arrival{Rows: 1, Budget: 1, Class: 3})
}
