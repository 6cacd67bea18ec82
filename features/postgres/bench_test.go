package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sluice/features/store"
	"sluice/internal/pgtest"
	"sluice/internal/tensor"
)

// benchColumns is how many features an entity of the benchmarks has, benchKeys how many entities a read asks for.
const (
	benchColumns = 20
	benchKeys    = 50
	benchRows    = 10_000
)

func benchGroup(t testing.TB) *store.Group {
	g := store.Group{Name: "g", View: "b", Keys: []store.KeyColumn{{Name: "id", Type: store.Int64}}}
	for i := range benchColumns {
		g.Columns = append(g.Columns, store.Column{Name: fmt.Sprintf("f%02d", i), Type: tensor.FP32, Width: 1})
	}
	group, err := store.NewGroup(g)
	must(t, err)
	return group
}

// benchFill makes the same numbers of many entities, in both layouts.
func benchFill(t testing.TB, server *pgtest.Postgres, schema string, g *store.Group) {
	server.Do(t, "create table "+schema+".p_b (entity_key bytea, feature_name text, value bytea, event_ts timestamptz, primary key (entity_key, feature_name))",
		"insert into "+schema+".p_b select "+keySQL+", 'f' || lpad(j::text, 2, '0'), '\\x35'::bytea || "+floatSQL+", now() from generate_series(0, "+
			itoa(benchRows-1)+") as i, generate_series(0, "+itoa(benchColumns-1)+") as j")
	w := writerOf(t, server, schema, "b")
	_, err := w.Begin(t.Context(), "bench", schemaOf(t, g))
	must(t, err)
	rows := newRows(g, 1)
	var chunk []store.Record
	for i := range benchRows {
		for c := range benchColumns {
			rows.SetFloat(0, c, float64(i)/4)
		}
		chunk = append(chunk, store.Record{Key: ids(int64(i))[0], Value: schemaOf(t, g).Append(nil, rows, 0)})
	}
	must(t, w.Write(t.Context(), 0, chunk))
	must(t, w.Flip(t.Context()))
	server.Do(t, "analyze")
}

// BenchmarkRead reads the same rows through a reader, and with the driver alone, which takes the same answer and throws it away.
func BenchmarkRead(b *testing.B) {
	server := pgtest.Server(b)
	schema := server.Schema(b)
	g := benchGroup(b)
	benchFill(b, server, schema, g)
	keys := make([]store.Key, benchKeys)
	for i := range keys {
		keys[i] = ids(int64(i * 7919 % benchRows))[0]
	}
	for name, layout := range map[string]Layout{"native": Native, "feast": Feast} {
		s := open(b, server, Options{Schema: schema, Layout: layout, Conns: 4, Poll: time.Hour})
		r := readerOf(b, s, g)
		if layout == Native {
			shows(b, r, 1)
		}
		rows := newRows(g, benchKeys)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rows.Reset(g, benchKeys)
				must(b, r.Read(b.Context(), r.Generation(), keys, rows))
			}
			wantFloat(b, rows, 1, 7919.0/4)
		})
		b.Run(name+"/driver", func(b *testing.B) {
			ask := bare(b, s, r, keys)
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}

// bare makes a read with the driver alone, in the same statements, whose answer is thrown away.
func bare(t testing.TB, s *Store, r store.Reader, keys []store.Key) func() {
	var q *query
	reading := &reading{store: s}
	switch r := r.(type) {
	case *feastReader:
		q = r.query
		reading.sort(keys, r.keys.Append)
	case *nativeReader:
		q = &r.last.Load().query
		reading.sort(keys, appendNative)
	}
	array := appendBytes(nil, len(keys), func(i int) []byte { return reading.key(reading.order[i]) })
	params, types := [][]byte{array}, keysType
	if q.names != nil {
		params, types = [][]byte{array, q.names}, namesType
	}
	return func() {
		conn, err := s.pool.Acquire(t.Context())
		must(t, err)
		p := conn.Conn().PgConn().StartPipeline(t.Context())
		p.SendQueryParams("begin read only", nil, nil, nil, nil)
		p.SendQueryParams("set local statement_timeout = 1000", nil, nil, nil, nil)
		p.SendQueryParams(q.text, params, types, binaryForm, binaryForm)
		p.SendPipelineSync()
		p.SendQueryParams("commit", nil, nil, nil, nil)
		must(t, p.Sync())
		for {
			results, err := p.GetResults()
			must(t, err)
			if results == nil {
				break
			}
			if answer, ok := results.(*pgconn.ResultReader); ok {
				for answer.NextRow() {
				}
				_, err = answer.Close()
				must(t, err)
			}
		}
		must(t, p.Close())
		conn.Release()
	}
}
