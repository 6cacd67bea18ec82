package serve

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

	before int // the Go scheduler's processors before leaveRoom; 0 if it has changed nothing
}

// planThreads finds the cores. Threads are pinned where all cores that the process may run on are
// its own: the kernel moves a thread that never sleeps only after many milliseconds, and
// meanwhile two busy ones can share a core beside an idle one. Under a container's quota there
// are more cores than the process may use, and which are free is the kernel's to know.
func planThreads() *threads {
	t := &threads{cores: runtime.GOMAXPROCS(0)}
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
func (t *threads) leaveRoom(lanes int) {
	if os.Getenv("GOMAXPROCS") == "" {
		t.before = runtime.GOMAXPROCS(lanes + t.cores + 1)
	}
}

// giveBack undoes leaveRoom: the next server of this process finds its cores by that number.
func (t *threads) giveBack() {
	if t.before > 0 {
		runtime.GOMAXPROCS(t.before)
		t.before = 0
	}
}

// laneNice is the niceness of the threads that run models on the CPU. A run lasts for milliseconds
// and the HTTP work for microseconds: with equal rights the kernel lets a worker wait for the rest of
// a run's time slice, and with 10 a lane beside a busy worker, or a busy neighbour, gets a tenth of
// the core. With 5 it gets a quarter. That workers are not busy with cheap answers while runs
// wait is the gateway's part (gateway/http/loop/yield.go).
const laneNice = 5

// lane binds a CPU lane's goroutine to a thread of its own and makes that thread nicer than the
// others. The cores are used to the full either way.
func (t *threads) lane(i int) {
	runtime.LockOSThread()
	// Where it is not allowed, the lanes run with the priority of everything else.
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), laneNice)
	t.pin(i)
}

// worker binds a worker of an event loop to a core.
func (t *threads) worker(i int) {
	if t.cpus != nil {
		runtime.LockOSThread()
		t.pin(i)
	}
}

// pin keeps the current thread on a core; where that is not allowed it runs on any.
func (t *threads) pin(i int) {
	if t.cpus == nil {
		return
	}
	var set unix.CPUSet
	set.Set(t.cpus[i%len(t.cpus)])
	_ = unix.SchedSetaffinity(0, &set)
}
