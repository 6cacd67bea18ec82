package main

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// threads is where the lanes and the workers of the event loops run.
type threads struct {
	cores int // as the container's limit has them
	// cpus are the processors that lanes and workers are pinned to, one after the other; nil
	// if none is pinned.
	cpus []int
}

// planThreads finds the cores. Threads are pinned where all cores that the process may run on are
// its own: the kernel moves a thread that never sleeps only after many milliseconds, and
// meanwhile two busy ones can share a core beside an idle one. Under a container's quota there
// are more cores than the process may use, and which are free is the kernel's to know.
func planThreads() threads {
	t := threads{cores: runtime.GOMAXPROCS(0)}
	var allowed unix.CPUSet
	if unix.SchedGetaffinity(0, &allowed) != nil || allowed.Count() != t.cores {
		return t
	}
	for cpu := 0; len(t.cpus) < t.cores; cpu++ {
		if allowed.IsSet(cpu) {
			t.cpus = append(t.cpus, cpu)
		}
	}
	return t
}

// leaveRoom gives the Go scheduler a processor for each lane and each worker, and one more: a
// run or a wait holds its processor inside C or the kernel until the runtime's monitor takes it
// back. With none to spare the others wait for that, and the monitor never rests.
func (t threads) leaveRoom(lanes int) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(lanes + t.cores + 1)
	}
}

// lane binds a CPU lane's goroutine to a thread of its own. It has the priority of everything else:
// nicer threads lose whatever the workers and the neighbours on the machine want. That the workers
// leave the lanes their share is the gateway's part (gateway/yield.go).
func (t threads) lane(i int) {
	runtime.LockOSThread()
	t.pin(i)
}

// worker binds a worker of an event loop to a core.
func (t threads) worker(i int) {
	if t.cpus != nil {
		runtime.LockOSThread()
		t.pin(i)
	}
}

// pin keeps the current thread on a core; where that is not allowed it runs on any.
func (t threads) pin(i int) {
	if t.cpus == nil {
		return
	}
	var set unix.CPUSet
	set.Set(t.cpus[i%len(t.cpus)])
	_ = unix.SchedSetaffinity(0, &set)
}
