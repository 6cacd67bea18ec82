package selftest

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"sluice/loadtest"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/search"
	"sluice/loadtest/stub"
	"sluice/loadtest/watch"
)

// The queue, and what it must hold. With a limit of fourteen services the share of late requests
// more than doubles where the rate grows by 5 %, so short probes tell rates apart; the tool's own
// delay of some 50 µs moves the capacity by less than 1 %. Simulated with 24 seeds, a search of
// these lengths is off by 1.3 % in the median and 4.2 % at most, and takes 19 s at most.
const (
	service   = 200 * time.Microsecond
	objective = "p90<2.8ms,err<1%,wrong==0"
	near      = 0.05
	// again is how soon a search must be over to be tried a second time: one whose probes were
	// spoilt and repeated has taken the time of both.
	again = 20 * time.Second
)

// capacity searches for the capacity of a queue that theory knows the capacity of.
func capacity(ctx context.Context, t *test) error {
	o, err := result.ParseObjective(objective)
	if err != nil {
		return err
	}
	theory := search.MD1Capacity(service, o.Limit, o.Quantile)
	began := time.Now()
	for try := 1; ; try++ {
		found, host, err := searchQueue(ctx, t, o, theory, uint64(try))
		if err != nil {
			return err
		}
		off := found.Capacity/theory - 1
		ok := math.Abs(off) <= near
		if !ok && try < attempts && time.Since(began) < again {
			continue
		}
		why := spoilt(found)
		if why == "" {
			why = busyHost(host)
		}
		t.weigh(ok, why, "a queue that takes %v for each request holds %s up to %.0f/s; theory says %.0f (%+.1f %%, at most %.0f) after %d probes",
			service, objective, found.Capacity, theory, 100*off, 100*near, len(found.Probes))
		return nil
	}
}

// searchQueue makes one search, and says what the machine did meanwhile.
func searchQueue(ctx context.Context, t *test, o result.Objective, theory float64, seed uint64) (found *result.Capacity, host result.Host, err error) {
	w, err := watch.Start(watch.Options{})
	if err != nil {
		return nil, host, err
	}
	began := time.Now()
	err = with(fmt.Sprintf("queue=%v", service), func(s *stub.Server) error {
		c := loadtest.CapacityOptions{
			Options: t.options(s), Warmup: 200 * time.Millisecond, NoRecovery: true,
			Search: search.Options{
				Objective: o, Low: 0.6 * theory, High: 1.3 * theory, ProbeLength: time.Second, ConfirmLength: 2 * time.Second, Confirmations: 1, Precision: 0.03,
			},
		}
		c.Seed = seed
		c.Target.Payload = payload.Options{Protocol: payload.Binary, Variants: 32}
		r, _, err := loadtest.Capacity(ctx, c)
		if err == nil {
			found = r.Capacity
		}
		return err
	})
	w.Stop()
	return found, w.Between(began, time.Now(), 0, 0).Host, err
}

// spoilt says how many probes of a search the machine has spoilt; "" if none.
func spoilt(c *result.Capacity) string {
	n, why := 0, ""
	for _, p := range c.Probes {
		if strings.HasPrefix(p.Why, "invalid") {
			n++
			why = p.Why
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d probes are spoilt (%s)", n, len(c.Probes), why)
}
