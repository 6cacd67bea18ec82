package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/features/native"
	"sluice/features/store"
	"sluice/internal/tensor"
)

var id = []store.KeyColumn{{Name: "id", Type: store.Int64}}

func newGroup(t testing.TB, columns ...string) *store.Group {
	t.Helper()
	g := store.Group{Name: "g", View: "v", Keys: id}
	for _, name := range columns {
		g.Columns = append(g.Columns, store.Column{Name: name, Type: tensor.FP32, Width: 1})
	}
	made, err := store.NewGroup(g)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func schemaOf(t testing.TB, g *store.Group) *native.Schema {
	t.Helper()
	s, err := native.SchemaOf(g)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// record is a stored row of an entity, with the same number in each column.
func record(g *store.Group, s *native.Schema, entity int64, v float64, ns int64) store.Record {
	var r store.Rows
	r.Reset(g, 1)
	for i := range g.Columns {
		r.SetFloat(0, i, v)
	}
	r.SetTime(0, ns)
	return store.Record{Key: store.AppendInt(nil, store.Int64, entity), Value: s.Append(nil, &r, 0)}
}

// records are those of entities 0 to n-1, sorted by key.
func records(g *store.Group, s *native.Schema, n int, v float64, ns int64) (all []store.Record) {
	for i := range n {
		all = append(all, record(g, s, int64(i), v, ns))
	}
	slices.SortFunc(all, func(a, b store.Record) int { return bytes.Compare(a.Key, b.Key) })
	return all
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWriter(t testing.TB, dir string) *Writer {
	t.Helper()
	w, err := NewWriter(dir, "v")
	must(t, err)
	t.Cleanup(func() { must(t, w.Close()) })
	return w
}

// load makes rows visible.
func load(t testing.TB, w *Writer, source string, s *native.Schema, rows []store.Record) uint64 {
	t.Helper()
	standing, err := w.Begin(t.Context(), source, s)
	must(t, err)
	must(t, w.Write(t.Context(), standing.Rows, rows[standing.Rows:]))
	must(t, w.Flip(t.Context()))
	return standing.Generation
}

// value reads column f of an entity: NaN if it is missing.
func value(t testing.TB, r store.Reader, generation uint64, entity int64) float64 {
	t.Helper()
	v, err := tryValue(t.Context(), r, generation, entity)
	must(t, err)
	return v
}

func tryValue(ctx context.Context, r store.Reader, generation uint64, entity int64) (float64, error) {
	var rows store.Rows
	rows.Reset(r.(groupReader).group, 1)
	if err := r.Read(ctx, generation, []store.Key{store.AppendInt(nil, store.Int64, entity)}, &rows); err != nil {
		return 0, err
	}
	if !rows.IsDone(0) {
		return 0, errors.New("the row is not done")
	}
	if rows.States(0)[0] != store.Present {
		return math.NaN(), nil
	}
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(rows.Row(0)))), nil
}

func newReader(t testing.TB, s *Store, g *store.Group) store.Reader {
	t.Helper()
	r, err := s.Reader(g)
	must(t, err)
	return groupReader{r, g}
}

type groupReader struct {
	store.Reader
	group *store.Group
}

func opened(t testing.TB, dir string) *Store {
	t.Helper()
	s := Open(dir, Options{})
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// look lets a store look for what is new.
func look() {
	time.Sleep(pollEvery)
	synctest.Wait()
}

func TestGenerations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		g := newGroup(t, "f", "other")
		s, w := schemaOf(t, g), newWriter(t, dir)
		var told []error
		st := Open(dir, Options{Fault: func(_ string, fault error) { told = append(told, fault) }})
		defer st.closed()
		r := newReader(t, st, newGroup(t, "f"))
		if _, err := tryValue(t.Context(), r, r.Generation(), 1); err == nil || !strings.Contains(err.Error(), "view v in "+dir+" has no generation: load one") {
			t.Error(err)
		}

		load(t, w, "one", s, records(g, s, 100, 1, 5))
		if v := value(t, r, r.Generation(), 99); v != 1 || r.Generation() != 1 {
			t.Errorf("%v in generation %d", v, r.Generation())
		}
		if len(told) != 2 || told[0] == nil || told[1] != nil {
			t.Errorf("%v is told, want a fault and its end", told)
		}
		if v := value(t, r, 1, 100); !math.IsNaN(v) {
			t.Errorf("an entity that is not there has %v", v)
		}

		load(t, w, "two", s, records(g, s, 100, 2, 5))
		look()
		if v, before := value(t, r, r.Generation(), 7), value(t, r, 1, 7); v != 2 || before != 1 || r.Generation() != 2 {
			t.Errorf("%v in generation %d, and %v in the one before", v, r.Generation(), before)
		}
		time.Sleep(native.KeepSeconds * time.Second)
		look()
		if _, err := tryValue(t.Context(), r, 1, 7); err == nil || !strings.Contains(err.Error(), "generation 1 of view v in "+dir+" is not open any more") {
			t.Error(err)
		}

		must(t, w.Rollback(t.Context()))
		look()
		if v := value(t, r, r.Generation(), 7); v != 1 || r.Generation() != 1 {
			t.Errorf("%v in generation %d after the way back", v, r.Generation())
		}
		must(t, w.Rollback(t.Context()))
		must(t, w.Rollback(t.Context()))
		look()
		if r.Generation() != 1 {
			t.Errorf("generation %d", r.Generation())
		}
		must(t, st.Ping(t.Context()))

		// The next load deletes what is neither visible nor the way back.
		if got := load(t, w, "three", s, records(g, s, 100, 3, 5)); got != 3 {
			t.Errorf("generation %d is loaded", got)
		}
		wantFiles(t, dir, "1.rows", "2.rows", "3.rows")
		time.Sleep(native.KeepSeconds * time.Second)
		load(t, w, "four", s, records(g, s, 100, 4, 5))
		wantFiles(t, dir, "1.rows", "3.rows", "4.rows")
	})
}

