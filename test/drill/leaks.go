package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
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

func holdings(g *rig.Gateway) (h holding, err error) {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.PID()))
	if err != nil {
		return h, err
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", g.PID()))
	if err != nil {
		return h, err
	}
	n, err := g.Counters("go_goroutines")
	if err != nil {
		return h, err
	}
	h = holding{descriptors: len(fds), threads: len(tasks), goroutines: int(n), children: len(memory.Children(g.PID()))}
	h.memory, err = memory.PSS(g.PID())
	return h, err
}

func (h holding) String() string {
	return strings.Join([]string{
		strconv.Itoa(h.descriptors) + " descriptors", strconv.Itoa(h.threads) + " threads", strconv.Itoa(h.goroutines) + " goroutines",
		strconv.Itoa(h.children) + " children", strconv.FormatInt(h.memory>>20, 10) + " MiB",
	}, ", ")
}

// leaks is P18: what is held at rest after two rounds of the same, so that caches are warm at the first look.
func (d *drill) leaks() (v verdict, err error) {
	b, err := d.breakable()
	if err != nil {
		return v, err
	}
	defer b.Stop(stopLimit) //nolint:errcheck // the figures are in
	var seen []holding
	for range 3 {
		t := b.Traffic(b.Gateway)
		t.Pick = mixed(b.Questions, append(bad(), leaving(b.Questions, time.Millisecond)...), 0.3)
		_, err := under(t, func(func() time.Duration) error {
			for begun := time.Now(); time.Since(begun) < scaled(18*time.Second); {
				if err := b.Order(fake.Orders{Fail: true}); err != nil {
					return err
				}
				time.Sleep(500 * time.Millisecond)
				if err := b.Order(fake.Orders{}); err != nil {
					return err
				}
				if _, _, err := rig.Post(b.Admin, "/v2/repository/models/small/load", ""); err != nil {
					return err
				}
				if err := b.back(15 * time.Second); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return v, err
		}
		time.Sleep(2 * time.Second)
		h, err := holdings(b.Gateway)
		if err != nil {
			return v, err
		}
		seen = append(seen, h)
	}
	first, last := seen[1], seen[2]
	v.held = last.descriptors <= first.descriptors+2 && last.threads <= first.threads+2 && last.goroutines <= first.goroutines+4 &&
		last.children <= first.children && float64(last.memory) <= 1.1*float64(first.memory)
	v.figure = fmt.Sprintf("at rest after the second round: %v; after the third: %v; `make soak` has the long run", first, last)
	return v, nil
}
