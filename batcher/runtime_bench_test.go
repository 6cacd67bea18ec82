package batcher

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/task"
)

// quick is a runner that takes no time.
type quick struct{}

func (quick) Run(int, []task.Part, clock.Instant) (task.Timing, error) {
	now := clock.Now()
	return task.Timing{Gathered: now, Done: now}, nil
}

func (quick) Scatter(int, []task.Part) error { return nil }

// tally counts the tasks that have ended.
type tally struct{ ended atomic.Int32 }

func (t *tally) Ended() task.Waker {
	t.ended.Add(1)
	return nil
}

// crowd submits requests in steady state and runs them on its own goroutine.
type crowd struct {
	b     *Batcher
	m     *Model
	tally tally
}

func newCrowd(t testing.TB) *crowd {
	t.Helper()
	b, err := Start(Options{Devices: []policy.DeviceOptions{{Name: "cpu", Lanes: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.Add(Spec{Name: "m", MaxBatch: 16, Outputs: 1, Budget: time.Second, Placements: []Placement{
		{Device: "cpu", Runner: quick{}, Curve: cost.Curve{{Rows: 1, P50: time.Microsecond}, {Rows: 16, P50: 2 * time.Microsecond}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return &crowd{b: b, m: m}
}

// step has n requests of one row answered.
func (c *crowd) step(n int) {
	c.tally.ended.Store(0)
	for range n {
		t := task.Get()
		t.Rows, t.Waiter, t.Arrived = 1, &c.tally, clock.Now()
		t.Deadline = t.Arrived.Add(time.Second)
		if err := c.m.Submit(t); err != nil {
			panic(err)
		}
		t.Release()
	}
	for more := true; more; {
		more, _ = c.b.Run()
	}
	for int(c.tally.ended.Load()) < n { // the lane's goroutine took over
		runtime.Gosched()
	}
}

func BenchmarkSubmit(b *testing.B) {
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprint(n, " requests"), func(b *testing.B) {
			c := newCrowd(b)
			defer c.b.Close()
			b.ReportAllocs()
			for b.Loop() {
				c.step(n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/request")
		})
	}
}
