package features

import (
	"bytes"
	"sync/atomic"
	"time"
	"unsafe"

	"sluice/features/store"
	"sluice/internal/clock"
)

// about is what a row has.
type about uint8

const (
	absent   about = iota // nothing
	partial               // some values, or some that cannot be used
	complete              // all values
)

func (r *read) about(key int) about {
	if r.rows.Whole(key) != nil {
		return complete
	}
	g, states := r.group, r.rows.States(key)
	switch {
	case equal(states, g.allStates):
		return complete
	case equal(states, g.noStates):
		return absent
	}
	return partial
}

// equal compares states as the bytes that they are: for a hundred that is twenty times as fast as one by one.
func equal(a, b []store.State) bool {
	return bytes.Equal(unsafe.Slice((*byte)(unsafe.SliceData(a)), len(a)), unsafe.Slice((*byte)(unsafe.SliceData(b)), len(b)))
}

// waiter is a slot of a fetch that waits for a key of a read. The fetch may have ended and be another request's by the time
// the read delivers; the epoch tells.
type waiter struct {
	fetch *Fetch
	epoch uint64
	slot  int32
}

// read is one read of a group. Until it has begun, its group's lock guards it. From then on it belongs to its
// goroutine, but for waiters and until, and nobody changes the keys. The group's lock guards those two until the group has
// forgotten the read.
type read struct {
	group      *Group
	generation uint64
	keys       []store.Key
	hashes     []uint64
	bytes      []byte // of the keys
	index      index
	waiters    []waiter
	born       clock.Instant // when its first key came
	started    clock.Instant
	until      clock.Instant // when nobody waits for it any more
	begun      bool
	expired    bool // that instant passed before it began
	epoch      uint32
	refusal    outcome // of all rows, if it is not came
	next       *read   // in a list of those that begin

	rows     store.Rows
	opened   atomic.Bool // rows have their memory, and what is Done may be taken
	contents []about
	outcome  []outcome
	limit    *limit      // nil if the store is left behind
	due      due         // the context then
	over     atomic.Bool // whoever has set it then ends the read
}

func newRead(g *Group) *read {
	r := &read{group: g, until: longAgo}
	if g.onward == nil {
		r.limit = newLimit()
	}
	r.index.reset(maxKeys)
	return r
}

// find is the number of a key; -1 if the read does not have it.
func (r *read) find(hash uint64, key store.Key) int {
	for c := r.index.first(hash); ; c = r.index.next(c) {
		i := r.index.at(c)
		if i < 0 || r.hashes[i] == hash && bytes.Equal(r.keys[i], key) {
			return i
		}
	}
}

// add adds a key that the read does not have.
func (r *read) add(hash uint64, key store.Key) int {
	i, at := len(r.keys), len(r.bytes)
	r.bytes = append(r.bytes, key...)
	r.keys = append(r.keys, r.bytes[at:len(r.bytes):len(r.bytes)])
	r.hashes = append(r.hashes, hash)
	r.index.add(hash, i)
	return i
}

// run reads, and ends the read. A store that goes on beyond the limit keeps the memory of its read, which is not used again.
func (r *read) run() {
	if r.refusal != came {
		r.refuse()
		return
	}
	g := r.group
	r.rows.Reset(g.layout, len(r.keys))
	g.source.stats.inFlight.Add(1)
	if g.onward != nil {
		r.due.until = r.started.Add(g.opt.Budget)
		r.opened.Store(true)
		err := g.onward.ReadOn(&r.due, r.generation, r.keys, &r.rows)
		if r.over.CompareAndSwap(false, true) {
			r.end(false, err)
		}
		return
	}
	r.opened.Store(true)
	r.limit.arm(g.opt.Budget)
	err := g.reader.Read(r.limit, r.generation, r.keys, &r.rows)
	late := r.limit.disarm()
	if late {
		r.limit = newLimit()
	}
	r.end(late, err)
}

