package features

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sluice/features/store"
)

// TestStats asks for known rows and reads what was counted.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &fake{before: takes(2 * time.Millisecond)}
		st.time.Store(time.Now().Add(-time.Minute).UnixNano())
		st.fill = func(into *store.Rows, i int, key int64) {
			switch {
			case key < 10:
				fillRow(into, i, key)
			case key < 20:
				into.SetInt(i, 1, key)
			}
			if key == 5 {
				into.SetTime(i, 0)
			}
		}
		e := newEngine(t, Options{}, st, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{TTL: time.Hour, NegativeTTL: time.Hour, MaxAge: 2 * time.Minute})
		get(e, g, 1, 2, 5, 11, 30, 1).Release() // read
		get(e, g, 1, 5, 30).Release()           // from the cache
		late, b, _ := begin(e, g, time.Millisecond, 3)
		joins := wait(e, g, 3, 4)
		<-b
		late.Release()
		joins.Release()
		time.Sleep(2 * time.Minute)
		get(e, g, 1).Release()

		s := e.Stats()
		if len(s.Stores) != 1 || len(s.Groups) != 1 || s.CacheRows != 7 || s.CacheBytes == 0 || s.CacheMaxBytes != 64<<20 {
			t.Fatalf("%+v", s)
		}
		r := s.Stores[0]
		if r.Name != "s" || r.Breaker != Closed || r.Reads != 3 || r.Keys != 7 || r.Wanted != 8 || r.Failures+r.Timeouts+r.Refused+r.Full+r.Expired != 0 {
			t.Errorf("%+v", r)
		}
		window := int64(100 * time.Microsecond) // 4 waited for the read of 3
		if n := r.Waiting.Count(); n != 3 || int64(r.Waiting.Sum) != window || r.Reading.Sum != uint64(6*time.Millisecond) {
			t.Errorf("%d reads have waited for %v and taken %v", n, r.Waiting.Sum, r.Reading.Sum)
		}
		c := s.Groups[0]
		f := func(what string, got, want uint64) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %d, want %d", what, got, want)
			}
		}
		f("present", c.Rows[Present], 6) // 1, 2, 11; 1; 3, 4
		f("stale", c.Rows[Stale], 3)     // 5; 5; 1
		f("missing", c.Rows[Missing], 2)
		f("timed out", c.Rows[TimedOut], 1)
		f("failed", c.Rows[Failed], 0)
		f("hits", c.Hits, 4)
		f("negative hits", c.NegativeHits, 1)
		f("misses", c.Misses, 8)
		f("renewed", c.Renewed, 0)
		f("of unknown age", c.UnknownAges, 2)
		f("of known age", c.Ages.Count(), 7)
		if got := time.Duration(c.Ages.Quantile(0.5)) * time.Millisecond; got < time.Minute || got > 75*time.Second {
			t.Errorf("half of the rows are younger than %v", got)
		}
		if a, b := c.Columns[0], c.Columns[1]; a != (ColumnStats{"a", 8, 3, 0}) || b != (ColumnStats{"b", 9, 2, 0}) {
			t.Errorf("columns %v, %v", a, b)
		}
		if c.Store != "s" || c.Name != "g" || c.View != "view" {
			t.Errorf("%+v", c)
		}
	})
}

// TestHotKeysAreCounted asks for one key in every request, beside others.
func TestHotKeysAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, Options{}, &fake{}, StoreOptions{})
		g := newGroupOf(t, e, GroupOptions{})
		for id := range int64(2000) {
			get(e, g, -1, id).Release()
		}
		hot := e.Stats().Groups[0].HotKeys
		if len(hot) == 0 || number(hot[0].Key) != -1 || hot[0].AtLeast < 1000 || hot[0].AtLeast > 4000 {
			t.Errorf("%+v", hot)
		}
	})
}

// Groups of one view stand together, whatever their names are: who adds them up finds each view once.
func TestStatsAreByView(t *testing.T) {
	e := newEngine(t, Options{}, &fake{}, StoreOptions{})
	var want []string
	for _, of := range [][2]string{{"v", "a"}, {"v", "c"}, {"w", "b"}} {
		layout := layoutOf(t, "a")
		layout.View, layout.Name = of[0], of[1]
		g, err := e.Group("s", layout, GroupOptions{TTL: time.Duration(len(want)+1) * time.Second}) // else they were one
		if err != nil {
			t.Fatal(err)
		}
		defer g.Release()
		want = append(want, of[0]+" "+of[1])
	}
	var got []string
	for _, g := range e.Stats().Groups {
		got = append(got, g.View+" "+g.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the groups are %q, want %q", got, want)
	}
}
