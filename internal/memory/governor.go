package memory

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// reserve is the part of the ceiling that Go leaves free: an eighth. A tenth is for the kernel, which
// charges page tables, socket buffers and the pages of the programs themselves; the rest is for what the
// others come to take between two looks.
const reserve = 8

// headroom is how much more than what is in use Go gets at least, in tenths: with less it would
// collect garbage all the time.
const headroom = 13

// Usage is what the memory of a process tree is spent on.
type Usage struct {
	// Others is what this process and its children take beside Go's heap: sessions, shared memory,
	// workers, trials. Pages of files are not counted, since the kernel can drop them.
	Others int64
	// Live is what Go has in use: live objects, stacks and its own tables.
	Live int64
}

// Governor gives Go's runtime what the others leave of a ceiling, again and again: what sessions and
// workers take changes with each load, and trials come and go.
type Governor struct {
	ceiling int64
	own     bool // GOMEMLIMIT is set: the limit is the operator's
	goLimit atomic.Int64
	garbage atomic.Bool // much of what Go holds is no longer used
	changed func(goLimit, live int64)

	mu struct {
		sync.Mutex
		samples []metrics.Sample
	}
}

// governEvery is how often the limit is set anew. Reading costs some tenths of a millisecond.
const governEvery = time.Second

// NewGovernor makes a governor for a ceiling of bytes. own leaves Go's limit as it is, for an operator
// who has set GOMEMLIMIT. changed is told Go's limit and what it has in use after each look; nil for nobody.
func NewGovernor(ceiling int64, own bool, changed func(goLimit, live int64)) *Governor {
	if changed == nil {
		changed = func(int64, int64) {}
	}
	g := &Governor{ceiling: ceiling, own: own, changed: changed}
	g.mu.samples = make([]metrics.Sample, len(runtimeMetrics))
	for i, name := range runtimeMetrics {
		g.mu.samples[i].Name = name
	}
	g.goLimit.Store(debug.SetMemoryLimit(-1))
	return g
}

// Run adjusts the limit until quit is closed.
func (g *Governor) Run(quit <-chan struct{}) {
	tick := time.NewTicker(governEvery)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
			if g.garbage.Swap(false) {
				g.Release()
			} else {
				g.Adjust()
			}
		}
	}
}

// Ceiling is the most that the process tree may take.
func (g *Governor) Ceiling() int64 { return g.ceiling }

// GoLimit is the limit that Go has.
func (g *Governor) GoLimit() int64 { return g.goLimit.Load() }

// Adjust sets Go's limit by what is used now.
func (g *Governor) Adjust() {
	g.mu.Lock()
	defer g.mu.Unlock()
	u, err := g.usageLocked()
	if err != nil {
		return // the limit that holds is as good as any
	}
	limit := g.goLimit.Load()
	if !g.own {
		limit = goLimit(g.ceiling, u)
		if was := g.goLimit.Swap(limit); was != limit {
			debug.SetMemoryLimit(limit)
		}
	}
	g.changed(limit, u.Live)
}

// goLimit is what Go may take: the ceiling without the reserve and what the others take, and
// never less than it needs to work.
func goLimit(ceiling int64, u Usage) int64 {
	return max(ceiling-ceiling/reserve-u.Others, u.Live/10*headroom)
}

// Loaded says that something large was loaded or unloaded: what it left is released soon.
func (g *Governor) Loaded() { g.garbage.Store(true) }

// Release collects garbage and returns what Go has freed to the system: after a load most of what was
// read to make a session is garbage, which the collector would find later.
func (g *Governor) Release() {
	debug.FreeOSMemory()
	g.Adjust()
}

// The runtime's own figures, in the order of samples.
var runtimeMetrics = []string{
	"/memory/classes/total:bytes", "/memory/classes/heap/released:bytes", "/gc/heap/live:bytes",
	"/memory/classes/heap/objects:bytes", "/memory/classes/heap/free:bytes", "/memory/classes/heap/unused:bytes",
}

const (
	goTotal = iota
	goReleased
	goLive
	goObjects
	goFree
	goUnused
)

func (g *Governor) valueLocked(i int) int64 {
	return int64(min(g.mu.samples[i].Value.Uint64(), math.MaxInt64))
}

// goMappedLocked is what Go's limit counts.
func (g *Governor) goMappedLocked() int64 { return g.valueLocked(goTotal) - g.valueLocked(goReleased) }

// goLiveLocked is live objects, of the latest collection, and all that is not the heap.
func (g *Governor) goLiveLocked() int64 {
	rest := g.goMappedLocked() - g.valueLocked(goObjects) - g.valueLocked(goFree) - g.valueLocked(goUnused)
	return g.valueLocked(goLive) + max(rest, 0)
}

func (g *Governor) usageLocked() (Usage, error) {
	metrics.Read(g.mu.samples)
	own, err := unreclaimable(os.Getpid(), "RssAnon:", "RssShmem:", "VmPTE:", "VmSwap:")
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Others: max(own-g.goMappedLocked(), 0), Live: g.goLiveLocked()}
	for _, child := range Tree(os.Getpid())[1:] {
		n, _ := unreclaimable(child, "RssAnon:", "VmPTE:", "VmSwap:") // what it shares is in ours; it may have ended
		u.Others += n
	}
	return u, nil
}

// unreclaimable is what a process takes that belongs to no file.
func unreclaimable(pid int, fields ...string) (total int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for _, name := range fields {
		n, _ := field(string(text), name)
		total += n
	}
	return total, nil
}
