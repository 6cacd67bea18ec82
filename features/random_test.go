package features

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/features/store"
	"sluice/internal/clock"
	"sluice/internal/longtest"
)

// TestEachGetsItsOwnRows has many small requests at random, from many goroutines, over two groups with and without a cache, on a
// store that is slow, fails, and loses keys now and then. What comes is always the row that was asked for.
func TestEachGetsItsOwnRows(t *testing.T) {
	eachGetsItsOwnRows(t, 1000, func(st *fake) store.Store { return st })
}

// TestEachGetsItsOwnRowsBesideStragglers has reads go on after their limits.
func TestEachGetsItsOwnRowsBesideStragglers(t *testing.T) {
	eachGetsItsOwnRows(t, 1000, func(st *fake) store.Store { return &straggling{st, 40 * time.Millisecond} })
}

func TestEachGetsItsOwnRowsOfManyMore(t *testing.T) {
	longtest.Skip(t)
	eachGetsItsOwnRows(t, 50_000, func(st *fake) store.Store { return st })
	eachGetsItsOwnRows(t, 50_000, func(st *fake) store.Store { return &straggling{st, 40 * time.Millisecond} })
}

func eachGetsItsOwnRows(t *testing.T, requests int64, as func(*fake) store.Store) {
	const workers, ids = 64, 200
	st := &fake{before: func(ctx context.Context, _ []store.Key) error {
		switch rand.IntN(60) {
		case 0:
			return errBroken
		case 1:
			return takes(3*time.Millisecond)(ctx, nil)
		case 2:
			<-ctx.Done()
		}
		return nil
	}}
	st.fill = func(into *store.Rows, i int, key int64) {
		if rand.IntN(2) == 0 {
			fillRow(into, i, key)
			return
		}
		var row []byte
		for c := range into.Group().Columns {
			row = store.AppendInt(row, store.Int64, key+int64(c))
		}
		into.SetWhole(i, row)
	}
	st.lost = func(key int64) bool { return key%50 == 7 && rand.IntN(2) == 0 }
	e := newEngine(t, Options{CacheBytes: 20_000}, as(st), StoreOptions{Breaker: BreakerOptions{InARow: 1000, Share: 1}})
	groups := []*Group{
		newGroupOf(t, e, GroupOptions{Budget: 20 * time.Millisecond}, "a", "b", "c"),
		newGroupOf(t, e, GroupOptions{Budget: 20 * time.Millisecond, TTL: 3 * time.Millisecond}, "a"),
	}
	var left, rows, present atomic.Int64
	left.Store(requests)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			b := newBell()
			for left.Add(-1) >= 0 {
				if rand.IntN(100) == 0 {
					st.generation.Add(1)
				}
				n, p := oneRequest(t, e, groups, b, ids)
				rows.Add(n)
				present.Add(p)
			}
		})
	}
	wg.Wait()
	if present.Load() == 0 {
		t.Errorf("none of %d rows has come", rows.Load())
	}
	s := e.Stats()
	counted := uint64(0)
	for _, g := range s.Groups {
		for _, n := range g.Rows {
			counted += n
		}
	}
	if counted != uint64(rows.Load()) || s.Stores[0].Wanted < s.Stores[0].Keys/2 {
		t.Errorf("%d rows are counted of %d, and %d were wanted of the store, of %d keys", counted, rows.Load(), s.Stores[0].Wanted, s.Stores[0].Keys)
	}
}

// oneRequest asks for up to eight keys, and counts the rows and those that have come.
func oneRequest(t *testing.T, e *Engine, groups []*Group, b bell, ids int64) (rows, present int64) {
	type ask struct {
		slot int
		id   int64
	}
	var asks []ask
	f, slots := e.Fetch(), map[int]bool{}
	for range 1 + rand.IntN(8) {
		a := ask{id: rand.Int64N(ids)}
		a.slot = f.Add(groups[rand.IntN(2)], key(a.id))
		asks = append(asks, a)
		slots[a.slot] = true
	}
	deadline := clock.Now().Add(time.Duration(rand.IntN(4)*rand.IntN(4)) * time.Millisecond)
	if !f.Start(deadline, b) && (rand.IntN(10) > 0 || !f.Cancel()) {
		<-b
	}
	for _, a := range asks {
		if r := f.Row(a.slot); r.Status == Present {
			present++
			wantRow(t, r, a.id)
		} else if r.Values != nil || r.Status == Missing || r.Status == Stale {
			t.Errorf("row of %d: %+v", a.id, r)
		}
	}
	f.Release()
	return int64(len(slots)), present
}
