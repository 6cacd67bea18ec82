package embedded

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/features/feast"
	"sluice/features/store"
	"sluice/internal/tensor"
)

var driverKeys = []store.KeyColumn{{Name: "driver_id", Type: store.Int64}}

func feastGroup(t testing.TB, view string, keys []store.KeyColumn, columns ...store.Column) *store.Group {
	t.Helper()
	g, err := store.NewGroup(store.Group{Name: "g", View: view, Keys: keys, Columns: columns})
	must(t, err)
	return g
}

func golden(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/sqlite_v3.db")
	must(t, err)
	path := filepath.Join(t.TempDir(), "on line's?.db") // a name that has to be escaped
	must(t, os.WriteFile(path, text, 0o644))
	return path
}

func openedFeast(t testing.TB, o FeastOptions) *Feast {
	t.Helper()
	o.Project = "my_project"
	f := OpenFeast(o)
	t.Cleanup(func() { must(t, f.Close()) })
	return f
}

func ints(entities ...int64) (keys []store.Key) {
	for _, v := range entities {
		keys = append(keys, store.AppendInt(nil, store.Int64, v))
	}
	return keys
}

func readFeast(t testing.TB, f *Feast, g *store.Group, keys []store.Key) *store.Rows {
	t.Helper()
	r, err := f.Reader(g)
	must(t, err)
	var rows store.Rows
	rows.Reset(g, len(keys))
	must(t, r.Read(t.Context(), r.Generation(), keys, &rows))
	for i := range keys {
		if !rows.IsDone(i) {
			t.Fatalf("row %d is not done", i)
		}
	}
	return &rows
}

// TestFeastGolden reads what Feast itself wrote, the entities in no order.
func TestFeastGolden(t *testing.T) {
	f := openedFeast(t, FeastOptions{Path: golden(t)})
	must(t, f.Ping(t.Context()))
	g := feastGroup(t, "driver_hourly_stats", driverKeys,
		store.Column{Name: "trips", Type: tensor.Int32, Width: 1}, store.Column{Name: "conv_rate", Type: tensor.FP32, Width: 1},
		store.Column{Name: "emb", Type: tensor.FP64, Width: 2}, store.Column{Name: "city", Type: tensor.FP32, Width: 1},
		store.Column{Name: "last_seen", Type: tensor.Int64, Width: 1}, store.Column{Name: "it's none", Type: tensor.FP32, Width: 1})
	rows := readFeast(t, f, g, ints(1003, 9999, 1001, 1004, 1002))
	const missing, present, wrong = store.Missing, store.Present, store.Wrong
	check := func(key int, ns int64, states []store.State, values ...any) {
		t.Helper()
		var want []byte
		for _, v := range values {
			want, _ = binary.Append(want, binary.LittleEndian, v)
		}
		if !bytes.Equal(rows.Row(key), want) || fmt.Sprint(rows.States(key)) != fmt.Sprint(states) || rows.Time(key) != ns {
			t.Errorf("row %d is %x in %v at %d, want %x in %v at %d", key, rows.Row(key), rows.States(key), rows.Time(key), want, states, ns)
		}
	}
	const seen = 1700000000
	check(0, seen*1e9, []store.State{present, missing, present, wrong, present, missing}, int32(-1), float32(0), []float64{1, 2}, float32(0), int64(seen), float32(0))
	check(1, 0, []store.State{missing, missing, missing, missing, missing, missing}, int32(0), float32(0), []float64{0, 0}, float32(0), int64(0), float32(0))
	check(2, seen*1e9, []store.State{present, present, present, wrong, present, missing}, int32(7), float32(.5), []float64{.5, -.5}, float32(0), int64(seen), float32(0))
	check(3, seen*1e9, []store.State{present, present, missing, missing, present, missing}, int32(math.MaxInt32), float32(-1.25), []float64{0, 0}, float32(0), int64(seen), float32(0))
	check(4, seen*1e9, []store.State{present, present, missing, wrong, present, missing}, int32(0), float32(0), []float64{0, 0}, float32(0), int64(seen), float32(0))

	g = feastGroup(t, "customer_driver", []store.KeyColumn{{Name: "driver_id", Type: store.Int64}, {Name: "customer_id", Type: store.Text}}, store.Column{Name: "orders_30d", Type: tensor.FP32, Width: 1})
	rows = readFeast(t, f, g, []store.Key{store.AppendText(store.AppendInt(nil, store.Int64, 1001), "c-7"), store.AppendText(store.AppendInt(nil, store.Int64, 1001), "c-8")})
	check(0, seen*1e9, []store.State{present}, float32(12))
	check(1, 0, []store.State{missing}, float32(0))
}

