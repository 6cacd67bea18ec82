package features

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"sluice/features/store"
)

// tallied is what a fetch has counted of a part, before it is added to the group's counts.
type tallied struct {
	statuses          [statuses]uint64
	hits, negative    uint64
	complete, unknown uint64
	ages              [buckets]uint32
	ageSum            uint64
	columns           []stateCounts
}

const statuses = int(Failed) + 1

// stateCounts is how often a value was in each state.
type stateCounts [store.Wrong + 1]uint32

// columnCounts is that of a column over rows that are neither complete nor absent.
type columnCounts [store.Wrong + 1]atomic.Uint64

type groupCounts struct {
	statuses                          [statuses]atomic.Uint64
	hits, negative, complete, unknown atomic.Uint64
	renewed                           atomic.Uint64
	ages                              histogram // in milliseconds
	columns                           []columnCounts
	hot                               hotKeys
}

// account adds what came of the fetch to its groups' counts.
func (f *Fetch) account() {
	f.tallies = slices.Grow(f.tallies[:0], len(f.parts))[:len(f.parts)]
	for i := range f.slots {
		s := &f.slots[i]
		g := f.parts[s.part].group
		f.tallies[s.part].add(f, s, g)
		if f.skip == 0 {
			f.skip = nextSample()
			g.stats.hot.add(s.hash, f.key(s))
		} else {
			f.skip--
		}
	}
	for i := range f.tallies {
		f.tallies[i].addTo(&f.parts[i].group.stats)
	}
}

func (t *tallied) add(f *Fetch, s *slot, g *Group) {
	status, age := s.judge(g, f.wall)
	t.statuses[status]++
	if s.outcome == hit {
		t.hits++
		if status == Missing {
			t.negative++
		}
	}
	if status != Present && status != Stale {
		return
	}
	if age == UnknownAge {
		t.unknown++
	} else {
		ms := age.Milliseconds()
		t.ages[bucketOf(ms)]++
		t.ageSum += uint64(ms)
	}
	if s.about == complete {
		t.complete++
		return
	}
	n := len(g.noStates)
	t.columns = slices.Grow(t.columns[:0], n)[:n] // what is beyond its length is zero
	_, states := f.valuesOf(s, g)
	for i, state := range states {
		t.columns[i][state]++
	}
}

// addTo empties the tally into the group's counts.
func (t *tallied) addTo(c *groupCounts) {
	add := func(to *atomic.Uint64, n uint64) {
		if n > 0 {
			to.Add(n)
		}
	}
	for i, n := range t.statuses {
		add(&c.statuses[i], n)
	}
	add(&c.hits, t.hits)
	add(&c.negative, t.negative)
	add(&c.complete, t.complete)
	add(&c.unknown, t.unknown)
	if t.ageSum > 0 {
		c.ages.sum.Add(t.ageSum)
	}
	for i, n := range t.ages {
		add(&c.ages.counts[i], uint64(n))
	}
	for i := range t.columns {
		for state, n := range t.columns[i] {
			add(&c.columns[i][state], uint64(n))
		}
	}
	clear(t.columns)
	*t = tallied{columns: t.columns[:0]}
}

// Stats is what an engine has done since its start, and what it has.
type Stats struct {
	// CacheBytes and CacheRows are what the cache holds, with rows that have ended and were not evicted yet.
	CacheBytes, CacheMaxBytes uint64
	CacheRows                 int
	Stores                    []StoreStats // by name
	Groups                    []GroupStats // by store, view and name: those of a view stand together
}

// StoreStats is what a store was asked for.
type StoreStats struct {
	Name    string
	Breaker BreakerState
	// Opened is how often the breaker went from closed to open.
	Opened uint64
	// Reads is how many reads have ended, Keys of how many keys they were. Failures and Timeouts are those of
	// them that ended with an error and at their limit.
	Reads, Keys, Failures, Timeouts uint64
	// Wanted is how many rows requests waited for: Wanted by Reads is the coalescing factor in rows, and Wanted by Keys tells
	// how many requests shared a row.
	Wanted uint64
	// Refused is how many rows were not read since the breaker was open, Full since too many keys waited, Expired
	// since nobody waited for them any more when their turn came.
	Refused, Full, Expired uint64
	// InFlight is the reads that are under way.
	InFlight int64
	// Slow is what 99 of 100 reads took at most, lately; 0 while too few are known.
	Slow time.Duration
	// Waiting is how long the first key of a read waited, Reading how long a read took, in nanoseconds.
	Waiting, Reading Histogram
}

