package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/task"
)

// cycle is traffic in steady state: each step n items arrive, one batch completes and
// the next is sealed, with waiting items in between.
type cycle struct {
	s     *Scheduler
	now   clock.Instant
	items []Item
	next  int
	batch Batch
	out   Decisions
	keys  int
	mixed bool
}

// newCycle has waiting items in the queue all the time.
func newCycle(t fataler, waiting, keys int, mixed bool) *cycle {
	s := New(SchedulerOptions{})
	device0(t, s, DeviceOptions{Name: "d", Lanes: 1})
	add(t, s, ModelOptions{MaxBatch: 16, Budget: time.Hour}, 0, line(16, 100*time.Microsecond, 10*time.Microsecond))
	return cycleOn(t, s, waiting, keys, mixed)
}

// newSpilling is newCycle for a model with a second device, which is full: each item asks
// both.
func newSpilling(t fataler, waiting int) *cycle {
	r := two(t, FallbackBudget, line(16, 100*time.Microsecond, 10*time.Microsecond), flat(20*time.Hour), DeviceOptions{})
	c := cycleOn(t, r.s, waiting, 1, false)
	r.s.models[0].pressure.on = true
	return c
}

// newSharing is newCycle on the first of so many peers, the others of which are busy.
func newSharing(t fataler, waiting, peers int) *cycle {
	t.Helper()
	kinds, curves := make([]string, peers), make([]cost.Curve, peers)
	for i := range peers {
		kinds[i], curves[i] = "gpu", line(8, 100*time.Microsecond, 10*time.Microsecond)
	}
	s := fleet(t, FallbackBudget, kinds, curves).s
	for i := 1; i < peers; i++ {
		s.devices[i].lanes[0].state, s.devices[i].lanes[0].end = laneActive, clock.Instant(time.Minute)
		s.devices[i].active = 1
	}
	return cycleOn(t, s, waiting, 1, false)
}

func cycleOn(t fataler, s *Scheduler, waiting, keys int, mixed bool) *cycle {
	c := &cycle{s: s, items: make([]Item, 2*waiting+64), keys: keys, mixed: mixed}
	c.arrive()
	if !s.Next(c.now, 0, 0, &c.batch, &c.out) {
		t.Fatalf("no batch of what waits")
	}
	for range waiting {
		c.arrive()
	}
	return c
}

func (c *cycle) arrive() {
	for c.items[c.next].state != itemFree {
		c.next = (c.next + 1) % len(c.items)
	}
	it := &c.items[c.next]
	budget := time.Hour
	if c.mixed {
		budget += time.Duration(c.next%7) * time.Minute
	}
	*it = Item{Rows: 1, Arrived: c.now, Deadline: c.now.Add(budget), Class: task.Normal, Key: uint64(c.next % c.keys)}
	c.s.Arrive(c.now, it, &c.out)
	c.next = (c.next + 1) % len(c.items)
}

// step returns how many requests it has brought from arrival to completion.
func (c *cycle) step() int {
	n := len(c.batch.Items)
	for range n {
		c.arrive()
	}
	c.now = c.now.Add(200 * time.Microsecond)
	c.s.Complete(c.now, &c.batch, Ran, &c.out)
	if !c.s.Next(c.now, 0, 0, &c.batch, &c.out) {
		panic("BUG: nothing to run in steady state")
	}
	c.out.Reset()
	return n
}

func BenchmarkRequest(b *testing.B) {
	on := func(name string, start func(fataler) *cycle) {
		b.Run(name, func(b *testing.B) {
			c := start(b)
			b.ReportAllocs()
			requests := 0
			for b.Loop() {
				requests += c.step()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(requests), "ns/request")
			b.ReportMetric(float64(requests)/float64(b.N), "requests/batch")
		})
	}
	f := func(name string, waiting, keys int, mixed bool) {
		on(name, func(t fataler) *cycle { return newCycle(t, waiting, keys, mixed) })
	}
	f("1 queued", 1, 1, false)
	f("64 queued", 64, 1, false)
	f("1024 queued", 1024, 1, false)
	f("1024 queued, mixed budgets", 1024, 1, true)
	f("1024 queued, 64 keys", 1024, 64, true)
	on("64 queued, two devices", func(t fataler) *cycle { return newSpilling(t, 64) })
	on("64 queued, 64 peers", func(t fataler) *cycle { return newSharing(t, 64, 64) })
}
