//go:build !race

package postgres

import (
	"testing"
	"time"

	"sluice/internal/pgtest"
)

// A read allocates little beyond what the driver does, and nothing per key: a context that outlives the caller, and a goroutine.
func TestReadAllocates(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	g := numbers(t, "v", "f")
	var values []float64
	for i := range 100 {
		values = append(values, float64(i))
	}
	load(t, writerOf(t, server, schema, "v"), g, "one", values...)
	s := open(t, server, Options{Schema: schema, Layout: Native, ChunkKeys: 100, Poll: time.Hour})
	r := readerOf(t, s, g)
	shows(t, r, 1)
	f := func(n int) {
		t.Helper()
		keys := ids()
		for i := range n {
			keys = append(keys, ids(int64(i))...)
		}
		rows := newRows(g, n)
		read := func() {
			rows.Reset(g, n)
			must(t, r.Read(t.Context(), 1, keys, rows))
		}
		read()
		ours, driver := testing.AllocsPerRun(50, read), testing.AllocsPerRun(50, bare(t, s, r, keys))
		if ours-driver > 12 {
			t.Errorf("%d keys: %v allocations, and %v of the driver alone", n, ours, driver)
		}
		wantFloat(t, rows, n-1, float32(n-1))
	}
	f(1)
	f(100)
}
