package loadtest

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// collector counts the runs that keep Go's collector out: it would stop the sending thread.
var collector struct {
	sync.Mutex
	runs    int
	percent int
	limit   int64
}

// headroom is by how much the process may grow until the collector comes back. Schedules and
// samples are there before a run, and what is allocated during one is little: some hundred
// kilobytes a second.
const headroom = 256 << 20

// restCollector keeps the collector out, in the whole process, until what it returns is
// called. The process's own memory limit stays in force.
func restCollector() (back func()) {
	c := &collector
	c.Lock()
	defer c.Unlock()
	if c.runs++; c.runs == 1 {
		runtime.GC() // or what the preparation has left would be collected under load
		c.percent, c.limit = debug.SetGCPercent(-1), debug.SetMemoryLimit(-1)
	}
	debug.SetMemoryLimit(min(c.limit, inUse()+headroom))
	return func() {
		c.Lock()
		defer c.Unlock()
		if c.runs--; c.runs == 0 {
			debug.SetGCPercent(c.percent)
			debug.SetMemoryLimit(c.limit)
		}
	}
}

// inUse is the memory that a limit counts, in bytes.
func inUse() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}

// latencyRequest is where Linux takes the longest that a core may need to wake, in µs: four
// bytes, which hold until the file is closed. See its "PM Quality Of Service Interface".
const latencyRequest = "/dev/cpu_dma_latency"

// keepAwake writes a request, at latencyRequest, that keeps the cores from sleeping until what it
// returns is called: one that has nothing to do waits for work without stopping, and takes it
// up in a few µs less.
func keepAwake(request string) (asleep func(), err error) {
	f, err := os.OpenFile(request, os.O_WRONLY, 0)
	if err == nil {
		if _, err = f.Write(make([]byte, 4)); err == nil {
			return func() { _ = f.Close() }, nil
		}
		_ = f.Close()
	}
	return nil, fmt.Errorf("cannot keep the cores awake: %w (it takes root and a Linux that has this file)", err)
}