// end gives what has come to those who wait, then to the cache. Keys may join until it is in the cache, so that no request
// finds it in neither place.
func (r *read) end(late bool, err error) {
	g, stats, now := r.group, &r.group.source.stats, clock.Now()
	stats.inFlight.Add(-1)
	took := now.Sub(r.started)
	r.count(took, late, err)
	g.source.report(now, r.epoch, took, r.judge(late), late, err)

	g.mu.Lock()
	first := r.waiters
	g.mu.underWay--
	begun := g.pumpLocked(now)
	g.mu.Unlock()
	g.begin(begun, now)
	last := r.deliver(first, nil)
	if g.cached() {
		if last != nil {
			g.engine.tellers.Run(last)
			last = nil
		}
		r.keep(now, took)
	}
	g.mu.Lock()
	g.forgetLocked(r)
	rest := r.waiters[len(first):]
	g.mu.Unlock()
	last = r.deliver(rest, last)
	if !late || g.onward == nil { // else the store may still write into it
		r.recycle()
	}
	g.engine.leave()
	if last != nil {
		last.end()
	}
}

// keep puts what has come into the cache.
func (r *read) keep(now clock.Instant, took time.Duration) {
	for i, o := range r.outcome {
		if o == came {
			r.group.keep(r, i, now, took)
		}
	}
}

func (r *read) count(took time.Duration, late bool, err error) {
	stats := &r.group.source.stats
	stats.reads.Add(1)
	stats.keys.Add(uint64(len(r.keys)))
	stats.waiting.add(int64(r.started.Sub(r.born)))
	stats.reading.add(int64(took))
	switch {
	case late:
		stats.timeouts.Add(1)
	case err != nil:
		stats.failures.Add(1)
	}
}

// judge says what came of each row, and whether the store did well: a read that brings more than half of its rows
// does, since a store that has lost a part of its keys is still worth asking.
func (r *read) judge(late bool) (good bool) {
	done := 0
	for i := range r.keys {
		what, a := failed, absent
		switch {
		case r.rows.IsDone(i):
			what, a = came, r.about(i)
			done++
		case late:
			what = timedOut
		}
		r.outcome = append(r.outcome, what)
		r.contents = append(r.contents, a)
	}
	return 2*done > len(r.keys)
}

// refuse ends a read that does not ask the store.
func (r *read) refuse() {
	g, now := r.group, clock.Now()
	for range r.keys {
		r.outcome = append(r.outcome, r.refusal)
		r.contents = append(r.contents, absent)
	}
	g.mu.Lock()
	g.forgetLocked(r)
	g.mu.underWay--
	begun := g.pumpLocked(now)
	g.mu.Unlock()
	last := r.deliver(r.waiters, nil)
	r.recycle()
	g.begin(begun, now)
	if last != nil {
		last.end()
	}
}

// deliver gives waiters what came of their keys. A request goes on with a goroutine of its own: others wait for the same read, and for
// what it brings to be in the cache. The last one that can go on is returned, since the read's own goroutine has soon
// nothing else to do; the one of the call before is given as last.
func (r *read) deliver(waiters []waiter, last *Fetch) *Fetch {
	for len(waiters) > 0 {
		f, ended, n := waiters[0].fetch, false, 0
		f.mu.Lock()
		for n < len(waiters) && waiters[n].fetch == f {
			ended = f.takeLocked(waiters[n], r) || ended
			n++
		}
		f.mu.Unlock()
		if ended && last != nil {
			r.group.engine.tellers.Run(last)
		}
		if ended {
			last = f
		}
		waiters = waiters[n:]
	}
	return last
}

// maxPooled is the bytes of rows that a read or a fetch may have and still be used again.
const maxPooled = 4 << 20

func (r *read) recycle() {
	g := r.group
	if len(r.keys)*g.layout.RowBytes() > maxPooled || len(r.waiters) > 8*maxKeys || len(r.bytes) > maxPooled {
		return
	}
	clear(r.waiters)
	r.waiters, r.keys, r.hashes, r.bytes = r.waiters[:0], r.keys[:0], r.hashes[:0], r.bytes[:0]
	r.contents, r.outcome = r.contents[:0], r.outcome[:0]
	r.opened.Store(false)
	r.over.Store(false)
	r.until, r.begun, r.expired = longAgo, false, false
	r.index.reset(maxKeys)
	g.reads.Put(r)
}
