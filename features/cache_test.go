package features

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/features/store"
	"sluice/internal/clock"
)

// TestRowsEndInTheCache has rows read again after their TTL and not before most of it, be it below a second.
func TestRowsEndInTheCache(t *testing.T) {
	f := func(name string, opt GroupOptions, absent bool, ttl time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			st := &fake{}
			want := Present
			if absent {
				st.fill, want = func(*store.Rows, int, int64) {}, Missing
			}
			e := newEngine(t, Options{}, st, StoreOptions{})
			g := newGroupOf(t, e, opt)
			ask := func(after time.Duration, cached bool) {
				t.Helper()
				time.Sleep(after)
				if s, c := statusOf(e, g, 1); s != want || c != cached {
					t.Errorf("%s, after %v: %v, cached %v", name, after, s, c)
				}
				synctest.Wait()
			}
			ask(0, false)
			ask(0, ttl > 0)
			if ttl > 0 {
				early := time.Duration(math.Ceil(earlyShare * float64(ttl)))
				ask(early-1, true)
				if n := st.reads.Load(); n != 1 {
					t.Errorf("%s: %d reads at once", name, n)
				}
				ask(ttl-early+1, false)
			}
			if n := st.reads.Load(); n != 2 {
				t.Errorf("%s: %d reads", name, n)
			}
		})
	}
	f("not cached", GroupOptions{}, false, 0)
	f("half a second", GroupOptions{TTL: 500 * time.Millisecond}, false, 500*time.Millisecond)
	f("seven milliseconds", GroupOptions{TTL: 7 * time.Millisecond, NegativeTTL: time.Hour}, false, 7*time.Millisecond)
	f("a minute", GroupOptions{TTL: time.Minute}, false, time.Minute)
	f("nothing there", GroupOptions{TTL: time.Minute, NegativeTTL: 20 * time.Millisecond}, true, 20*time.Millisecond)
	f("nothing there, not remembered", GroupOptions{TTL: time.Minute}, true, 0)
}

// TestAgeIsJudgedAtTheInstant has one row cross MaxAge while it is in the cache.
func TestAgeIsJudgedAtTheInstant(t *testing.T) {
	f := func(name string, opt GroupOptions, age time.Duration, want ...Status) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			st := &fake{}
			if age >= 0 {
				st.time.Store(time.Now().Add(-age).UnixNano())
			}
			opt.TTL = time.Hour
			e := newEngine(t, Options{}, st, StoreOptions{})
			g := newGroupOf(t, e, opt)
			for i, w := range want {
				r := get(e, g, 1)
				row := r.Row(0)
				wantAge := age + time.Duration(i)
				if age < 0 {
					wantAge = UnknownAge
				}
				if row.Status != w || row.Cached != (i > 0) || row.Age != wantAge || number(row.Values) != 1 {
					t.Errorf("%s, after %d ns: %+v, want %v", name, i, row, w)
				}
				r.Release()
				time.Sleep(time.Nanosecond)
			}
			if n := st.reads.Load(); n != 1 {
				t.Errorf("%s: %d reads", name, n)
			}
		})
	}
	two := GroupOptions{MaxAge: 2 * time.Hour}
	f("crosses", two, 2*time.Hour-2, Present, Present, Present, Stale, Stale)
	f("is stale from the start", two, 3*time.Hour, Stale, Stale)
	f("of unknown age", two, -1, Stale, Stale)
	f("nobody judges", GroupOptions{}, 1000*time.Hour, Present, Present)
	f("nobody judges what is unknown", GroupOptions{}, -1, Present, Present)
}

func TestRowOfTheFutureIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &fake{}
		st.time.Store(time.Now().Add(time.Hour).UnixNano())
		e := newEngine(t, Options{}, st, StoreOptions{})
		f := get(e, newGroupOf(t, e, GroupOptions{MaxAge: time.Minute}), 1)
		if r := f.Row(0); r.Status != Present || r.Age != 0 {
			t.Errorf("%+v", r)
		}
		f.Release()
	})
}

func TestGenerationsDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &fake{}
		e := newEngine(t, Options{}, st, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{TTL: time.Hour})
		f := func(generation uint64, cached bool) {
			t.Helper()
			st.generation.Store(generation)
			if s, c := statusOf(e, g, 1); s != Present || c != cached {
				t.Errorf("generation %d: %v, cached %v", generation, s, c)
			}
		}
		f(1, false)
		f(1, true)
		f(2, false)
		f(2, true)
		f(1, true) // the way back
	})
}

