// Package cputime reads how long processes and threads have run, user and system time together,
// to the nanosecond. The usual counts are in hundredths of a second.
package cputime

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Process is what a process has run, threads that have ended included.
func Process(pid int) (time.Duration, error) {
	const scheduled = 2 // the clock of the time on a core
	var t unix.Timespec
	// Another process's clock, numbered as clock_getcpuclockid(3) numbers it.
	if err := unix.ClockGettime(int32(^pid)<<3|scheduled, &t); err != nil {
		return 0, fmt.Errorf("cannot read the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// Thread is what the present thread has run. Only a goroutine that is locked to its thread can
// relate two readings.
func Thread() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) // it cannot fail on one's own thread
	return time.Duration(t.Nano())
}
