package engine

import (
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
	"sluice/internal/cputime"
)

// thread is the operating system's thread that the engine runs on, with prompt timers, a good
// place in the queue for a core and, if asked for, one core alone.
//
// The goroutine is locked to it. The runtime asks every goroutine to step aside after ten
// milliseconds, and one that is locked is then started again by way of another thread, which
// takes some 100 us. One that is not locked comes to another thread each time instead, and
// the threads that the runtime wakes for that look for work on the target's cores.
type thread struct {
	id   atomic.Int32
	last clock.Instant // when it was accounted for
	was  settings
	from time.Duration // CPU time of the thread before the engine came
	used atomic.Int64  // since then
}

// settings of a thread, to be given back.
type settings struct {
	cpus     unix.CPUSet
	niceness int
	policy   *unix.SchedAttr
}

// take makes the thread that calls it the engine's.
func (t *thread) take(o *Options) {
	if runtime.GOMAXPROCS(0) < 2 {
		runtime.GOMAXPROCS(2) // or nothing else of this process would ever run
	}
	runtime.LockOSThread()
	t.from = cputime.Thread()
	id := unix.Gettid()
	t.id.Store(int32(id))
	_ = unix.SchedGetaffinity(0, &t.was.cpus)
	t.was.niceness, _ = unix.Getpriority(unix.PRIO_PROCESS, id)
	t.was.policy, _ = unix.SchedGetAttr(0, 0)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	if o.CPU >= 0 {
		var set unix.CPUSet
		set.Set(o.CPU)
		_ = unix.SchedSetaffinity(0, &set) // where it is refused the thread runs anywhere
	}
	realtime := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	if !o.RealTime || unix.SchedSetAttr(0, &realtime, 0) != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, id, -10) // likewise
	}
}

// accountEvery is how often the engine looks at what it has used.
const accountEvery = 5 * time.Millisecond

// account counts what the engine has used, if it is time, and says whether it was.
func (t *thread) account(now clock.Instant) bool {
	if now.Sub(t.last) < accountEvery {
		return false
	}
	t.last = now
	t.used.Store(int64(cputime.Thread() - t.from))
	return true
}

// release gives the thread back as it was.
func (t *thread) release() {
	t.used.Store(int64(cputime.Thread() - t.from))
	if t.was.policy != nil {
		_ = unix.SchedSetAttr(0, t.was.policy, 0)
	}
	_ = unix.SchedSetaffinity(0, &t.was.cpus)
	// What the system call gives is 20 less the niceness.
	_ = unix.Setpriority(unix.PRIO_PROCESS, int(t.id.Load()), 20-t.was.niceness)
	runtime.UnlockOSThread()
}
