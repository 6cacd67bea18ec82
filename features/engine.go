package features

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"go.uber.org/zap"

	"sluice/features/store"
	"sluice/internal/standby"
)

// Options of an Engine.
type Options struct {
	// Log is told when a store's breaker opens and closes. Nil: nobody is.
	Log *zap.Logger
	// CacheBytes bounds the rows in the cache, all groups together; 64 MiB if 0.
	CacheBytes int64
}

// StoreOptions are those of a store. The reads that they bound are counted for each group.
type StoreOptions struct {
	// FlushKeys is how many keys that wait begin a read at once, though others are under way; 128 if 0.
	FlushKeys int
	// Window is how long a key waits for others while reads are under way; 100 µs if 0.
	Window time.Duration
	// Reads is how many reads of a group are under way at most; 8 if 0.
	Reads int
	// Waiting is how many keys of a group wait at most; 16,384 if 0.
	Waiting int

	Breaker BreakerOptions
}

func (o StoreOptions) withDefaults() StoreOptions {
	o.FlushKeys = cmp.Or(o.FlushKeys, 128)
	o.Window = cmp.Or(o.Window, 100*time.Microsecond)
	o.Reads = cmp.Or(o.Reads, 8)
	o.Waiting = cmp.Or(o.Waiting, 16384)
	o.Breaker = o.Breaker.withDefaults()
	return o
}

// Engine reads features for requests.
type Engine struct {
	log     *zap.Logger
	seed    maphash.Seed
	cache   *otter.Cache[cacheKey, *entry]
	fetches sync.Pool
	workers *standby.Crew[*read]
	tellers *standby.Crew[*Fetch] // for waiters whose read's goroutine has others to serve first

	mu struct {
		sync.Mutex
		closed bool
		reads  int           // under way
		idle   chan struct{} // closed when there are none and the engine is closed
		stores map[string]*source
		groups map[groupKey]*Group
		made   uint64 // groups
	}
}

// maxIdle is the most goroutines that wait for a read, and for a waiter to tell.
const maxIdle = 64

// New returns an engine without stores.
func New(opt Options) (*Engine, error) {
	if opt.Log == nil {
		opt.Log = zap.NewNop()
	}
	opt.CacheBytes = cmp.Or(opt.CacheBytes, 64<<20)
	if opt.CacheBytes < 0 {
		return nil, fmt.Errorf("a cache of %d bytes is not possible", opt.CacheBytes)
	}
	cache, err := newCache(opt.CacheBytes)
	if err != nil {
		return nil, err
	}
	e := &Engine{log: opt.Log, seed: maphash.MakeSeed(), cache: cache, workers: standby.New(maxIdle, (*read).run), tellers: standby.New(maxIdle, (*Fetch).end)}
	e.fetches.New = func() any { return newFetch(e) }
	e.mu.idle = make(chan struct{})
	e.mu.stores = map[string]*source{}
	e.mu.groups = map[groupKey]*Group{}
	return e, nil
}

// AddStore gives the engine a store, which is its own from then on.
func (e *Engine) AddStore(name string, st store.Store, opt StoreOptions) error {
	s := newSource(name, st, opt.withDefaults(), e.log)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.stores[name] != nil {
		return fmt.Errorf("there are two feature stores of the name %q: give each a name of its own", name)
	}
	e.mu.stores[name] = s
	return nil
}

// Group prepares reads of a group. Groups that are equal in store, view, keys, columns and options are one, so that
// versions of a model share its reads and its rows in the cache.
func (e *Engine) Group(storeName string, layout *store.Group, opt GroupOptions) (*Group, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("feature group %q: %w", layout.Name, err)
	}
	key := keyOf(storeName, layout, opt)
	e.mu.Lock()
	s, g := e.mu.stores[storeName], e.mu.groups[key]
	if g != nil {
		g.users++
	}
	e.mu.Unlock()
	switch {
	case g != nil:
		return g, nil
	case s == nil:
		return nil, fmt.Errorf("feature group %q reads the store %q, which is not among the gateway's feature stores (%s)",
			layout.Name, storeName, e.storeNames())
	}
	reader, err := s.store.Reader(layout)
	if err != nil {
		return nil, fmt.Errorf("feature group %q: %w", layout.Name, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if g := e.mu.groups[key]; g != nil { // another was faster
		g.users++
		return g, nil
	}
	e.mu.made++
	g = newGroup(e, s, layout, reader, opt, e.mu.made)
	g.key, g.users = key, 1
	e.mu.groups[key] = g
	return g, nil
}

func (e *Engine) storeNames() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.mu.stores) == 0 {
		return "there is none"
	}
	return strings.Join(slices.Sorted(maps.Keys(e.mu.stores)), ", ")
}

// release takes a user from a group.
func (e *Engine) release(g *Group) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if g.users--; g.users == 0 {
		delete(e.mu.groups, g.key)
	}
}

// enter counts a read that begins. It is false if none may begin any more.
func (e *Engine) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.closed {
		return false
	}
	e.mu.reads++
	return true
}

// leave counts a read that has ended.
func (e *Engine) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.reads--; e.mu.reads == 0 && e.mu.closed {
		close(e.mu.idle)
	}
}

// Close waits for the reads that are under way, then closes the stores. From its call on, what is not in the cache
// fails. It may be called once.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.mu.closed = true
	if e.mu.reads == 0 {
		close(e.mu.idle)
	}
	e.mu.Unlock()
	<-e.mu.idle
	e.workers.End() // and waits for none: a read that was refused may still call a waiter
	e.tellers.End()
	var errs []error
	for _, s := range e.mu.stores {
		if err := s.store.Close(); err != nil {
			errs = append(errs, fmt.Errorf("cannot close the feature store %q: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}