func wantFiles(t testing.TB, dir string, want ...string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "v", "*.*s"))
	must(t, err)
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	if !slices.Equal(found, want) {
		t.Errorf("there are %v, want %v", found, want)
	}
}

// TestResume begins loads again and again: of the same source it goes on, of another one it begins anew, and of one that is
// visible it does nothing.
func TestResume(t *testing.T) {
	synctest.Test(t, testResume)
}

func testResume(t *testing.T) {
	dir := t.TempDir()
	g := newGroup(t, "f")
	s := schemaOf(t, g)
	rows := records(g, s, 50, 1, 5)
	begin := func(source string, want store.Standing) *Writer {
		t.Helper()
		w := newWriter(t, dir)
		got, err := w.Begin(t.Context(), source, s)
		if err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
		return w
	}
	w := begin("a", store.Standing{Generation: 1})
	must(t, w.Write(t.Context(), 0, rows[:20]))
	if err := w.Write(t.Context(), 0, rows[:20]); err == nil || !strings.Contains(err.Error(), "has 20 rows, and the load has written 0") {
		t.Error(err)
	}
	busy, err := NewWriter(dir, "v")
	must(t, err)
	if _, err := busy.Begin(t.Context(), "a", s); err == nil || !strings.Contains(err.Error(), "view v is being loaded by another process") {
		t.Error(err)
	}
	must(t, w.Close())
	w = begin("a", store.Standing{Generation: 1, Rows: 20})
	must(t, w.Write(t.Context(), 20, rows[20:]))
	must(t, w.Close())
	w = begin("b", store.Standing{Generation: 1})
	must(t, w.Write(t.Context(), 0, rows[:10]))
	must(t, w.Close())
	w = begin("a", store.Standing{Generation: 1})
	must(t, w.Write(t.Context(), 0, rows))
	var back []string
	must(t, w.Read(t.Context(), [][]byte{rows[3].Key, []byte("none"), rows[5].Key}, func(i int, value []byte) {
		back = append(back, string(rune('0'+i))+string(value))
	}))
	if !slices.Equal(back, []string{"0" + string(rows[3].Value), "2" + string(rows[5].Value)}) {
		t.Errorf("%q is read back", back)
	}
	must(t, w.Flip(t.Context()))
	if err := w.Flip(t.Context()); !errors.Is(err, errNotBegun) {
		t.Error(err)
	}
	must(t, w.Close())
	must(t, begin("a", store.Standing{Generation: 1, Rows: 50, Visible: true}).Close())
	must(t, begin("b", store.Standing{Generation: 2}).Close())
	// A load that was killed while it made its file.
	must(t, os.WriteFile(filepath.Join(dir, "v", "2.rows"), make([]byte, 5000), 0o644))
	must(t, begin("b", store.Standing{Generation: 2}).Close())
}
