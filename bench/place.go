package main

import (
	"fmt"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// allowed are the processors that this process may run on.
func allowed() (cpus []int) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// bind keeps a thread on a processor.
func bind(thread, cpu int) {
	var set unix.CPUSet
	set.Set(cpu)
	_ = unix.SchedSetaffinity(thread, &set) // where it is refused the thread runs anywhere
}

// together moves all threads of the processes to the first processor, and returns which one it is
// and what puts them back. Two that take turns on one processor are woken by a switch between
// them; on two, each waking starts an idle processor, which takes a virtual machine some
// 50 us, or not, as the kernel happens to place them.
func together(pids ...int) (cpu int, back func(), err error) {
	cpus := allowed()
	if len(cpus) == 0 {
		return 0, nil, fmt.Errorf("cannot find out which processors may be used")
	}
	var threads []int
	for _, pid := range pids {
		all, err := procfs.AllThreads(pid)
		if err != nil {
			return 0, nil, fmt.Errorf("cannot list the threads of a server: %w", err)
		}
		for _, thread := range all {
			threads = append(threads, thread.PID)
		}
	}
	was := make(map[int]unix.CPUSet, len(threads))
	for _, id := range threads {
		var set unix.CPUSet
		if unix.SchedGetaffinity(id, &set) == nil {
			was[id] = set
			bind(id, cpus[0])
		}
	}
	return cpus[0], func() {
		for id, set := range was {
			_ = unix.SchedSetaffinity(id, &set) // it may have ended
		}
	}, nil
}