func TestFeastFaults(t *testing.T) {
	f := func(o FeastOptions, view, want string) {
		t.Helper()
		s := openedFeast(t, o)
		g := feastGroup(t, view, driverKeys, store.Column{Name: "trips", Type: tensor.Int32, Width: 1})
		r, err := s.Reader(g)
		must(t, err)
		var rows store.Rows
		rows.Reset(g, 1)
		if err := r.Read(t.Context(), 0, ints(1001), &rows); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), o.Path) || rows.IsDone(0) {
			t.Errorf("%v, want %s in %s", err, want, o.Path)
		}
	}
	dir := t.TempDir()
	f(FeastOptions{Path: filepath.Join(dir, "none.db")}, "driver_hourly_stats", "no such file")
	f(FeastOptions{Path: golden(t)}, "other", "no such table: my_project_other")
	f(FeastOptions{Path: golden(t)}, `"; drop table my_project_zone_load; --`, "no such table")
	text := filepath.Join(dir, "text.db")
	must(t, os.WriteFile(text, bytes.Repeat([]byte("no database"), 1000), 0o644))
	f(FeastOptions{Path: text}, "driver_hourly_stats", "file is not a database")
	if _, err := OpenFeast(FeastOptions{Keys: feast.RedisKeyV2}).Reader(feastGroup(t, "v", driverKeys, store.Column{Name: "f", Type: tensor.FP32, Width: 1})); err == nil {
		t.Error("a file has keys of redis_key_v2")
	}
	if err := OpenFeast(FeastOptions{Path: filepath.Join(dir, "none.db")}).Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "none.db") {
		t.Error(err)
	}
}

// writer opens a file as the process does that writes it.
func sqliteWriter(t testing.TB, path string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	c, err := db.Conn(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

func runSQL(t testing.TB, c *sql.Conn, query string, args ...any) {
	t.Helper()
	_, err := c.ExecContext(t.Context(), query, args...)
	must(t, err)
}

// TestFeastWaitsForAWriter reads while another connection has the file locked: until its own deadline, or until the writer is done.
func TestFeastWaitsForAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "online.db")
	text, err := os.ReadFile(golden(t))
	must(t, err)
	must(t, os.WriteFile(path, text, 0o644))
	c := sqliteWriter(t, path)
	f := openedFeast(t, FeastOptions{Path: path})
	g := feastGroup(t, "driver_hourly_stats", driverKeys, store.Column{Name: "trips", Type: tensor.Int32, Width: 1})
	r, err := f.Reader(g)
	must(t, err)
	var rows store.Rows
	for _, warm := range []bool{false, true} {
		runSQL(t, c, "begin exclusive")
		runSQL(t, c, "update my_project_driver_hourly_stats set value = x'182a', event_ts = '2023-11-14 22:13:20.5' where feature_name = 'trips'")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		rows.Reset(g, 1)
		if err := r.Read(ctx, 0, ints(1001), &rows); !errors.Is(err, context.DeadlineExceeded) || rows.IsDone(0) {
			t.Errorf("warm %v: %v", warm, err)
		}
		cancel()
		read := make(chan error)
		go func() { read <- r.Read(t.Context(), 0, ints(1001), &rows) }()
		runSQL(t, c, "commit")
		must(t, <-read)
		if v := binary.LittleEndian.Uint32(rows.Row(0)); v != 42 || rows.Time(0) != 1700000000e9 {
			t.Errorf("%d at %d is read", v, rows.Time(0))
		}
	}
}

// TestFeastWriteAheadLog reads a file of which the newest values are in a log beside it, and one whose log was closed.
func TestFeastWriteAheadLog(t *testing.T) {
	path := golden(t)
	g := feastGroup(t, "driver_hourly_stats", driverKeys, store.Column{Name: "trips", Type: tensor.Int32, Width: 1})
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath())
	must(t, err)
	for _, query := range []string{"pragma journal_mode = wal", "update my_project_driver_hourly_stats set value = x'182a', event_ts = 1.5 where feature_name = 'trips'"} {
		_, err := db.ExecContext(t.Context(), query)
		must(t, err)
	}
	f := func() {
		t.Helper()
		rows := readFeast(t, openedFeast(t, FeastOptions{Path: path}), g, ints(1001))
		if v := binary.LittleEndian.Uint32(rows.Row(0)); v != 42 || rows.Time(0) != 1e9 {
			t.Errorf("%d at %d is read", v, rows.Time(0))
		}
	}
	f()
	must(t, db.Close())
	f()
}

