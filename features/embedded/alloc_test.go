//go:build !race

package embedded

import (
	"testing"

	bolt "go.etcd.io/bbolt"

	"sluice/features/store"
)

// TestReadAllocates compares a read with what the library allocates for the same keys.
func TestReadAllocates(t *testing.T) {
	r, keys, into := fifty(t)
	ours := testing.AllocsPerRun(100, func() { readFifty(t, r, keys, into) })
	bare := testing.AllocsPerRun(100, func() { bareFifty(t, r, keys) })
	if ours > bare {
		t.Errorf("a read of 50 keys allocates %v times, and the library alone %v times", ours, bare)
	}
}

// fifty is 50 keys of 1,000 with rows of 100 floats.
func fifty(t testing.TB) (r store.Reader, keys []store.Key, into *store.Rows) {
	var names []string
	for i := range 100 {
		names = append(names, "feature_"+string(rune('a'+i/26))+string(rune('a'+i%26)))
	}
	g := newGroup(t, names...)
	s, dir := schemaOf(t, g), t.TempDir()
	load(t, newWriter(t, dir), "one", s, records(g, s, 1000, 1, 5))
	for i := range 50 {
		keys = append(keys, store.AppendInt(nil, store.Int64, int64(i*20)))
	}
	r, into = newReader(t, opened(t, dir), g), new(store.Rows)
	into.Reset(g, 50)
	return r, keys, into
}

func readFifty(t testing.TB, r store.Reader, keys []store.Key, into *store.Rows) {
	into.Reset(into.Group(), len(keys))
	if err := r.Read(t.Context(), 0, keys, into); err != nil {
		t.Fatal(err)
	}
}

func bareFifty(t testing.TB, r store.Reader, keys []store.Key) {
	g, err := r.(groupReader).Reader.(*reader).view.generation(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.rows.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(rowsBucket)
		for _, key := range keys {
			if len(b.Get(key)) == 0 {
				t.Fatal("no row")
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkRead50(b *testing.B) {
	r, keys, into := fifty(b)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			readFifty(b, r, keys, into)
		}
	})
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			bareFifty(b, r, keys)
		}
	})
}
