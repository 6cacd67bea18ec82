package engine

import (
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// thread is the operating system's thread that the engine runs on, with prompt timers, a good
// place in the queue for a core and, if asked for, one core alone.
//
// The goroutine is not locked to its thread. The runtime asks every goroutine to step aside
// after ten milliseconds; one that is locked is then started again by another thread, which
// takes a virtual machine some 100 us, while one that is not goes on at once. If it does come
// to another thread, that one is set up likewise.
type thread struct {
	opt  *Options
	id   atomic.Int32
	last clock.Instant // when it stepped aside
	was  settings
	// used is the CPU time that threads have spent on the engine, from what the present one had
	// used when the engine came to it.
	used atomic.Int64
	from int64
}

// settings of a thread, to be given back.
type settings struct {
	cpus     unix.CPUSet
	niceness int
	policy   *unix.SchedAttr
}

// restEvery is how often the engine steps aside of itself: sooner than it would be told to.
const restEvery = 5 * time.Millisecond

func (t *thread) take(o *Options) {
	if runtime.GOMAXPROCS(0) < 2 {
		runtime.GOMAXPROCS(2) // or nothing else of this process would ever run
	}
	t.opt = o
	t.from = threadTime()
	t.setUp()
}

// account counts what has been used since the engine last stepped aside, if it has stayed on its
// thread. Nobody outside can, where there are processors to spare and the engine comes to
// another thread time and again.
func (t *thread) account() {
	if int32(unix.Gettid()) == t.id.Load() {
		t.used.Add(threadTime() - t.from)
	}
}

// threadTime is the CPU time of the present thread, in nanoseconds.
func threadTime() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now) // it cannot fail on one's own thread
	return now.Nano()
}

// rest lets the runtime have the processor if it is time, and says whether it was. It usually
// gives it back at once.
func (t *thread) rest(now clock.Instant) bool {
	if now.Sub(t.last) < restEvery {
		return false
	}
	t.last = now
	t.account()
	runtime.Gosched()
	t.from = threadTime()
	if int32(unix.Gettid()) != t.id.Load() {
		t.release()
		t.setUp()
	}
	return true
}

func (t *thread) setUp() {
	id := unix.Gettid()
	t.id.Store(int32(id))
	_ = unix.SchedGetaffinity(0, &t.was.cpus)
	t.was.niceness, _ = unix.Getpriority(unix.PRIO_PROCESS, id)
	t.was.policy, _ = unix.SchedGetAttr(0, 0)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	if t.opt.CPU >= 0 {
		var set unix.CPUSet
		set.Set(t.opt.CPU)
		_ = unix.SchedSetaffinity(0, &set) // where it is refused the thread runs anywhere
	}
	realtime := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	if !t.opt.RealTime || unix.SchedSetAttr(0, &realtime, 0) != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, id, -10) // likewise
	}
}

// release gives the thread back as it was. It may be called from another one.
func (t *thread) release() {
	id := int(t.id.Load())
	if t.was.policy != nil {
		_ = unix.SchedSetAttr(id, t.was.policy, 0)
	}
	_ = unix.SchedSetaffinity(id, &t.was.cpus)
	// What the system call gives is 20 less the niceness.
	_ = unix.Setpriority(unix.PRIO_PROCESS, id, 20-t.was.niceness)
}
