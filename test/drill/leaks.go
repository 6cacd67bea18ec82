package main

import (
	"fmt"
	"os"
	"time"

	"sluice/backends/fake"
	"sluice/internal/memory"
	"sluice/test/rig"
)

// holding is what a process holds that it must give back.
type holding struct {
	descriptors, threads, goroutines, children int
	memory                                     int64
}

func (t *trial) holdings(g *rig.Gateway) holding {
	count := func(dir string) int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", g.PID(), dir))
		t.must(err)
		return len(entries)
	}
	return holding{
		descriptors: count("fd"), threads: count("task"), goroutines: int(t.counters(g, "go_goroutines")),
		children: len(memory.Children(g.PID())), memory: t.memoryOf(g),
	}
}

func (h holding) String() string {
	return fmt.Sprintf("%d descriptors, %d threads, %d goroutines, %d children, %d MiB", h.descriptors, h.threads, h.goroutines, h.children, h.memory>>20)
}

// leaks is P18: what is held at rest after two rounds of the same, so that caches are warm at the first look.
func (t *trial) leaks() (v verdict) {
	b := t.breakable()
	var seen []holding
	for range 3 {
		traffic := b.Traffic(b.Gateway)
		traffic.Pick = mixed(b.Questions, append(bad(), leaving(b.Questions, time.Millisecond)...), 0.3)
		under(traffic, func(func() time.Duration) {
			for begun := time.Now(); time.Since(begun) < scaled(18*time.Second); {
				b.order(fake.Orders{Fail: true})
				time.Sleep(500 * time.Millisecond)
				b.mend()
			}
		})
		time.Sleep(2 * time.Second)
		seen = append(seen, t.holdings(b.Gateway))
	}
	first, last := seen[1], seen[2]
	v.held = last.descriptors <= first.descriptors+2 && last.threads <= first.threads+2 && last.goroutines <= first.goroutines+4 &&
		last.children <= first.children && float64(last.memory) <= 1.1*float64(first.memory)
	v.figure = fmt.Sprintf("at rest after the second round: %v; after the third: %v; `make soak` has the long run", first, last)
	return v
}
