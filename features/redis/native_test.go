package redis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"sluice/features/load"
	"sluice/features/native"
	"sluice/features/store"
	"sluice/internal/tensor"
)

var _ load.Writer = (*Writer)(nil)

// written is the rows of a group for ids, each with the values of its number and a time.
func written(t testing.TB, g *store.Group, ns int64, values func(id int64) []float64, ids ...int64) (records []store.Record) {
	t.Helper()
	schema, err := native.SchemaOf(g)
	if err != nil {
		t.Fatal(err)
	}
	var rows store.Rows
	for _, v := range ids {
		rows.Reset(g, 1)
		rows.SetTime(0, ns)
		for column, value := range values(v) {
			rows.SetFloat(0, column, value)
		}
		records = append(records, store.Record{Key: id(v), Value: schema.Append(nil, &rows, 0)})
	}
	return records
}

func writer(t testing.TB, address string) *Writer {
	t.Helper()
	w, err := NewWriter(Options{Addresses: []string{address}}, "v")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func schemaOf(t testing.TB, g *store.Group) *native.Schema {
	t.Helper()
	s, err := native.SchemaOf(g)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// loaded loads rows as a generation of its own.
func loaded(t testing.TB, w *Writer, source string, g *store.Group, rows []store.Record) store.Standing {
	t.Helper()
	ctx := patient(t)
	standing, err := w.Begin(ctx, source, schemaOf(t, g))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(ctx, standing.Rows, rows), w.Flip(ctx)); err != nil {
		t.Fatal(err)
	}
	return standing
}

// sees waits until a reader sees a generation.
func sees(t testing.TB, r store.Reader, generation uint64) {
	t.Helper()
	until(t, fmt.Sprint("generation ", generation), func() bool { return r.Generation() == generation })
}

func has(t testing.TB, r store.Reader, g *store.Group, generation uint64, key int64, want ...float64) {
	t.Helper()
	var rows store.Rows
	rows.Reset(g, 1)
	if err := r.Read(patient(t), generation, ids(key), &rows); err != nil || !rows.IsDone(0) || !slices.Equal(numbers(&rows, 0), want) {
		t.Errorf("key %d of generation %d: %v, %v, want %v", key, generation, numbers(&rows, 0), err, want)
	}
}

func times(factor float64) func(int64) []float64 {
	return func(id int64) []float64 { return []float64{float64(id) * factor, 0.5} }
}

func TestGenerations(t *testing.T) {
	m := mini(t)
	g := group(t, "v", byID, float("a"), float("b"))
	s := open(t, Options{Addresses: []string{m.Addr()}, Layout: Native, Poll: time.Millisecond})
	r := reader(t, s, g)
	w := writer(t, m.Addr())
	now := time.Unix(1000, 0)
	w.now = func() time.Time { return now }

	var rows store.Rows
	rows.Reset(g, 1)
	ctx := patient(t)
	until(t, "that there is no generation", func() bool {
		err := r.Read(ctx, r.Generation(), ids(1), &rows)
		return err != nil && strings.Contains(err.Error(), `view "v" has no generation`)
	})
	first := loaded(t, w, "one", g, written(t, g, 10, times(1), 1, 2, 3))
	sees(t, r, first.Generation)
	has(t, r, g, first.Generation, 2, 2, 0.5)
	has(t, r, g, first.Generation, 4, -1, -1)

	// The same source again is there already.
	if again, err := w.Begin(patient(t), "one", schemaOf(t, g)); err != nil || again != (store.Standing{Generation: first.Generation, Rows: 3, Visible: true}) {
		t.Error(again, err)
	}
	second := loaded(t, w, "two", g, written(t, g, 20, times(10), 1, 2))
	sees(t, r, second.Generation)
	has(t, r, g, second.Generation, 2, 20, 0.5)
	has(t, r, g, second.Generation, 3, -1, -1)
	has(t, r, g, first.Generation, 3, 3, 0.5) // who has begun with the old one goes on with it

	if err := w.Rollback(patient(t)); err != nil {
		t.Error(err)
	}
	sees(t, r, first.Generation)
	if err := w.Rollback(patient(t)); err != nil {
		t.Error(err)
	}
	sees(t, r, second.Generation)

	now = now.Add(native.KeepSeconds * time.Second)
	third := loaded(t, w, "three", g, written(t, g, 30, times(100), 1))
	sees(t, r, third.Generation)
	has(t, r, g, third.Generation, 1, 100, 0.5)
	has(t, r, g, first.Generation, 3, -1, -1) // the next load has removed it
	has(t, r, g, second.Generation, 2, 20, 0.5)
	if got, want := left(m), []string{"v:2:", "v:2:", "v:3:", "v:generation", "v:load:2", "v:load:3", "v:schema"}; !slices.Equal(got, want) {
		t.Error(got)
	}
}

// left is the names in a server, without entities and hashes.
func left(m *miniredis.Miniredis) (names []string) {
	for _, key := range m.Keys() {
		switch {
		case strings.HasPrefix(key, "v:schema"):
			key = "v:schema"
		case !strings.HasPrefix(key, "v:load") && !strings.HasPrefix(key, "v:generation"):
			key = key[:4]
		}
		names = append(names, key)
	}
	slices.Sort(names)
	return names
}

// TestOtherSchema reads rows that have more columns than the group, in another order, as other types.
func TestOtherSchema(t *testing.T) {
	m := mini(t)
	stored := group(t, "v", byID, float("x"), store.Column{Name: "b", Type: tensor.FP64, Width: 1}, float("a"))
	loaded(t, writer(t, m.Addr()), "one", stored, written(t, stored, 5, func(id int64) []float64 { return []float64{9, 0.25, float64(id)} }, 1, 2))
	s := open(t, Options{Addresses: []string{m.Addr()}, Layout: Native, Poll: time.Millisecond})
	g := group(t, "v", byID, float("a"), float("b"), float("new"))
	r := reader(t, s, g)
	sees(t, r, 1)
	has(t, r, g, 1, 2, 2, 0.25, -1)

	// A row without a record and one that is none cannot be used.
	strange := group(t, "v", byID, float("strange"))
	unknown := written(t, strange, 5, func(int64) []float64 { return []float64{1} }, 3)[0].Value
	for _, value := range [][]byte{nil, []byte("no row"), unknown} {
		if err := m.Set("v:1:"+string(id(3)), string(value)); err != nil {
			t.Fatal(err)
		}
		has(t, r, g, 1, 3, -2, -2, -2)
	}

	other := group(t, "v", []store.KeyColumn{{Name: "other", Type: store.Int64}}, float("a"))
	or := reader(t, s, other)
	var rows store.Rows
	rows.Reset(other, 1)
	if err := or.Read(patient(t), 1, ids(1), &rows); err == nil || !strings.Contains(err.Error(), "other (INT64)") {
		t.Error(err)
	}
}

func TestLoadIsResumed(t *testing.T) {
	m := mini(t)
	g := group(t, "v", byID, float("a"), float("b"))
	ctx := patient(t)
	schema := schemaOf(t, g)
	one := writer(t, m.Addr())
	begun, err := one.Begin(ctx, "one", schema)
	if err != nil || begun != (store.Standing{Generation: 1}) {
		t.Fatal(begun, err)
	}
	if err := one.Write(ctx, 0, written(t, g, 10, times(1), 1, 2)); err != nil {
		t.Fatal(err)
	}
	if err := one.Write(ctx, 0, nil); !errors.Is(err, ErrOther) {
		t.Error("rows are counted twice:", err)
	}
	two := writer(t, m.Addr())
	if begun, err = two.Begin(ctx, "one", schema); err != nil || begun != (store.Standing{Generation: 1, Rows: 2}) {
		t.Fatal(begun, err)
	}
	if err := two.Write(ctx, 2, written(t, g, 10, times(1), 3)); err != nil {
		t.Fatal(err)
	}
	if err := one.Write(ctx, 2, written(t, g, 10, times(1), 3)); !errors.Is(err, ErrOther) {
		t.Error("two load one source:", err)
	}
	var got []string
	keys := [][]byte{id(1), id(3), id(4)}
	if err := two.Read(ctx, keys, func(i int, value []byte) {
		got = append(got, fmt.Sprint(i, bytes.Equal(value, written(t, g, 10, times(1), int64(2*i+1))[0].Value)))
	}); err != nil || !slices.Equal(got, []string{"0 true", "1 true"}) {
		t.Error(got, err)
	}
	// Another source takes the place of a load that was left.
	if begun, err = one.Begin(ctx, "other", schema); err != nil || begun != (store.Standing{Generation: 2}) {
		t.Fatal(begun, err)
	}
	if err := errors.Join(two.Write(ctx, 3, nil), two.Flip(ctx)); !errors.Is(err, ErrOther) {
		t.Error(err)
	}
	if err := errors.Join(one.Write(ctx, 0, written(t, g, 1, times(7), 1)), one.Flip(ctx), one.Flip(ctx)); err != nil {
		t.Error(err)
	}
	if got := left(m); slices.Contains(got, "v:1:") {
		t.Error("the rows of the load that was left are there: ", got)
	}
	if err := one.Rollback(ctx); err == nil || !strings.Contains(err.Error(), "no previous generation") {
		t.Error(err)
	}
}

// TestPointerIsLost has a server evict the pointer, and what a load has written down of itself. Rows of the generation that was
// visible do not come back under the number of the next one.
func TestPointerIsLost(t *testing.T) {
	m := mini(t)
	g := group(t, "v", byID, float("a"), float("b"))
	loaded(t, writer(t, m.Addr()), "one", g, written(t, g, 100, times(1), 1, 2))
	m.Del(native.PointerName("v"))
	w := writer(t, m.Addr())
	standing := loaded(t, w, "two", g, written(t, g, 50, times(10), 1))
	s := open(t, Options{Addresses: []string{m.Addr()}, Layout: Native})
	r := reader(t, s, g)
	sees(t, r, standing.Generation)
	has(t, r, g, standing.Generation, 1, 10, 0.5)
	has(t, r, g, standing.Generation, 2, -1, -1)

	ctx := patient(t)
	for _, pointer := range []bool{true, false} {
		at, err := w.Begin(ctx, "three", schemaOf(t, g))
		if err != nil {
			t.Fatal(err)
		}
		key := w.standingName(at.Generation)
		if pointer {
			key = native.PointerName("v")
		}
		m.Del(key)
		if err := w.Write(ctx, at.Rows, written(t, g, 60, times(3), 1)); !errors.Is(err, errGone) {
			t.Errorf("without %s: %v", key, err)
		}
	}
	if _, err := w.Begin(ctx, "four", schemaOf(t, g)); err != nil {
		t.Fatal(err)
	}
	m.Del(native.PointerName("v"))
	if err := w.Flip(ctx); !errors.Is(err, errGone) {
		t.Errorf("a load is made visible of which nothing is known: %v", err)
	}
}

func TestNewerRowsStay(t *testing.T) {
	m := mini(t)
	g := group(t, "v", byID, float("a"), float("b"))
	ctx := patient(t)
	schema := schemaOf(t, g)
	w, stream := writer(t, m.Addr()), writer(t, m.Addr())
	if err := stream.Upsert(ctx, schema, written(t, g, 1, times(1), 1)); err == nil || !strings.Contains(err.Error(), "load one first") {
		t.Error(err)
	}
	const old, now, late = 0x7f, 0x80, 0xff // bytes around which the order of texts may differ
	loaded(t, w, "one", g, written(t, g, now, times(1), 1, 2, 3))
	if _, err := w.Begin(ctx, "two", schema); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		stream.Upsert(ctx, schema, written(t, g, late, times(10), 1)),
		stream.Upsert(ctx, schema, written(t, g, old, times(20), 2)),
		stream.Upsert(ctx, schema, written(t, g, now, times(30), 3)),
	); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Addresses: []string{m.Addr()}, Layout: Native, Poll: time.Millisecond})
	r := reader(t, s, g)
	sees(t, r, 1)
	has(t, r, g, 1, 1, 10, 0.5)
	has(t, r, g, 1, 2, 2, 0.5)
	has(t, r, g, 1, 3, 3, 0.5) // of equal times the one that is there
	if err := errors.Join(w.Write(ctx, 0, written(t, g, now, times(2), 1, 2, 3)), w.Flip(ctx)); err != nil {
		t.Fatal(err)
	}
	sees(t, r, 2)
	has(t, r, g, 2, 1, 10, 0.5) // newer than the source's
	has(t, r, g, 2, 2, 4, 0.5)
	has(t, r, g, 2, 3, 6, 0.5) // of equal times the source's
	if err := stream.Upsert(ctx, schema, []store.Record{{Key: id(1), Value: []byte("x")}}); err == nil {
		t.Error("a row that is none is written")
	}
}