// GroupStats is what requests got of a group. Rows are counted once for each request.
type GroupStats struct {
	Store, Name, View string
	Keys              []store.KeyColumn
	// Rows is how many rows had each status.
	Rows map[Status]uint64
	// Hits is how many of them came from the cache, NegativeHits those of them that were Missing; Misses the others.
	Hits, NegativeHits, Misses uint64
	// Renewed is how often a row was to be read again before its end in the cache.
	Renewed uint64
	Columns []ColumnStats
	// Ages is how old rows with values were, in milliseconds, UnknownAges how many were of unknown age.
	Ages        Histogram
	UnknownAges uint64
	HotKeys     []HotKey
}

// ColumnStats is what a column had in the rows that came: a value, none, or one that cannot be used.
type ColumnStats struct {
	Name                    string
	Present, Missing, Wrong uint64
}

// Stats reads the counters. They are not of one moment.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	sources, groups := make([]*source, 0, len(e.mu.stores)), make([]*Group, 0, len(e.mu.groups))
	for _, s := range e.mu.stores {
		sources = append(sources, s)
	}
	for _, g := range e.mu.groups {
		groups = append(groups, g)
	}
	e.mu.Unlock()
	r := Stats{CacheBytes: e.cache.WeightedSize(), CacheMaxBytes: e.cache.GetMaximum(), CacheRows: e.cache.EstimatedSize()}
	for _, s := range sources {
		r.Stores = append(r.Stores, s.read())
	}
	for _, g := range groups {
		r.Groups = append(r.Groups, g.readStats())
	}
	slices.SortFunc(r.Stores, func(a, b StoreStats) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Groups, func(a, b GroupStats) int {
		return cmp.Or(cmp.Compare(a.Store, b.Store), cmp.Compare(a.View, b.View), cmp.Compare(a.Name, b.Name))
	})
	return r
}

func (s *source) read() StoreStats {
	s.mu.Lock()
	state := s.mu.breaker.state
	s.mu.Unlock()
	c := &s.stats
	return StoreStats{
		Name: s.name, Breaker: state, Opened: c.opened.Load(),
		Reads: c.reads.Load(), Keys: c.keys.Load(), Failures: c.failures.Load(), Timeouts: c.timeouts.Load(),
		Wanted: c.wanted.Load(), Refused: c.refused.Load(), Full: c.full.Load(), Expired: c.expired.Load(),
		InFlight: c.inFlight.Load(), Slow: time.Duration(s.slow.Load()), Waiting: c.waiting.read(), Reading: c.reading.read(),
	}
}

func (g *Group) readStats() GroupStats {
	c := &g.stats
	r := GroupStats{
		Store: g.source.name, Name: g.layout.Name, View: g.layout.View, Keys: g.layout.Keys, Rows: map[Status]uint64{},
		Hits: c.hits.Load(), NegativeHits: c.negative.Load(), Renewed: c.renewed.Load(),
		Ages: c.ages.read(), UnknownAges: c.unknown.Load(), HotKeys: c.hot.read(),
	}
	for i := range c.statuses {
		n := c.statuses[i].Load()
		r.Rows[Status(i)] = n
		r.Misses += n
	}
	r.Misses -= min(r.Hits, r.Misses)
	for i := range c.columns {
		k := &c.columns[i]
		r.Columns = append(r.Columns, ColumnStats{
			Name:    g.layout.Columns[i].Name,
			Present: c.complete.Load() + k[store.Present].Load(),
			Missing: r.Rows[Missing] + k[store.Missing].Load(),
			Wrong:   k[store.Wrong].Load(),
		})
	}
	return r
}
