package features

import (
	"bytes"
	"sync"
	"time"

	"sluice/features/store"
	"sluice/internal/clock"
)

// Waiter is told that a fetch has ended.
type Waiter interface {
	// Fetched is called once, by a goroutine that has nothing else to do.
	Fetched()
}

// outcome is what has become of a slot.
type outcome uint8

const (
	pending outcome = iota
	hit             // it came from the cache
	came            // it came from the store
	timedOut
	failed
)

// none ends a list of slots.
const none = -1

// slot is one row that a request wants.
type slot struct {
	hash     uint64
	part     int32
	next     int32 // of the part's list
	keyAt    int32
	keyEnd   int32
	rowAt    int    // in Fetch.rows, if it is read
	statesAt int    // in Fetch.states
	whole    []byte // instead of both
	entry    *entry
	read     *read // of which it is the key of this number, while it is pending
	key      int32
	time     int64
	outcome  outcome
	about    about
}

// part is a group of a fetch.
type part struct {
	group      *Group
	generation uint64
	limit      clock.Instant // when the request does not wait for the group any more
	first      int32         // of the slots that are to be read
	pending    int           // of those, the ones that the request waits for
	refused    int           // of those in turn, the ones that nobody reads
	endsItself bool          // the reads are over by the limit
}

// Fetch is the rows that one request wants. It is used by one goroutine at a time.
type Fetch struct {
	engine *Engine
	slots  []slot
	parts  []part
	index  index
	keys   []byte
	rows   []byte
	states []store.State
	bytes  int // see Bytes
	// rowBytes and stateBytes are what rows and states have room for, once a row is copied.
	rowBytes, stateBytes int

	waiter  Waiter
	started bool
	timed   bool   // the timer was set
	epoch   uint64 // changes under mu when the fetch becomes another request's
	wall    int64  // when the fetch ended, in nanoseconds since 1970
	timer   *time.Timer
	tallies []tallied // of the parts
	skip    uint32    // slots until one is looked at for the hot keys

	// mu guards the outcomes of slots that reads have, too.
	mu struct {
		sync.Mutex
		pending int
		armed   bool // Start has returned false, and the fetch has not ended
	}
}

// usualKeys is what a fetch has room for before it grows.
const usualKeys = 64

func newFetch(e *Engine) *Fetch {
	f := &Fetch{engine: e, skip: nextSample()}
	f.timer = time.AfterFunc(time.Hour, f.expire)
	f.timer.Stop()
	f.index.reset(usualKeys)
	return f
}

// Fetch begins the fetch of a request.
func (e *Engine) Fetch() *Fetch { return e.fetches.Get().(*Fetch) }

// Add asks for the row of a key, before Start, and returns its slot.
func (f *Fetch) Add(g *Group, key store.Key) int {
	part := f.partOf(g)
	hash := f.engine.hash(key)
	at := len(f.slots)
	if !f.index.fits(at + 1) {
		f.index.reset(2 * at)
		for i := range f.slots {
			f.index.add(f.slots[i].mixed(), i)
		}
	}
	s := slot{hash: hash, part: part, next: none}
	for c := f.index.first(s.mixed()); ; c = f.index.next(c) {
		i := f.index.at(c)
		if i < 0 {
			f.index.set(c, at)
			break
		}
		if o := &f.slots[i]; o.hash == hash && o.part == part && bytes.Equal(f.key(o), key) {
			return i
		}
	}
	s.keyAt = int32(len(f.keys))
	f.keys = append(f.keys, key...)
	s.keyEnd = int32(len(f.keys))
	f.slots = append(f.slots, s)
	f.bytes += len(key) + len(g.noRow) + len(g.noStates)
	return at
}

// Bytes is the memory that the keys take which were added, and their rows if the cache has none of them.
func (f *Fetch) Bytes() int { return f.bytes }

// mixed is a hash of key and group.
func (s *slot) mixed() uint64 { return s.hash + uint64(s.part)*0x9e3779b97f4a7c15 }

func (f *Fetch) key(s *slot) store.Key { return f.keys[s.keyAt:s.keyEnd:s.keyEnd] }

func (f *Fetch) partOf(g *Group) int32 {
	for i := range f.parts {
		if f.parts[i].group == g {
			return int32(i)
		}
	}
	f.parts = append(f.parts, part{group: g, generation: g.reader.Generation(), first: none})
	return int32(len(f.parts) - 1)
}

// Start looks the rows up, and has those that the cache lacks read. It does not wait. If it returns true all rows
// have come or cannot come. If it returns false w is told when that is so, at the deadline or the groups' budgets at the
// latest, perhaps before Start has returned.
func (f *Fetch) Start(deadline clock.Instant, w Waiter) (ready bool) {
	now := clock.Now()
	f.started, f.timed, f.waiter = true, false, w
	for i := range f.parts {
		p := &f.parts[i]
		p.limit = min(deadline, now.Add(p.group.opt.Budget))
	}
	missing := f.lookUp(now)
	// This goroutine counts as one more, so that the fetch does not end before all its reads have been asked for. No read has a
	// waiter of this epoch yet.
	f.mu.Lock()
	f.mu.pending = missing + 1
	f.mu.Unlock()
	for i := range f.parts {
		if p := &f.parts[i]; p.first != none {
			p.group.collect(f, p, now)
		}
	}
	f.mu.Lock()
	for i := range f.parts {
		p := &f.parts[i]
		p.pending -= p.refused
		f.mu.pending -= p.refused
	}
	f.mu.pending--
	ready = f.mu.pending == 0
	if f.mu.armed = !ready; !ready {
		f.timeLocked(clock.Now())
	}
	f.mu.Unlock()
	if ready {
		f.wall = time.Now().UnixNano()
	}
	return ready
}

// lookUp takes what is in the cache, and lists for each part what is to be read: the rows that are not there, which it counts and
// gives places, and those that are to be renewed.
func (f *Fetch) lookUp(now clock.Instant) (missing int) {
	f.rows, f.states = f.rows[:0], f.states[:0]
	rows, states := 0, 0
	for i := len(f.slots) - 1; i >= 0; i-- { // backwards, so that the lists go forwards
		s := &f.slots[i]
		p := &f.parts[s.part]
		g := p.group
		if g.cached() {
			s.entry = g.lookUp(p.generation, s.hash, f.key(s), now)
		}
		lost := g.source.isShut(now)
		switch {
		case s.entry != nil:
			s.outcome, s.about, s.time = hit, s.entry.about, s.entry.time
			if lost || !s.entry.renew(now) {
				continue
			}
			g.stats.renewed.Add(1)
		case now >= p.limit:
			s.outcome = timedOut
			continue
		case lost:
			s.outcome = failed
			g.source.stats.refused.Add(1)
			continue
		default:
			s.rowAt, s.statesAt = rows, states
			rows += g.layout.RowBytes()
			states += len(g.noStates)
			missing++
			p.pending++
		}
		s.next, p.first = p.first, int32(i)
	}
	f.rowBytes, f.stateBytes = rows, states
	return missing
}