// TestHashesMayCollide has two keys of one hash: each gets its own row.
func TestHashesMayCollide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, Options{}, &fake{}, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{TTL: time.Hour})
		wantRow(t, get(e, g, 1).Row(0), 1)
		v := g.lookUp(0, e.hash(key(1)), key(1), clock.Now())
		if v == nil {
			t.Fatal("the row is not in the cache")
		}
		e.cache.Set(cacheKey{g.number, 0, e.hash(key(2))}, v)
		r := get(e, g, 2).Row(0)
		wantRow(t, r, 2)
		if r.Cached {
			t.Error("it is another's row")
		}
	})
}

func TestRowsAreRenewedNearTheirEnd(t *testing.T) {
	v := &entry{expires: clock.Instant(100 * time.Second), pace: 2 * time.Second}
	f := func(before time.Duration, drawn float64, want bool) {
		t.Helper()
		if got := v.isNear(v.expires.Add(-before), drawn); got != want {
			t.Errorf("%v before its end, with %v drawn: %v", before, drawn, got)
		}
	}
	f(2*time.Second+time.Microsecond, 1/math.E, false)
	f(2*time.Second-time.Microsecond, 1/math.E, true)
	f(time.Nanosecond, 1, false)
	f(0, 1, true)
	f(9*time.Second, 0.01, true)
	f(10*time.Second, 0.01, false)
}

// TestEarlyRefresh has keys asked for at a steady rate for fifty TTLs: nobody waits for a row but the first, there are never two
// reads of a key at a time, and not more than 1.2 in a TTL.
func TestEarlyRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl, ttls, took = 300 * time.Millisecond, 50, 3 * time.Millisecond
		st := &fake{}
		var mu sync.Mutex
		var begun [4]time.Time
		st.fill = func(into *store.Rows, i int, key int64) {
			mu.Lock()
			defer mu.Unlock()
			if d := time.Since(begun[key]) - took; d < time.Duration(earlyShare*float64(ttl)) {
				t.Errorf("key %d is read again after %v", key, d)
			}
			begun[key] = time.Now()
			fillRow(into, i, key)
		}
		st.before = takes(took)
		e := newEngine(t, Options{}, st, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{TTL: ttl})
		missed, asked := 0, 0
		for begun := time.Now(); time.Since(begun) < ttls*ttl; time.Sleep(time.Millisecond) {
			f := get(e, g, 0, 1, 2, 3)
			for id := range int64(4) {
				r := f.Row(int(id))
				wantRow(t, r, id)
				asked++
				if !r.Cached {
					missed++
				}
			}
			f.Release()
		}
		s := e.Stats()
		if keys := s.Stores[0].Keys; keys > 4*ttls*12/10 || keys < 4*ttls {
			t.Errorf("%d reads of keys in %d TTLs of 4", keys, ttls)
		}
		if missed > 4+asked/1000 {
			t.Errorf("%d of %d rows were waited for", missed, asked)
		}
		if c := s.Groups[0]; c.Renewed == 0 || c.Renewed > s.Stores[0].Keys {
			t.Errorf("%d renewed", c.Renewed)
		}
	})
}

// TestCacheIsBounded has many more rows than fit.
func TestCacheIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 100_000
		e := newEngine(t, Options{CacheBytes: limit}, &fake{}, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{TTL: time.Hour})
		for id := range int64(20) {
			ids := make([]int64, 100)
			for i := range ids {
				ids[i] = 100*id + int64(i)
			}
			get(e, g, ids...).Release()
		}
		e.cache.CleanUp()
		s := e.Stats()
		if s.CacheBytes > limit || s.CacheBytes < limit/2 || s.CacheMaxBytes != limit || s.CacheRows > 400 || s.CacheRows < 100 {
			t.Errorf("%+v", s)
		}
	})
}

// TestIncompleteRowsAreKept has rows with values that are missing or wrong come back from the cache as they were read.
func TestIncompleteRowsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &fake{fill: func(into *store.Rows, i int, key int64) {
			if key != 2 {
				into.SetInt(i, 0, key)
			}
			into.SetWrong(i, 1)
		}}
		e := newEngine(t, Options{}, st, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{TTL: time.Hour})
		for _, cached := range []bool{false, true} {
			f := get(e, g, 1, 2)
			a, b := f.Row(0), f.Row(1)
			if a.Status != Present || a.Cached != cached || number(a.Values) != 1 || a.States[0] != store.Present || a.States[1] != store.Wrong {
				t.Errorf("%+v", a)
			}
			if b.Status != Present || b.Cached != cached || b.States[0] != store.Missing || b.States[1] != store.Wrong {
				t.Errorf("%+v", b)
			}
			f.Release()
		}
		columns := e.Stats().Groups[0].Columns
		if columns[0] != (ColumnStats{"a", 2, 2, 0}) || columns[1] != (ColumnStats{"b", 0, 0, 4}) {
			t.Errorf("%+v", columns)
		}
	})
}
