package load

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"sluice/features/postgres"
	"sluice/features/store"
	"sluice/internal/pgtest"
)

var _ Writer = (*postgres.Writer)(nil)

func postgresWriter(t testing.TB, url, schema string) *postgres.Writer {
	t.Helper()
	w, err := postgres.NewWriter(postgres.Options{URL: url, Schema: schema}, "v")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// stored calls each for the rows of a generation, and says how many there are.
func stored(t testing.TB, server *pgtest.Postgres, schema string, generation uint64, each func(id int64, value []byte)) (n int) {
	t.Helper()
	server.With(t, func(ctx context.Context, c *pgx.Conn) {
		answer := c.PgConn().ExecParams(ctx, fmt.Sprintf("select entity_key, payload from %s.sluice_v_g%d", schema, generation), nil, nil, nil, []int16{1})
		for answer.NextRow() {
			each(store.Int(store.Int64, answer.Values()[0]), answer.Values()[1])
			n++
		}
		if _, err := answer.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return n
}

func TestLoadsIntoPostgres(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	s := spec(t, simpleSpec)
	m := newMemory()
	for i, rows := range []int{2000, 3000} {
		path, want := simpleFile(t, s, rows, float64(i+1))
		r, err := Load(t.Context(), s, path, postgresWriter(t, server.URL, schema), Options{ChunkRows: 300})
		if err != nil || r.Generation != uint64(i+1) || r.Read != int64(rows) {
			t.Fatalf("got %+v, %v", r, err)
		}
		m.generations[r.Generation] = &generation{values: map[string][]byte{}}
		stored(t, server, schema, r.Generation, func(id int64, value []byte) {
			m.generations[r.Generation].values[string(store.AppendInt(nil, store.Int64, id))] = bytes.Clone(value)
		})
		if got := m.show(r.Generation); got != want {
			t.Errorf("generation %d is not the file's: %d bytes, want %d", r.Generation, len(got), len(want))
		}
	}
}
