package predlog

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// lowest is the niceness of a thread that everything else goes before.
const lowest = 19

// lowerPriority has the goroutine that calls it run behind all others of the machine. Its thread is its own from
// then on and ends with it, since a niceness cannot be lowered again without a privilege.
func lowerPriority() {
	runtime.LockOSThread()
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), lowest)
}
