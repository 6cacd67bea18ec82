package watch

import (
	"math"
	"runtime/metrics"
	"strconv"
	"time"
)

// pacer follows the thread that sends, through its account with the kernel's scheduler.
type pacer struct {
	files files
	pid   int
	tid   func() int // 0 while there is none

	now  int
	last schedule
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
	text, err := p.files.read(procPath(p.pid, "task/"+strconv.Itoa(tid)+"/schedstat"))
	if err != nil {
		return Pacing{}, false
	}
	s, err := parseSchedule(text)
	if err != nil {
		return Pacing{}, false
	}
	last, known := p.last, tid == p.now
	p.now, p.last = tid, s
	if !known || s.slices < last.slices {
		return Pacing{}, false
	}
	out := Pacing{
		Cores: (s.run - last.run).Seconds() / span.Seconds(),
		Wait:  (s.wait - last.wait).Seconds() / span.Seconds(),
		Turns: s.slices - last.slices,
	}
	if out.Turns > 0 {
		out.SliceWait = (s.wait - last.wait) / time.Duration(out.Turns)
	}
	return out, true
}

// pauses follows the stops of this process's own collector.
type pauses struct {
	sample []metrics.Sample
	counts []uint64
}

// look returns the longest stop since the last look, rounded up to the runtime's next bucket.
func (p *pauses) look() time.Duration {
	if p.sample == nil {
		p.sample = []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	}
	metrics.Read(p.sample)
	if p.sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return 0
	}
	h := p.sample[0].Value.Float64Histogram()
	longest := 0.0
	if len(p.counts) == len(h.Counts) {
		for i, n := range h.Counts {
			if n <= p.counts[i] {
				continue
			}
			if longest = h.Buckets[i+1]; math.IsInf(longest, 1) {
				longest = h.Buckets[i]
			}
		}
	}
	p.counts = append(p.counts[:0], h.Counts...)
	return time.Duration(max(longest, 0) * float64(time.Second))
}

// host follows the machine.
type host struct {
	files    files
	last     processor
	pressure time.Duration // -1 if unknown
	known    bool
}

// look returns the machine's shares since the last look; false on the first.
func (h *host) look(span time.Duration) (out hostShares, ok bool) {
	text, err := h.files.read("proc/stat")
	if err != nil {
		return out, false
	}
	p, err := parseProcessor(text)
	if err != nil {
		return out, false
	}
	pressure := time.Duration(-1)
	if text, err := h.files.read("proc/pressure/cpu"); err == nil {
		if d, err := parsePressure(text); err == nil {
			pressure = d
		}
	}
	last, waited, known := h.last, h.pressure, h.known
	h.last, h.pressure, h.known = p, pressure, true
	if !known || p.total <= last.total {
		return out, false
	}
	total := float64(p.total - last.total)
	out.steal = share(p.steal, last.steal, total)
	out.busy = max(0, 1-share(p.idle, last.idle, total)-out.steal)
	out.pressure = -1
	if waited >= 0 && pressure >= waited {
		out.pressure = min(1, (pressure-waited).Seconds()/span.Seconds())
	}
	return out, true
}

type hostShares struct{ steal, busy, pressure float64 }

// share is 0 where the kernel takes back what it has counted, as it may with idle time.
func share(now, before uint64, total float64) float64 {
	return min(1, float64(max(now, before)-before)/total)
}