// TestFeastFileIsReplaced puts another file under the name, and reads with many goroutines meanwhile.
func TestFeastFileIsReplaced(t *testing.T) {
	path := golden(t)
	f := openedFeast(t, FeastOptions{Path: path})
	g := feastGroup(t, "driver_hourly_stats", driverKeys, store.Column{Name: "trips", Type: tensor.Int32, Width: 1})
	if v := binary.LittleEndian.Uint32(readFeast(t, f, g, ints(1001)).Row(0)); v != 7 {
		t.Errorf("%d", v)
	}
	other := filepath.Join(filepath.Dir(path), "other.db")
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(other, text, 0o644))
	runSQL(t, sqliteWriter(t, other), "update my_project_driver_hourly_stats set value = x'182a' where feature_name = 'trips'")

	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 20 {
				rows := readFeast(t, f, g, ints(1001, 1002, 1003)[:1+i%3])
				if v := binary.LittleEndian.Uint32(rows.Row(0)); v != 7 && v != 42 {
					t.Errorf("%d", v)
				}
			}
		})
	}
	must(t, os.Rename(other, path))
	wg.Wait()
	if v := binary.LittleEndian.Uint32(readFeast(t, f, g, ints(1001)).Row(0)); v != 42 {
		t.Errorf("%d is read from a file that was replaced", v)
	}
}

// TestFeastManyKeys asks for more keys than one query has, by keys of version 2.
func TestFeastManyKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "online.db")
	g := feastGroup(t, "v_v2", driverKeys, store.Column{Name: "f", Type: tensor.Int64, Width: 1})
	c := sqliteWriter(t, path)
	runSQL(t, c, "create table my_project_v_v2 (entity_key BLOB, feature_name TEXT, value BLOB, event_ts timestamp, primary key (entity_key, feature_name))")
	runSQL(t, c, "begin")
	keys := feast.NewKeys(g, feast.V2, "")
	const n = maxParameters + 3
	var all []store.Key
	for i := range int64(n) {
		key := store.AppendInt(nil, store.Int64, i)
		all = append(all, key)
		runSQL(t, c, "insert into my_project_v_v2 values (?, 'f', ?, null)", keys.Append(nil, key), binary.AppendUvarint([]byte{0x20}, uint64(i)))
	}
	runSQL(t, c, "commit")
	rows := readFeast(t, openedFeast(t, FeastOptions{Path: path, Keys: feast.V2}), g, all)
	for i := range n {
		if v := binary.LittleEndian.Uint64(rows.Row(i)); v != uint64(i) || rows.States(i)[0] != store.Present || rows.Time(i) != 0 {
			t.Fatalf("row %d is %d in state %d", i, v, rows.States(i)[0])
		}
	}
}

func BenchmarkFeast50(b *testing.B) {
	path := filepath.Join(b.TempDir(), "online.db")
	c := sqliteWriter(b, path)
	runSQL(b, c, "create table my_project_v (entity_key BLOB, feature_name TEXT, value BLOB, event_ts timestamp, primary key (entity_key, feature_name))")
	var columns []store.Column
	for i := range 10 {
		columns = append(columns, store.Column{Name: fmt.Sprint("f", i), Type: tensor.FP32, Width: 1})
	}
	g := feastGroup(b, "v", driverKeys, columns...)
	keys, f := feast.NewKeys(g, feast.V3, ""), openedFeast(b, FeastOptions{Path: path})
	runSQL(b, c, "begin")
	var all []store.Key
	for i := range int64(1000) {
		key := store.AppendInt(nil, store.Int64, i)
		if i%20 == 0 {
			all = append(all, key)
		}
		for _, column := range columns {
			runSQL(b, c, "insert into my_project_v values (?, ?, x'350000003f', 1700000000)", keys.Append(nil, key), column.Name)
		}
	}
	runSQL(b, c, "commit")
	r, err := f.Reader(g)
	must(b, err)
	var rows store.Rows
	b.ReportAllocs()
	for b.Loop() {
		rows.Reset(g, len(all))
		must(b, r.Read(b.Context(), 0, all, &rows))
	}
}
