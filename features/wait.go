package features

import (
	"slices"
	"time"

	"sluice/internal/clock"
)

// timeLocked sets the timer for the next limit of a part, if there is one at which no read ends by itself.
func (f *Fetch) timeLocked(now clock.Instant) {
	next := clock.Never
	for i := range f.parts {
		if p := &f.parts[i]; p.pending > 0 && !p.endsItself {
			next = min(next, p.limit)
		}
	}
	if next != clock.Never {
		f.timed = true
		f.timer.Reset(max(next.Sub(now), 0))
	}
}

// untime stops the timer of a fetch that has ended.
func (f *Fetch) untime() {
	if f.timed {
		f.timer.Stop()
	}
}

// takeLocked takes what a read has for a waiter, if it is still awaited. It tells whether the fetch ends with it.
func (f *Fetch) takeLocked(w waiter, r *read) (ended bool) {
	if w.epoch != f.epoch || f.slots[w.slot].outcome != pending {
		return false
	}
	s := &f.slots[w.slot]
	return f.settleLocked(s, r.outcome[s.key], r.contents[s.key])
}

// settleLocked sets the outcome of a slot that is pending, and copies the row if it came. It tells whether the slot was
// the last.
func (f *Fetch) settleLocked(s *slot, what outcome, has about) (ended bool) {
	s.outcome, s.about = what, has
	if what == came {
		rows, key := &s.read.rows, int(s.key)
		s.time = rows.Time(key)
		if s.whole = rows.Whole(key); s.whole == nil {
			f.makeRoom()
			copy(f.rows[s.rowAt:], rows.Row(key))
			copy(f.states[s.statesAt:], rows.States(key))
		}
	}
	f.parts[s.part].pending--
	f.mu.pending--
	if f.mu.pending > 0 {
		return false
	}
	f.mu.armed = false
	return true
}

// makeRoom makes the memory of rows that are copied: where all stay where they are none is needed.
func (f *Fetch) makeRoom() {
	if len(f.rows) == 0 {
		f.rows = slices.Grow(f.rows, f.rowBytes)[:f.rowBytes]
		f.states = slices.Grow(f.states, f.stateBytes)[:f.stateBytes]
	}
}

// end tells the waiter. Whoever has settled the last slot calls it, once.
func (f *Fetch) end() {
	f.untime()
	f.wall = time.Now().UnixNano()
	f.waiter.Fetched()
}

// expire gives up the slots whose group's limit has passed. It may be called late, for a fetch that has ended or is
// another request's: it looks at limits alone.
func (f *Fetch) expire() {
	now := clock.Now()
	ended := false
	f.mu.Lock()
	if f.mu.armed {
		ended = f.giveUpLocked(now)
	}
	if f.mu.armed {
		f.timeLocked(now)
	}
	f.mu.Unlock()
	if ended {
		f.end()
	}
}

// giveUpLocked ends the wait for what has not come by its limit. What a read that is still under way has completed
// counts. Such a read cannot be another one by now: it is not used again before it has delivered to each of its
// waiters, for which it needs the fetch's lock. It tells whether the fetch ends.
func (f *Fetch) giveUpLocked(now clock.Instant) (ended bool) {
	for i := range f.slots {
		s := &f.slots[i]
		if s.outcome != pending || f.parts[s.part].limit > now {
			continue
		}
		what, has := timedOut, absent
		if r := s.read; r.opened.Load() && r.rows.IsDone(int(s.key)) {
			what, has = came, r.about(int(s.key))
		}
		ended = f.settleLocked(s, what, has) || ended
	}
	return ended
}

// Cancel ends a fetch now. If it returns true, the waiter is not called any more; if it returns false, it was or is about
// to be. Reads go on for others and for the cache.
func (f *Fetch) Cancel() bool {
	f.mu.Lock()
	ended := f.mu.armed && f.giveUpLocked(clock.Never)
	f.mu.Unlock()
	if ended {
		f.untime()
		f.wall = time.Now().UnixNano()
	}
	return ended
}

// Release gives the fetch back. It has ended, or was never started.
func (f *Fetch) Release() {
	if f.started {
		f.account()
	}
	f.mu.Lock()
	f.epoch++
	f.mu.Unlock()
	f.waiter, f.started = nil, false
	if len(f.rows)+len(f.keys) > maxPooled || len(f.slots) > 64*usualKeys {
		return
	}
	clear(f.slots) // they hold rows of the cache
	clear(f.parts)
	f.slots, f.parts, f.keys, f.bytes = f.slots[:0], f.parts[:0], f.keys[:0], 0
	f.index.reset(usualKeys)
	f.engine.fetches.Put(f)
}
