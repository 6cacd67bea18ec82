package watch

import (
	"runtime/debug"
	"time"

	"github.com/prometheus/procfs"

	"sluice/loadtest/result"
)

// pacer follows the thread that sends, through its account with the kernel's scheduler.
type pacer struct {
	proc procfs.FS
	pid  int
	tid  func() int // 0 while there is none

	now  int
	last procfs.ProcSchedstat
}

// Pacing is what the thread that sends had of the processor.
type Pacing struct {
	// Cores is what it used, and Wait the share of time in which it was ready and had no core.
	Cores, Wait float64
	// SliceWait is how long it waited for each of its turns, on average.
	SliceWait time.Duration
	// Turns is how often it got a core.
	Turns uint64
}

// look returns what has happened since the last look; false on the first look at a thread.
func (p *pacer) look(span time.Duration) (Pacing, bool) {
	tid := p.tid()
	if tid <= 0 {
		return Pacing{}, false
	}
	thread, err := p.proc.Thread(p.pid, tid)
	if err != nil {
		return Pacing{}, false
	}
	s, err := thread.Schedstat()
	if err != nil {
		return Pacing{}, false
	}
	last, known := p.last, tid == p.now
	p.now, p.last = tid, s
	if !known || s.RunTimeslices < last.RunTimeslices {
		return Pacing{}, false
	}
	waited := time.Duration(s.WaitingNanoseconds - last.WaitingNanoseconds)
	out := Pacing{
		Cores: time.Duration(s.RunningNanoseconds-last.RunningNanoseconds).Seconds() / span.Seconds(),
		Wait:  waited.Seconds() / span.Seconds(),
		Turns: s.RunTimeslices - last.RunTimeslices,
	}
	if out.Turns > 0 {
		out.SliceWait = waited / time.Duration(out.Turns)
	}
	return out, true
}

// pauses follows the stops of this process's own collector.
type pauses struct {
	stats debug.GCStats
	seen  int64 // collections
}

// look returns the longest stop of a collection since the last look, or since the start.
func (p *pauses) look() (longest time.Duration) {
	debug.ReadGCStats(&p.stats)
	fresh := min(int(p.stats.NumGC-p.seen), len(p.stats.Pause))
	p.seen = p.stats.NumGC
	for _, d := range p.stats.Pause[:fresh] { // the latest come first
		longest = max(longest, d)
	}
	return longest
}

// host follows the machine.
type host struct {
	proc     procfs.FS
	last     procfs.CPUStat
	pressure time.Duration // -1 if unknown
	known    bool
}

// look returns the machine's shares since the last look; false on the first.
func (h *host) look(span time.Duration) (out result.Host, ok bool) {
	stat, err := h.proc.Stat()
	if err != nil {
		return out, false
	}
	pressure := time.Duration(-1)
	if p, err := h.proc.PSIStatsForResource("cpu"); err == nil && p.Some != nil {
		pressure = time.Duration(p.Some.Total) * time.Microsecond
	}
	now := stat.CPUTotal
	last, waited, known := h.last, h.pressure, h.known
	h.last, h.pressure, h.known = now, pressure, true
	total := all(now) - all(last)
	if !known || total <= 0 {
		return out, false
	}
	out.Steal = share(now.Steal, last.Steal, total)
	out.Busy = max(0, 1-share(now.Idle+now.Iowait, last.Idle+last.Iowait, total)-out.Steal)
	out.CPUPressure = -1
	if waited >= 0 && pressure >= waited {
		out.CPUPressure = min(1, (pressure-waited).Seconds()/span.Seconds())
	}
	return out, true
}

// all is the time of all cores since the machine's start. Guest time is contained in user time.
func all(s procfs.CPUStat) float64 {
	return s.User + s.Nice + s.System + s.Idle + s.Iowait + s.IRQ + s.SoftIRQ + s.Steal
}

// share is 0 where the kernel takes back what it has counted, as it may with idle time.
func share(now, before, total float64) float64 { return min(1, max(now-before, 0)/total) }
