package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// overload is traffic of mixed budgets at a multiple of what one lane can do: while a batch of 16
// rows runs, so many requests arrive, and what is hopeless is refused or dropped.
func overload(b *testing.B, load float64, budgets []time.Duration) {
	s := New(SchedulerOptions{})
	device0(b, s, DeviceOptions{Name: "d", Lanes: 1})
	add(b, s, ModelOptions{MaxBatch: 16, Budget: budgets[0]}, 0, line(16, 100*time.Microsecond, 10*time.Microsecond))
	items := make([]Item, 8192)
	var batch Batch
	var out Decisions
	var now clock.Instant
	next, requests, admitted, running := 0, 0, 0, false
	gap := time.Duration(float64(260*time.Microsecond) / 16 / load)
	arrive := func() {
		for items[next].state != itemFree {
			next = (next + 1) % len(items)
		}
		it := &items[next]
		now = now.Add(gap)
		*it = Item{Rows: 1, Arrived: now, Deadline: now.Add(budgets[requests%len(budgets)]), Class: task.Normal}
		if s.Arrive(now, it, &out).Admitted {
			admitted++
		}
		requests++
		next = (next + 1) % len(items)
	}
	b.ReportAllocs()
	for b.Loop() {
		end := now.Add(260 * time.Microsecond)
		if running {
			end = max(now, batch.Start.Add(time.Duration(100+10*batch.Rows)*time.Microsecond))
		}
		for now < end {
			arrive()
		}
		if running {
			s.Complete(now, &batch, Ran, &out)
		}
		running = s.Next(now, 0, 0, &batch, &out)
		out.Reset()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(requests), "ns/request")
	b.ReportMetric(float64(admitted)/float64(requests), "admitted/request")
}

func BenchmarkOverload(b *testing.B) {
	mixed := []time.Duration{5 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond}
	f := func(name string, load float64, budgets []time.Duration) {
		b.Run(name, func(b *testing.B) { overload(b, load, budgets) })
	}
	f("equal budgets, 0.9", 0.9, mixed[1:2])
	f("equal budgets, 1.5", 1.5, mixed[1:2])
	f("mixed budgets, 0.9", 0.9, mixed)
	f("mixed budgets, 1.5", 1.5, mixed)
}
