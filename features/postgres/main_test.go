package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"sluice/features/native"
	"sluice/features/store"
	"sluice/internal/pgtest"
	"sluice/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Tests{M: m}) }

// within is a limit that no read of these tests reaches unless it hangs.
const within = time.Minute

// open makes a store in a schema of the test's own, with connections that are few enough to be watched.
func open(t testing.TB, s *pgtest.Postgres, o Options) *Store {
	t.Helper()
	if o.URL == "" {
		o.URL = s.URL
	}
	if o.Conns == 0 {
		o.Conns = 2
	}
	if o.Poll == 0 {
		o.Poll = time.Millisecond
	}
	o.Project = "p"
	st, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// numbers is a group with an INT64 key and one FP32 for each name.
func numbers(t testing.TB, view string, names ...string) *store.Group {
	t.Helper()
	g := store.Group{Name: "g", View: view, Keys: []store.KeyColumn{{Name: "id", Type: store.Int64}}}
	for _, name := range names {
		g.Columns = append(g.Columns, store.Column{Name: name, Type: tensor.FP32, Width: 1})
	}
	group, err := store.NewGroup(g)
	if err != nil {
		t.Fatal(err)
	}
	return group
}

func readerOf(t testing.TB, s *Store, g *store.Group) store.Reader {
	t.Helper()
	r, err := s.Reader(g)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ids(all ...int64) (keys []store.Key) {
	for _, id := range all {
		keys = append(keys, store.AppendInt(nil, store.Int64, id))
	}
	return keys
}

// read reads keys, of the visible generation.
func read(t testing.TB, r store.Reader, g *store.Group, limit time.Duration, keys []store.Key) (*store.Rows, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	rows := new(store.Rows)
	rows.Reset(g, len(keys))
	return rows, r.Read(ctx, r.Generation(), keys, rows)
}

// float is the number in a column of FP32, NaN if it is missing.
func float(rows *store.Rows, key, column int) float32 {
	if rows.States(key)[column] != store.Present {
		return float32(math.NaN())
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(rows.Row(key)[4*column:]))
}

// wantFloat wants the first column of a key that is done to have a value.
func wantFloat(t testing.TB, rows *store.Rows, key int, want float32) {
	t.Helper()
	got := float(rows, key, 0)
	if !rows.IsDone(key) || got != want && !(math.IsNaN(float64(got)) && math.IsNaN(float64(want))) {
		t.Errorf("key %d is %v, done %v; want %v", key, got, rows.IsDone(key), want)
	}
}

var missing = float32(math.NaN())

// record is a row of a group whose first column is v, at a time.
func record(t testing.TB, g *store.Group, id int64, ns int64, v float64) store.Record {
	t.Helper()
	schema, err := native.SchemaOf(g)
	if err != nil {
		t.Fatal(err)
	}
	var rows store.Rows
	rows.Reset(g, 1)
	rows.SetFloat(0, 0, v)
	rows.SetTime(0, ns)
	return store.Record{Key: ids(id)[0], Value: schema.Append(nil, &rows, 0)}
}

func schemaOf(t testing.TB, g *store.Group) *native.Schema {
	t.Helper()
	s, err := native.SchemaOf(g)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shows waits until a reader sees a generation.
func shows(t testing.TB, r store.Reader, generation uint64) {
	t.Helper()
	for since := time.Now(); r.Generation() != generation; time.Sleep(time.Millisecond) {
		if time.Since(since) > within {
			t.Fatalf("generation %d does not become visible: it is %d", generation, r.Generation())
		}
	}
}

// sessions waits until the store has so many connections and none of them is at work, and returns their processes.
func sessions(t testing.TB, s *pgtest.Postgres, name string, n int) (pids []int32) {
	t.Helper()
	s.With(t, func(ctx context.Context, c *pgx.Conn) {
		for {
			rows, err := c.Query(ctx, "select pid, coalesce(state, '') from pg_stat_activity where application_name = $1 order by pid", name)
			if err != nil {
				t.Fatal(err)
			}
			var pid int32
			var state string
			idle := true
			pids = pids[:0]
			if _, err := pgx.ForEachRow(rows, []any{&pid, &state}, func() error {
				pids = append(pids, pid)
				idle = idle && state == "idle"
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if idle && len(pids) == n {
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	return pids
}

func isTimeout(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

func newRows(g *store.Group, n int) *store.Rows {
	rows := new(store.Rows)
	rows.Reset(g, n)
	return rows
}
