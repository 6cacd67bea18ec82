package sim

import (
	"math"
	"strings"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/traffic"
)

// one is a configuration of one model on one lane.
func one(curve cost.Curve, maxBatch int, arrivals traffic.Load, budget, length time.Duration) Config {
	return Config{
		Devices: []Device{{Name: "gpu", Lanes: 1}},
		Models:  []Model{{"model", maxBatch, []cost.Curve{curve}}},
		Streams: []Stream{{Arrivals: arrivals, Budget: budget}},
		Seed:    1, Warmup: length / 20, Length: length,
	}
}

func mustRun(t *testing.T, cfg Config, p Policy) *Result {
	t.Helper()
	r, err := Run(cfg, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Faults {
		t.Error(f)
	}
	return r
}

// The engine against theory: Poisson arrivals, one server, constant service time.
func TestEngineAgreesWithQueueingTheory(t *testing.T) {
	const service = time.Millisecond
	f := func(load float64) {
		t.Helper()
		cfg := one(cost.Curve{{Rows: 1, P50: service}}, 1, traffic.Steady(load*1000, 1), time.Hour, 400*time.Second)
		r := mustRun(t, cfg, NewEager(1))
		var sum time.Duration
		for _, l := range r.latencies {
			sum += l
		}
		got := (sum / time.Duration(len(r.latencies))).Seconds() * 1000
		want := 1 + load/(2*(1-load)) // Pollaczek and Khinchine
		if math.Abs(got/want-1) > 0.03 {
			t.Errorf("load %g: mean latency %.3f ms, theory says %.3f", load, got, want)
		}
		if busy := r.Devices[0].Busy.Seconds() / r.End.Sub(0).Seconds(); math.Abs(busy-load) > 0.01 {
			t.Errorf("load %g: lane busy for %.3f of the time", load, busy)
		}
	}
	f(0.3)
	f(0.6)
	f(0.8)
}

func TestTimeoutControlWaitsForItsDelay(t *testing.T) {
	f := func(gap time.Duration, most int, wantBatch float64, wantLongest time.Duration) {
		t.Helper()
		curve := cost.Curve{{Rows: 1, P50: time.Millisecond}, {Rows: 8, P50: time.Millisecond}}
		cfg := one(curve, 8, traffic.Steady(float64(time.Second/gap), 0), time.Second, 10*time.Second)
		r := mustRun(t, cfg, NewTimeout(most, 5*time.Millisecond))
		if got := r.Devices[0].MeanBatch(); math.Abs(got-wantBatch) > 0.1 {
			t.Errorf("gap %v: mean batch %.2f, want %.2f", gap, got, wantBatch)
		}
		if got := r.Latency(0.99); got != wantLongest {
			t.Errorf("gap %v: 99th percentile %v, want %v", gap, got, wantLongest)
		}
	}
	f(10*time.Millisecond, 8, 1, 6*time.Millisecond) // the delay runs out with one request
	f(time.Millisecond, 4, 4, 4*time.Millisecond)    // full after three gaps
}

// broken is an Eager that goes wrong in one way.
type broken struct {
	*Eager
	how  string
	last *Request
}

func (p *broken) Next(now clock.Instant, lane Lane, b *Batch) bool {
	ok := p.Eager.Next(now, lane, b)
	if !ok {
		return false
	}
	switch p.how {
	case "forget":
		return false
	case "twice":
		if p.last != nil {
			b.Requests, b.Rows, b.Padded = []*Request{p.last}, 1, 1
		}
	case "drop what runs":
		b.Dropped = append(b.Dropped, b.Requests[0])
	case "large":
		b.Padded = 99
	case "model":
		b.Model = 5
	}
	p.last = b.Requests[0]
	return true
}

func TestLedgerCatchesBrokenPolicies(t *testing.T) {
	f := func(how, want string) {
		t.Helper()
		cfg := one(cost.Curve{{Rows: 1, P50: time.Millisecond}}, 4, traffic.Steady(100, 1), time.Second, time.Second)
		r, err := Run(cfg, &broken{Eager: NewEager(4), how: how})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.Faults, "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: faults %q, want one with %q", how, got, want)
		}
	}
	f("forget", "never ended")
	f("twice", "was sealed twice, or after its end")
	f("drop what runs", "was sealed twice, or after its end")
	f("large", "padded to 99 of at most 4")
	f("model", "model 5")
}

func TestAuditCatchesAnIdleLane(t *testing.T) {
	cfg := one(cost.Curve{{Rows: 1, P50: time.Millisecond}}, 4, traffic.Steady(100, 1), time.Second, time.Second)
	cfg.Audit = true
	mustRun(t, cfg, NewEager(4))
	r, err := Run(cfg, NewTimeout(4, 5*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Faults) == 0 {
		t.Error("a policy that waits on purpose passed the audit of work conservation")
	}
}

func TestBadConfigurationsAreNamed(t *testing.T) {
	f := func(change func(*Config), want string) {
		t.Helper()
		cfg := one(cost.Curve{{Rows: 1, P50: time.Millisecond}}, 4, traffic.Steady(100, 1), time.Second, time.Second)
		change(&cfg)
		if _, err := Run(cfg, NewEager(4)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	f(func(c *Config) { c.Length = 0 }, "length is 0s")
	f(func(c *Config) { c.Devices[0].Lanes = 0 }, "0 lanes")
	f(func(c *Config) { c.Models[0].Curves = nil }, "0 curves for 1 devices")
	f(func(c *Config) { c.Streams[0].Model = 1 }, "model 1; there are 1")
	f(func(c *Config) { c.Streams[0].Rows = 5 }, "5 rows; the largest batch is 4")
	f(func(c *Config) { c.Streams[0].Budget = 0 }, "budget of 0s")
	f(func(c *Config) { c.Streams[0].Arrivals = traffic.Load{} }, "no rate")
}
