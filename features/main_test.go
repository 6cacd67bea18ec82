package features

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sluice/features/store"
	"sluice/internal/clock"
	"sluice/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a store in memory. Its rows say which key they are of.
type fake struct {
	generation atomic.Uint64
	reads      atomic.Int64
	// before is called by each read, and may take time or fail; it may be nil.
	before func(ctx context.Context, keys []store.Key) error
	// fill sets the row of a key; fillRow if nil.
	fill func(into *store.Rows, i int, key int64)
	// lost tells of which keys the store fails, in the middle of their rows; it may be nil.
	lost func(key int64) bool
	// time is the event time of rows.
	time atomic.Int64

	watched bool
	mu      sync.Mutex
	sets    [][]int64 // the keys of each read, sorted, if it is watched
}

func (f *fake) Reader(*store.Group) (store.Reader, error) { return f, nil }
func (f *fake) Ping(context.Context) error                { return nil }
func (f *fake) Close() error                              { return nil }
func (f *fake) Generation() uint64                        { return f.generation.Load() }

func (f *fake) Read(ctx context.Context, _ uint64, keys []store.Key, into *store.Rows) error {
	f.reads.Add(1)
	if f.watched {
		var set []int64
		for _, k := range keys {
			set = append(set, number(k))
		}
		f.mu.Lock()
		f.sets = append(f.sets, slices.Sorted(slices.Values(set)))
		f.mu.Unlock()
	}
	if f.before != nil {
		if err := f.before(ctx, keys); err != nil {
			return err
		}
	}
	fill := f.fill
	if fill == nil {
		fill = fillRow
	}
	var err error
	for i, k := range keys {
		into.SetTime(i, f.time.Load())
		fill(into, i, number(k))
		if f.lost != nil && f.lost(number(k)) {
			err = errBroken
			continue
		}
		into.Done(i)
	}
	return err
}

// took is the keys of each read since the last call.
func (f *fake) took() [][]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	sets := f.sets
	f.sets = nil
	return sets
}

// fillRow sets the first column to the key, and further ones to what follows.
func fillRow(into *store.Rows, i int, key int64) {
	for c := range into.Group().Columns {
		into.SetInt(i, c, key+int64(c))
	}
}

var errBroken = errors.New("broken")

// takes is a store that needs a time for each read, and honours its context.
func takes(d time.Duration) func(context.Context, []store.Key) error {
	return func(ctx context.Context, _ []store.Key) error {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func key(id int64) store.Key { return store.AppendInt(nil, store.Int64, id) }

func number(k store.Key) int64 { return int64(binary.LittleEndian.Uint64(k)) }

func newEngine(t testing.TB, opt Options, st store.Store, sopt StoreOptions) *Engine {
	t.Helper()
	e, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.AddStore("s", st, sopt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func layoutOf(t testing.TB, columns ...string) *store.Group {
	t.Helper()
	g := store.Group{Name: "g", View: "view", Keys: []store.KeyColumn{{Name: "id", Type: store.Int64}}}
	for _, name := range columns {
		g.Columns = append(g.Columns, store.Column{Name: name, Type: tensor.Int64, Width: 1})
	}
	layout, err := store.NewGroup(g)
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

func newGroupOf(t testing.TB, e *Engine, opt GroupOptions, columns ...string) *Group {
	t.Helper()
	if columns == nil {
		columns = []string{"a", "b"}
	}
	g, err := e.Group("s", layoutOf(t, columns...), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Release)
	return g
}

// bell is a waiter that rings.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) Fetched() { b <- struct{}{} }

// begin starts a fetch of keys; slots are numbered as the keys are, if none is there twice.
func begin(e *Engine, g *Group, wait time.Duration, ids ...int64) (f *Fetch, b bell, ready bool) {
	f, b = e.Fetch(), newBell()
	for _, id := range ids {
		f.Add(g, key(id))
	}
	deadline := clock.Never
	if wait != 0 {
		deadline = clock.Now().Add(wait)
	}
	return f, b, f.Start(deadline, b)
}

// wait fetches keys and waits for them.
func wait(e *Engine, g *Group, ids ...int64) *Fetch {
	f, b, ready := begin(e, g, 0, ids...)
	if !ready {
		<-b
	}
	return f
}

// get does so in a bubble, and then waits until what has come is in the cache.
func get(e *Engine, g *Group, ids ...int64) *Fetch {
	f := wait(e, g, ids...)
	synctest.Wait()
	return f
}

// statusOf fetches one key.
func statusOf(e *Engine, g *Group, id int64) (s Status, cached bool) {
	f := get(e, g, id)
	defer f.Release()
	r := f.Row(0)
	return r.Status, r.Cached
}

// wantRow holds a row against what fillRow sets.
func wantRow(t testing.TB, r Row, id int64) {
	t.Helper()
	if r.Status != Present || len(r.Values) != 8*len(r.States) {
		t.Errorf("row of %d: %+v", id, r)
		return
	}
	for c, s := range r.States {
		if got := number(store.Key(r.Values[8*c:])); s != store.Present || got != id+int64(c) {
			t.Errorf("row of %d has %d in column %d, in state %d", id, got, c, s)
		}
	}
}

// ended tells whether a fetch's waiter has been told.
func (b bell) ended() bool {
	select {
	case <-b:
		return true
	default:
		return false
	}
}
