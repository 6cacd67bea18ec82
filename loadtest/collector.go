package loadtest

import (
	"runtime/debug"
	"sync"
)

// collector counts the runs that keep Go's collector out: it would stop the sending thread.
var collector struct {
	sync.Mutex
	runs    int
	percent int
	limit   int64
}

// memoryLimit is where the collector comes back. Schedules and samples are there before a run,
// and what is allocated during one is little.
const memoryLimit = 12 << 30

// restCollector keeps the collector out until what it returns is called.
func restCollector() (back func()) {
	c := &collector
	c.Lock()
	defer c.Unlock()
	if c.runs++; c.runs == 1 {
		c.percent, c.limit = debug.SetGCPercent(-1), debug.SetMemoryLimit(memoryLimit)
	}
	return func() {
		c.Lock()
		defer c.Unlock()
		if c.runs--; c.runs == 0 {
			debug.SetGCPercent(c.percent)
			debug.SetMemoryLimit(c.limit)
		}
	}
}