// TestUpsertsDuringLoads has a stream of upserts go on while generation after generation is loaded: what is visible in the end has
// the newest of each.
func TestUpsertsDuringLoads(t *testing.T) {
	m := mini(t)
	g := group(t, "v", byID, float("a"), float("b"))
	schema := schemaOf(t, g)
	w, stream := writer(t, m.Addr()), writer(t, m.Addr())
	keys := []int64{1, 2, 3, 4, 5}
	loaded(t, w, "0", g, written(t, g, 0, times(1), keys...))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan float64)
	go func() {
		newest := 0.0
		for ; ctx.Err() == nil; newest++ {
			if err := stream.Upsert(context.Background(), schema, written(t, g, int64(newest)+1000, times(newest), keys...)); err != nil {
				t.Error(err)
				break
			}
		}
		done <- newest - 1
	}()
	for i := range 10 {
		loaded(t, w, fmt.Sprint("source ", i), g, written(t, g, int64(i), times(-1), keys...))
	}
	stop()
	newest := <-done
	s := open(t, Options{Addresses: []string{m.Addr()}, Layout: Native, Poll: time.Millisecond})
	r := reader(t, s, g)
	sees(t, r, 11)
	for _, key := range keys {
		has(t, r, g, 11, key, float64(key)*newest, 0.5)
	}
}
