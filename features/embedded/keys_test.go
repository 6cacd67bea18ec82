package embedded

import (
	"slices"
	"testing"

	"sluice/features/native"
	"sluice/features/store"
	"sluice/internal/tensor"
)

// Every entity is listed once: those that were loaded, and those that were upserted.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	g, err := store.NewGroup(store.Group{
		Name: "v", View: "v", Keys: []store.KeyColumn{{Name: "id", Type: store.Int64}}, Columns: []store.Column{{Name: "f", Type: tensor.FP32, Width: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := native.SchemaOf(g)
	if err != nil {
		t.Fatal(err)
	}
	records := func(ids ...int64) (all []store.Record) {
		var rows store.Rows
		for _, id := range ids {
			rows.Reset(g, 1)
			rows.SetFloat(0, 0, 0.5)
			rows.SetTime(0, id)
			all = append(all, store.Record{Key: store.AppendInt(nil, store.Int64, id), Value: schema.Append(nil, &rows, 0)})
		}
		return all
	}
	w, err := NewWriter(dir, "v")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Begin(t.Context(), "source", schema)
	for _, step := range []func() error{
		func() error { return err },
		func() error { return w.Write(t.Context(), 0, records(1, 2, 3)) },
		func() error { return w.Flip(t.Context()) },
		func() error { return w.Upsert(t.Context(), schema, records(2, 9)) },
		w.Close,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	s := Open(dir, Options{})
	keys, err := s.Keys("v")
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, key := range keys {
		ids = append(ids, store.Int(store.Int64, key))
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []int64{1, 2, 3, 9}) {
		t.Errorf("got %v", ids)
	}
	if _, err := s.Keys("other"); err == nil {
		t.Error("a view that is not there has keys")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Keys("v"); err == nil {
		t.Error("a store that is closed has keys")
	}
}
