package embedded

import (
	"bytes"
	"cmp"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/features/native"
	"sluice/features/store"
	"sluice/internal/tensor"
)

func TestUpserts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		g := newGroup(t, "f")
		s, w := schemaOf(t, g), newWriter(t, dir)
		upserts := newWriter(t, dir)
		upsert := func(entity int64, v float64, ns int64) {
			t.Helper()
			must(t, upserts.Upsert(t.Context(), s, []store.Record{record(g, s, entity, v, ns)}))
		}
		if err := upserts.Upsert(t.Context(), s, nil); err == nil || !strings.Contains(err.Error(), "has no generation: load one before") {
			t.Error(err)
		}
		load(t, w, "one", s, records(g, s, 10, 1, 100))
		r := newReader(t, opened(t, dir), g)
		f := func(entity int64, want float64) {
			t.Helper()
			if v := value(t, r, r.Generation(), entity); v != want {
				t.Errorf("entity %d has %v in generation %d, want %v", entity, v, r.Generation(), want)
			}
		}
		f(3, 1)
		upsert(3, 2, 99)
		upsert(4, 2, 101)
		upsert(5, 2, 100)
		upsert(50, 2, 1)
		look()
		f(3, 1)
		f(4, 2)
		f(5, 1)
		f(50, 2)
		upsert(4, 3, 100)
		upsert(50, 4, 1)
		upsert(50, 3, 2)
		look()
		f(4, 2)
		f(50, 3)

		// What comes while a load goes on counts in both generations, if it is newer; what came before it does not.
		rows := records(g, s, 10, 7, 200)
		standing, err := w.Begin(t.Context(), "two", s)
		must(t, err)
		must(t, w.Write(t.Context(), 0, rows[:5]))
		upsert(1, 8, 199)
		upsert(2, 8, 201)
		upsert(60, 8, 1)
		look()
		f(1, 8)
		f(2, 8)
		must(t, w.Write(t.Context(), 5, rows[5:]))
		must(t, w.Flip(t.Context()))
		look()
		if r.Generation() != standing.Generation {
			t.Errorf("generation %d", r.Generation())
		}
		f(1, 7)
		f(2, 8)
		f(60, 8)
		f(4, 7)
		if v := value(t, r, r.Generation(), 50); !math.IsNaN(v) {
			t.Errorf("an upsert from before the load has %v", v)
		}
		must(t, w.Rollback(t.Context()))
		look()
		f(1, 8)
		f(50, 3)
		upsert(9, 9, 300)
		must(t, w.Rollback(t.Context()))
		look()
		f(9, 9)

		time.Sleep(native.KeepSeconds * time.Second)
		load(t, w, "three", s, rows)
		upsert(9, 10, 300)
		wantFiles(t, dir, "1.rows", "1.upserts", "2.rows", "2.upserts", "3.rows", "3.upserts")
		time.Sleep(native.KeepSeconds * time.Second)
		load(t, w, "four", s, rows)
		wantFiles(t, dir, "2.rows", "2.upserts", "3.rows", "3.upserts", "4.rows")
	})
}

// TestBatchThatWasCut leaves a part of a batch behind, as a writer that was killed does.
func TestBatchThatWasCut(t *testing.T) {
	dir := t.TempDir()
	g := newGroup(t, "f")
	s := schemaOf(t, g)
	load(t, newWriter(t, dir), "one", s, records(g, s, 10, 1, 5))
	must(t, newWriter(t, dir).Upsert(t.Context(), s, []store.Record{record(g, s, 1, 2, 6)}))
	path := filepath.Join(dir, "v", "1.upserts")
	whole, err := os.ReadFile(path)
	must(t, err)
	cut := appendFrame(nil, s, []store.Record{record(g, s, 2, 2, 6)})
	st := opened(t, dir)
	r := newReader(t, st, g)
	view := st.views()[0]
	for _, part := range [][]byte{cut[:len(cut)-1], cut[:5], append(bytes.Clone(cut[:len(cut)-1]), 0xff), {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1}, make([]byte, 100)} {
		must(t, os.WriteFile(path, append(bytes.Clone(whole), part...), 0o644))
		view.refresh(time.Now())
		if a, b := value(t, r, 0, 1), value(t, r, 0, 2); a != 2 || b != 1 {
			t.Errorf("%v and %v behind a batch that was cut to %x", a, b, part)
		}
	}
	w := newWriter(t, dir)
	must(t, w.Upsert(t.Context(), s, []store.Record{record(g, s, 3, 2, 6)}))
	must(t, newWriter(t, dir).Upsert(t.Context(), s, []store.Record{record(g, s, 4, 2, 6)}))
	must(t, w.Upsert(t.Context(), s, []store.Record{record(g, s, 5, 2, 6)}))
	view.refresh(time.Now())
	for entity, want := range []float64{1, 2, 1, 2, 2, 2} {
		if v := value(t, r, 0, int64(entity)); v != want {
			t.Errorf("entity %d has %v, want %v", entity, v, want)
		}
	}
	must(t, st.Ping(t.Context()))
	must(t, *cmp.Or(view.fault.Load(), new(error)))
}

// TestUpsertsHaveALimit fills the files of upserts: with rows that others have replaced, and with rows that stay.
func TestUpsertsHaveALimit(t *testing.T) {
	dir := t.TempDir()
	wide := store.Group{Name: "g", View: "v", Keys: id, Columns: []store.Column{{Name: "f", Type: tensor.FP32, Width: 1}, {Name: "wide", Type: tensor.FP64, Width: 1200}}}
	big, err := store.NewGroup(wide)
	must(t, err)
	g := newGroup(t, "f")
	s, bigSchema := schemaOf(t, g), schemaOf(t, big)
	w := newWriter(t, dir)
	w.limit = 640_000
	load(t, w, "one", s, records(g, s, 9, 1, 5))
	st := opened(t, dir)
	r := newReader(t, st, g)
	other := newWriter(t, dir)
	must(t, other.Upsert(t.Context(), s, []store.Record{record(g, s, 1, 7, 6)}))
	value(t, r, 0, 1)
	path := filepath.Join(dir, "v", "1.upserts")
	size := func() int64 {
		info, err := os.Stat(path)
		must(t, err)
		return info.Size()
	}
	for before, i := int64(0), int64(0); size() > before; i++ {
		before = size()
		must(t, w.Upsert(t.Context(), bigSchema, []store.Record{record(big, bigSchema, 2, float64(i), 10+i)}))
	}
	if n := size(); n > 20_000 {
		t.Errorf("%d bytes are left of rows that others have replaced", n)
	}
	must(t, other.Upsert(t.Context(), s, []store.Record{record(g, s, 3, 9, 6)}))
	st.views()[0].refresh(time.Now())
	if a, b, c := value(t, r, 0, 1), value(t, r, 0, 2), value(t, r, 0, 3); a != 7 || b < 60 || c != 9 {
		t.Errorf("%v, %v and %v after the files were made smaller", a, b, c)
	}

	var full []store.Record
	for i := range int64(55) {
		full = append(full, record(big, bigSchema, 100+i, 1, 6))
	}
	must(t, w.Upsert(t.Context(), bigSchema, full))
	err = w.Upsert(t.Context(), bigSchema, full[:12])
	if err == nil || !strings.Contains(err.Error(), "more they would be beyond 560000: load the view anew, twice, which deletes them") {
		t.Error(err)
	}
}
