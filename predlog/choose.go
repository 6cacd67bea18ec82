package predlog

import (
	"math"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
	"sluice/predlog/table"
)

// chooser says which requests are recorded, and how.
type chooser struct {
	threshold uint64 // a draw below it is of the sample
	weight    float64
	draw      func() uint64 // 63 random bits
	index     bool
	limits    [NumKinds]limiter
	worst     maximum

	requests atomic.Uint64
	kinds    [NumKinds]atomic.Uint64
}

// choice is what becomes of a request.
type choice struct {
	seen bool // it is chosen by some rule
	// write says that it is recorded; else it is seen and dropped for its kind's limit.
	write   bool
	tensors string
	weight  float64
	keptFor string
}

func (c *chooser) init(o *Options) {
	c.threshold, c.draw, c.index = uint64(o.Sample*(1<<63)), o.draw, o.Index
	if o.Sample > 0 {
		c.weight = 1 / o.Sample
	}
	for k := range c.limits {
		c.limits[k].most = uint32(o.Keep[k])
	}
}

// choose counts a request and says what becomes of it.
func (c *chooser) choose(r *Record) choice {
	c.requests.Add(1)
	now := r.Arrived.Add(r.Total)
	kinds := r.Kinds
	if r.Budget > 0 && c.limits[Worst].most > 0 && c.worst.raise(now, float32(r.Total)/float32(r.Budget)) {
		kinds = kinds.With(Worst)
	}
	for k := range NumKinds {
		if kinds.Has(k) {
			c.kinds[k].Add(1)
		}
	}
	if c.threshold > 0 && c.draw() < c.threshold {
		return choice{seen: true, write: true, tensors: table.TensorsKept, weight: c.weight}
	}
	without := choice{seen: c.index, write: c.index, tensors: table.TensorsNotSampled}
	for k := range NumKinds {
		switch l := &c.limits[k]; {
		case !kinds.Has(k) || l.most == 0:
		case l.admit(now):
			return choice{seen: true, write: true, tensors: table.TensorsKept, keptFor: k.String()}
		default:
			without.seen, without.tensors = true, table.TensorsCapped
		}
	}
	return without
}

// limiter admits so many in each second of the monotonic clock.
type limiter struct {
	most   uint32
	window atomic.Uint64 // the second, and how many it has admitted
}

func (l *limiter) admit(now clock.Instant) bool {
	for {
		w := l.window.Load()
		second, n := max(secondOf(now), w>>32), uint32(w) // one that is told late counts into the newest
		if second > w>>32 {
			n = 0
		}
		if n >= l.most {
			return false
		}
		if l.window.CompareAndSwap(w, second<<32|uint64(n+1)) {
			return true
		}
	}
}

// maximum is the largest share of each second.
type maximum struct {
	window atomic.Uint64 // the second, and the bits of the share
}

// raise reports whether the share is larger than all before it in its second.
func (m *maximum) raise(now clock.Instant, share float32) bool {
	for {
		w := m.window.Load()
		second := secondOf(now)
		if second < w>>32 || second == w>>32 && share <= math.Float32frombits(uint32(w)) {
			return false
		}
		if m.window.CompareAndSwap(w, second<<32|uint64(math.Float32bits(share))) {
			return true
		}
	}
}

// secondOf counts from 1, so that the zero window is before all.
func secondOf(now clock.Instant) uint64 {
	return uint64(uint32(max(now, 0)/clock.Instant(time.Second))) + 1
}
