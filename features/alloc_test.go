//go:build !race

package features

import (
	"testing"
	"time"

	"sluice/features/store"
	"sluice/internal/clock"
)

// asker asks for the same keys again and again.
type asker struct {
	e    *Engine
	g    *Group
	keys []store.Key
	bell bell
	sum  int
	st   *fake
}

func newAsker(t testing.TB, opt GroupOptions, keys int) *asker {
	columns := make([]string, 100)
	for i := range columns {
		columns[i] = string(rune('a' + i))
	}
	st := &fake{}
	e := newEngine(t, Options{}, st, StoreOptions{})
	a := &asker{e: e, st: st, g: newGroupOf(t, e, opt, columns...), bell: newBell()}
	for id := range int64(keys) {
		a.keys = append(a.keys, key(id))
	}
	for range 100 {
		a.ask()
	}
	return a
}

func (a *asker) ask() (ready bool) {
	f := a.e.Fetch()
	for _, k := range a.keys {
		f.Add(a.g, k)
	}
	if ready = f.Start(clock.Now().Add(time.Hour), a.bell); !ready {
		<-a.bell
	}
	for i := range a.keys {
		r := f.Row(i)
		a.sum += len(r.Values)
	}
	f.Release()
	return ready
}

func TestNothingIsAllocatedForWhatIsCached(t *testing.T) {
	a := newAsker(t, GroupOptions{TTL: time.Hour, MaxAge: time.Hour}, 50)
	if n := testing.AllocsPerRun(1000, func() {
		if !a.ask() {
			t.Error("it is not in the cache")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNothingIsAllocatedForARead(t *testing.T) {
	a := newAsker(t, GroupOptions{Budget: time.Minute}, 50)
	if n := testing.AllocsPerRun(1000, func() { a.ask() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestFewAreAllocatedForARowThatIsKept has each row replace the one before, as after its TTL.
func TestFewAreAllocatedForARowThatIsKept(t *testing.T) {
	a := newAsker(t, GroupOptions{Budget: time.Minute, TTL: 1}, 50)
	if n := testing.AllocsPerRun(1000, func() { a.ask() }); n > 3*50+1 {
		t.Errorf("%v allocations for 50 rows", n)
	}
}

func BenchmarkCached(b *testing.B) {
	a := newAsker(b, GroupOptions{TTL: time.Hour, MaxAge: time.Hour}, 50)
	b.ReportAllocs()
	for b.Loop() {
		a.ask()
	}
}

func BenchmarkCachedInParallel(b *testing.B) {
	a := newAsker(b, GroupOptions{TTL: time.Hour, MaxAge: time.Hour}, 50)
	b.RunParallel(func(p *testing.PB) {
		own := *a
		for p.Next() {
			own.ask()
		}
	})
}

// BenchmarkRead measures what the engine adds to a store that takes no time: its rows are of the read before.
func BenchmarkRead(b *testing.B) {
	a := newAsker(b, GroupOptions{Budget: time.Minute}, 50)
	a.st.fill = func(into *store.Rows, i int, _ int64) {
		_, states := into.Cells(i)
		for c := range states {
			states[c] = store.Present
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		a.ask()
	}
}

// BenchmarkReadWhole is that with rows that need not be copied.
func BenchmarkReadWhole(b *testing.B) {
	a := newAsker(b, GroupOptions{Budget: time.Minute}, 50)
	row := make([]byte, a.g.layout.RowBytes())
	a.st.fill = func(into *store.Rows, i int, _ int64) { into.SetWhole(i, row) }
	b.ReportAllocs()
	for b.Loop() {
		a.ask()
	}
}

// BenchmarkReadAndKept is that with rows that are put into the cache.
func BenchmarkReadAndKept(b *testing.B) {
	a := newAsker(b, GroupOptions{Budget: time.Minute, TTL: 1}, 50)
	b.ReportAllocs()
	for b.Loop() {
		a.ask()
	}
}
