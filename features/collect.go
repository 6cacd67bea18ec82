package features

import (
	"context"
	"slices"
	"time"

	"sluice/features/store"
	"sluice/internal/clock"
)

// maxKeys is how many keys one read has at most. A request that wants more of a group has them read in several.
const maxKeys = 512

// collect has the slots of a part's list read, but for those that it refuses.
func (g *Group) collect(f *Fetch, p *part, now clock.Instant) {
	var joined joined
	wanted, slow := 0, time.Duration(g.source.slow.Load())
	if slow == 0 {
		slow = g.opt.Budget
	}
	g.mu.Lock()
	others := g.mu.all // a key of this fetch is in none that it begins itself
	for at := p.first; at != none; {
		s := &f.slots[at]
		number, waits := at, s.outcome == pending
		at = s.next // before a read may deliver
		r, i := g.joinLocked(others, p.generation, s.hash, f.key(s), now, slow)
		switch {
		case r == nil && waits:
			s.outcome = failed
			p.refused++
		case r == nil:
		case waits:
			s.read, s.key = r, int32(i)
			r.waiters = append(r.waiters, waiter{f, f.epoch, number})
			r.until = max(r.until, p.limit)
			wanted++
			joined.add(r)
		default:
			r.until = max(r.until, now.Add(g.opt.Budget))
		}
	}
	begun := g.pumpLocked(now)
	p.endsItself = g.onward != nil && joined.endBy(p.limit)
	g.mu.Unlock()
	g.source.stats.wanted.Add(uint64(wanted))
	g.source.stats.full.Add(uint64(p.refused))
	g.begin(begun, now)
}

// joinLocked finds a read for a key: one of others that has it, or the last of those that wait. It is nil if too many keys wait.
func (g *Group) joinLocked(others []*read, generation, hash uint64, key store.Key, now clock.Instant, slow time.Duration) (*read, int) {
	for _, r := range slices.Backward(others) {
		if r.generation != generation || r.begun && now.Sub(r.started) > slow {
			continue
		}
		if i := r.find(hash, key); i >= 0 {
			return r, i
		}
	}
	if g.mu.keys >= g.source.opt.Waiting {
		return nil, 0
	}
	var r *read
	if n := len(g.mu.waiting); n > 0 {
		r = g.mu.waiting[n-1]
	}
	if r == nil || len(r.keys) == maxKeys || r.generation != generation || now >= r.until {
		r = g.reads.Get().(*read)
		r.generation, r.born = generation, now
		g.mu.all = append(g.mu.all, r)
		g.mu.waiting = append(g.mu.waiting, r)
	}
	g.mu.keys++
	return r, r.add(hash, key)
}

// pumpLocked takes the reads that are to begin now off those that wait, as a list.
func (g *Group) pumpLocked(now clock.Instant) (begun *read) {
	opt, end := &g.source.opt, &begun
	for len(g.mu.waiting) > 0 {
		r := g.mu.waiting[0]
		due := r.born.Add(opt.Window)
		switch {
		case now >= r.until:
			r.expired = true
		case g.mu.underWay >= opt.Reads:
			return begun
		case g.mu.underWay > 0 && len(r.keys) < opt.FlushKeys && len(g.mu.waiting) == 1 && now < due:
			g.timer.Reset(due.Sub(now))
			return begun
		}
		g.mu.waiting = slices.Delete(g.mu.waiting, 0, 1)
		g.mu.keys -= len(r.keys)
		g.mu.underWay++
		r.begun, r.started = true, now
		*end, end = r, &r.next
		if g.onward != nil && !g.mu.ending {
			g.mu.ending = true
			g.ends.Reset(g.opt.Budget)
		}
	}
	return begun
}

// begin starts the reads of a list. Those that are refused have a goroutine, too: it tells waiters that are not of the request
// whose goroutine this is.
func (g *Group) begin(r *read, now clock.Instant) {
	for r != nil {
		next := r.next
		r.next, r.refusal = nil, g.admit(r, now)
		g.engine.workers.Run(r)
		r = next
	}
}

// admit tells whether a read may ask the store: came if so, otherwise the outcome of its rows.
func (g *Group) admit(r *read, now clock.Instant) outcome {
	stats := &g.source.stats
	if r.expired {
		stats.expired.Add(uint64(len(r.keys)))
		return timedOut
	}
	epoch, ok := g.source.allow(now)
	if !ok {
		stats.refused.Add(uint64(len(r.keys)))
		return failed
	}
	if !g.engine.enter() {
		return failed
	}
	r.epoch = epoch
	return came
}

// forgetLocked ends that keys may join a read.
func (g *Group) forgetLocked(r *read) {
	if i := slices.Index(g.mu.all, r); i >= 0 {
		g.mu.all = slices.Delete(g.mu.all, i, i+1)
	}
}

// endLate ends the reads whose limit has passed, each on a goroutine of its own, since it tells waiters. The timer is set anew for
// the next one, so that it is armed once for many reads.
func (g *Group) endLate() {
	now := clock.Now()
	next := clock.Never
	g.mu.Lock()
	for _, r := range g.mu.all {
		if !r.begun {
			continue
		}
		until := r.started.Add(g.opt.Budget)
		switch {
		case now < until:
			next = min(next, until)
		case !r.opened.Load(): // its goroutine has not come to it, or refuses it
			next = min(next, now.Add(time.Millisecond))
		case r.over.CompareAndSwap(false, true):
			go r.end(true, context.DeadlineExceeded)
		}
	}
	if g.mu.ending = next != clock.Never; g.mu.ending {
		g.ends.Reset(next.Sub(now))
	}
	g.mu.Unlock()
}

// joined is the reads that the slots of a part have joined: mostly one.
type joined struct {
	reads [4]*read
	n     int
}

func (j *joined) add(r *read) {
	if j.n > 0 && j.reads[min(j.n, len(j.reads))-1] == r {
		return
	}
	if j.n < len(j.reads) {
		j.reads[j.n] = r
	}
	j.n++
}

// endBy tells whether they are surely over by an instant.
func (j *joined) endBy(limit clock.Instant) bool {
	if j.n > len(j.reads) {
		return false
	}
	for _, r := range j.reads[:j.n] {
		if !r.begun || r.started.Add(r.group.opt.Budget) > limit {
			return false
		}
	}
	return true
}
