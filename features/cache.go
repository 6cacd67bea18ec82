package features

import (
	"bytes"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"sluice/features/store"
	"sluice/internal/clock"
)

// cacheKey finds a row in the cache. A key of variable length would have to be made into a string for each look-up, so
// there is its hash, of this process's seed, and the entry has the key itself: if two keys have one hash, the one that
// was put later is there. The group's number stands for its store, view, columns and options.
type cacheKey struct {
	group, generation, hash uint64
}

// entry is a row in the cache. Only tried changes.
type entry struct {
	key     store.Key
	row     []byte
	states  []store.State
	time    int64 // event time, as store.Rows has it
	about   about
	expires clock.Instant
	// early is the first instant at which a look-up may have the row read again, and pace how long before its end
	// that happens.
	early clock.Instant
	pace  time.Duration
	tried atomic.Bool // a read was begun to renew it
}

// entryBytes is what an entry takes beside its key and row: itself, its node in the cache, and what the allocator rounds up. 220 to
// 300 were measured, with rows of 40 and 800 bytes.
const entryBytes = 256

func (v *entry) bytes() uint32 { return uint32(entryBytes + len(v.key) + len(v.row)) }

// newCache makes the cache. It does not know of time: rows have their end themselves, to the nanosecond, and those that
// have ended go when room is needed, as those that nobody asks for do.
func newCache(limit int64) (*otter.Cache[cacheKey, *entry], error) {
	return otter.New(&otter.Options[cacheKey, *entry]{
		MaximumWeight: uint64(limit),
		Weigher:       func(_ cacheKey, v *entry) uint32 { return v.bytes() },
	})
}

func (e *Engine) hash(key store.Key) uint64 { return maphash.Bytes(e.seed, key) }

// lookUp finds a row that has not ended.
func (g *Group) lookUp(generation, hash uint64, key store.Key, now clock.Instant) *entry {
	v, ok := g.engine.cache.GetIfPresent(cacheKey{g.number, generation, hash})
	if !ok || now >= v.expires || !bytes.Equal(v.key, key) {
		return nil
	}
	return v
}

// The life of a row in the cache. Its end is drawn from the last tenth of the TTL, so that rows that were read together
// do not end together. It is read again before its end, but not before most of its TTL has passed: so there are
// at most 1.2 reads for a TTL.
const (
	jitterShare = 0.1
	earlyShare  = 1 / 1.2
	paceShare   = 1.0 / 32
)

// keep puts the row of a key that was read into the cache.
func (g *Group) keep(r *read, i int, now clock.Instant, took time.Duration) {
	ttl, what := g.opt.TTL, r.contents[i]
	if what == absent {
		ttl = g.opt.NegativeTTL
	}
	if ttl <= 0 {
		return
	}
	v := &entry{
		about:   what,
		time:    r.rows.Time(i),
		expires: now.Add(ttl - time.Duration(rand.Float64()*jitterShare*float64(ttl))),
		early:   now.Add(time.Duration(math.Ceil(earlyShare * float64(ttl)))),
		pace:    max(took, time.Duration(paceShare*float64(ttl))),
	}
	key := r.keys[i]
	switch what {
	case absent:
		v.key, v.row, v.states = bytes.Clone(key), g.noRow, g.noStates
	case complete:
		v.key, v.row = cloneBoth(key, r.rows.Row(i))
		v.states = g.allStates
	default:
		v.key, v.row = cloneBoth(key, r.rows.Row(i))
		v.states = append(make([]store.State, 0, len(g.noStates)), r.rows.States(i)...)
	}
	g.engine.cache.Set(cacheKey{g.number, r.generation, r.hashes[i]}, v)
}

// cloneBoth copies a key and a row into one piece of memory.
func cloneBoth(key store.Key, row []byte) (store.Key, []byte) {
	n := len(key)
	both := append(append(make([]byte, 0, n+len(row)), key...), row...)
	return both[:n:n], both[n:]
}

// renew tells whether a look-up at this instant is the one that has the row read again. A row is renewed the more
// likely the nearer its end is and the longer its read takes (A. Vattani, F. Chierichetti, K. Lowenstein, Optimal
// Probabilistic Cache Stampede Prevention, 2015). The paper leaves a factor open; with paceShare of the TTL as the
// least, a row that is asked for a few times in a TTL is also renewed before anybody has to wait for it.
func (v *entry) renew(now clock.Instant) bool {
	return now >= v.early && !v.tried.Load() && v.isNear(now, 1-rand.Float64()) && v.tried.CompareAndSwap(false, true)
}

// isNear is the paper's condition, for a number drawn from (0, 1].
func (v *entry) isNear(now clock.Instant, drawn float64) bool {
	return now.Add(time.Duration(-math.Log(drawn)*float64(v.pace))) >= v.expires
}
