package features

import (
	"cmp"
	"fmt"
	"sync"
	"time"

	"sluice/features/store"
	"sluice/internal/clock"
)

// GroupOptions are those of a group.
type GroupOptions struct {
	// Budget is how long a request waits for the group, and how long a read of it may take; 10 ms if 0.
	Budget time.Duration
	// MaxAge is the age above which a row is stale, as one of unknown age is then; 0: age is not judged.
	MaxAge time.Duration
	// TTL is how long a row stays in the cache; 0: nothing of the group is kept there.
	TTL time.Duration
	// NegativeTTL is how long the cache remembers that the store has nothing of an entity; 0: it does not.
	NegativeTTL time.Duration
}

func (o GroupOptions) withDefaults() (GroupOptions, error) {
	o.Budget = cmp.Or(o.Budget, 10*time.Millisecond)
	for name, d := range map[string]time.Duration{"budget": o.Budget, "max_age": o.MaxAge, "cache.ttl": o.TTL, "cache.negative": o.NegativeTTL} {
		if d < 0 {
			return o, fmt.Errorf("%s is %v: a time cannot be negative", name, d)
		}
	}
	return o, nil
}

// groupKey tells groups apart.
type groupKey struct {
	store, view, layout string
	opt                 GroupOptions
}

func keyOf(storeName string, layout *store.Group, opt GroupOptions) groupKey {
	return groupKey{storeName, layout.View, fmt.Sprintf("%#v %#v", layout.Keys, layout.Columns), opt}
}

// Group is columns of a store that are read together.
type Group struct {
	engine *Engine
	source *source
	layout *store.Group
	reader store.Reader
	onward store.Lingerer // the reader, if it is one
	opt    GroupOptions
	number uint64 // in the cache
	key    groupKey
	users  int // of Engine.mu

	// What rows have that have everything, and nothing.
	allStates, noStates []store.State
	noRow               []byte

	reads sync.Pool
	timer *time.Timer // for the oldest read that waits
	ends  *time.Timer // for the oldest read under way, of a store that is left behind

	mu struct {
		sync.Mutex
		all      []*read // waiting and under way: those that a key may join
		waiting  []*read // from the oldest on; the last one takes more keys
		keys     int     // that wait
		underWay int
		ending   bool // ends is set
	}

	stats groupCounts
}

func newGroup(e *Engine, s *source, layout *store.Group, reader store.Reader, opt GroupOptions, number uint64) *Group {
	columns := len(layout.Columns)
	g := &Group{
		engine: e, source: s, layout: layout, reader: reader, opt: opt, number: number,
		allStates: make([]store.State, columns), noStates: make([]store.State, columns), noRow: make([]byte, layout.RowBytes()),
	}
	for i := range g.allStates {
		g.allStates[i] = store.Present
	}
	g.onward, _ = reader.(store.Lingerer)
	g.stats.columns = make([]columnCounts, columns)
	g.reads.New = func() any { return newRead(g) }
	g.timer = time.AfterFunc(time.Hour, g.flush)
	g.timer.Stop()
	g.ends = time.AfterFunc(time.Hour, g.endLate)
	g.ends.Stop()
	return g
}

// Layout is the group's columns.
func (g *Group) Layout() *store.Group { return g.layout }

// Options are the group's, with the defaults in place of zeros.
func (g *Group) Options() GroupOptions { return g.opt }

func (g *Group) cached() bool { return g.opt.TTL > 0 || g.opt.NegativeTTL > 0 }

// Release says that the group is needed no more by one who asked for it.
func (g *Group) Release() { g.engine.release(g) }

// flush begins what has waited for long enough.
func (g *Group) flush() {
	now := clock.Now()
	g.mu.Lock()
	begun := g.pumpLocked(now)
	g.mu.Unlock()
	g.begin(begun, now)
}
