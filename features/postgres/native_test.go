package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sluice/features/native"
	"sluice/features/store"
	"sluice/internal/pgtest"
	"sluice/internal/tensor"
)

func writerOf(t testing.TB, server *pgtest.Postgres, schema, view string) *Writer {
	t.Helper()
	w, err := NewWriter(Options{URL: server.URL, Schema: schema}, view)
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

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// load loads values of the entities from 0 on, and makes them visible.
func load(t testing.TB, w *Writer, g *store.Group, source string, values ...float64) uint64 {
	t.Helper()
	at, err := w.Begin(t.Context(), source, schemaOf(t, g))
	must(t, err)
	var rows []store.Record
	for i, v := range values {
		rows = append(rows, record(t, g, int64(i), 1e9, v))
	}
	must(t, w.Write(t.Context(), at.Rows, rows[at.Rows:]))
	must(t, w.Flip(t.Context()))
	return at.Generation
}

// tables are those of the rows of a view.
func tables(t testing.TB, server *pgtest.Postgres, schema string) (names []string) {
	t.Helper()
	server.With(t, func(ctx context.Context, c *pgx.Conn) {
		rows, err := c.Query(ctx, "select table_name from information_schema.tables where table_schema = $1 and table_name ~ '_g[0-9]+$' order by 1", schema)
		must(t, err)
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
	})
	return names
}

// A generation becomes visible as a whole, the one before can be read on and come back, and older ones go.
func TestGenerations(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	s := open(t, server, Options{Schema: schema, Layout: Native})
	g := numbers(t, "v", "f", "h")
	r := readerOf(t, s, g)
	if _, err := read(t, r, g, within, ids(0)); err == nil {
		t.Error("a view that was never loaded is read")
	}
	w := writerOf(t, server, schema, "v")
	must(t, func() error { _, err := w.Begin(t.Context(), "one", schemaOf(t, g)); return err }())
	if _, err := read(t, r, g, within, ids(0)); err == nil || r.Generation() != 0 {
		t.Error("a generation is read that is not visible")
	}
	first := load(t, w, g, "one", 1, 2, 3)
	shows(t, r, first)
	// f wants the first column of a generation's rows from 0 on.
	f := func(generation uint64, want ...float32) {
		t.Helper()
		rows := newRows(g, len(want))
		keys := ids(0, 1, 2, 3, 4, 5)[:len(want)]
		must(t, r.Read(t.Context(), generation, keys, rows))
		for key, v := range want {
			wantFloat(t, rows, key, v)
			if v == v && (rows.Time(key) != 1e9 || rows.States(key)[1] != store.Missing) {
				t.Errorf("time %d, second column in state %d", rows.Time(key), rows.States(key)[1])
			}
		}
	}
	f(first, 1, 2, 3, missing)
	second := load(t, w, g, "two", 10, 20)
	shows(t, r, second)
	f(second, 10, 20, missing)
	f(first, 1, 2, 3, missing) // who has begun goes on
	must(t, w.Rollback(t.Context()))
	shows(t, r, first)
	must(t, w.Rollback(t.Context()))
	shows(t, r, second)
	if got := tables(t, server, schema); len(got) != 2 {
		t.Errorf("the tables are %q", got)
	}
	load(t, w, g, "three", 100) // the first has been visible a moment ago, and stays
	if got := fmt.Sprint(tables(t, server, schema)); got != "[sluice_v_g1 sluice_v_g2 sluice_v_g3]" {
		t.Errorf("the tables are %s", got)
	}
	server.Do(t, "update "+schema+".sluice_generations set retired = retired - interval '11 seconds'")
	fourth := load(t, w, g, "four", 1000)
	if got := fmt.Sprint(tables(t, server, schema)); got != "[sluice_v_g3 sluice_v_g4]" {
		t.Errorf("the tables are %s", got)
	}
	shows(t, r, fourth)
	f(fourth, 1000, missing)
	if err := r.Read(t.Context(), first, ids(0), newRows(g, 1)); err == nil {
		t.Error("a generation that is gone is read")
	}
}

// A load is resumed by its source alone, and what another one has left goes.
func TestLoadsResume(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	g := numbers(t, "v", "f")
	sc := schemaOf(t, g)
	w := writerOf(t, server, schema, "v")
	f := func(source string, want store.Standing) {
		t.Helper()
		at, err := w.Begin(t.Context(), source, sc)
		if err != nil || at != want {
			t.Errorf("begin %q: %+v, %v; want %+v", source, at, err, want)
		}
	}
	f("one", store.Standing{Generation: 1})
	must(t, w.Write(t.Context(), 0, []store.Record{record(t, g, 0, 1, 1), record(t, g, 1, 1, 2)}))
	if err := w.Write(t.Context(), 0, []store.Record{record(t, g, 2, 1, 3)}); err == nil || !strings.Contains(err.Error(), "another load") {
		t.Errorf("got %v", err)
	}
	w = writerOf(t, server, schema, "v") // as after a kill
	if err := w.Write(t.Context(), 2, nil); err == nil {
		t.Error("rows are written of a load that was not begun")
	}
	f("one", store.Standing{Generation: 1, Rows: 2})
	f("two", store.Standing{Generation: 2})
	f("one", store.Standing{Generation: 3})
	must(t, w.Flip(t.Context()))
	must(t, w.Flip(t.Context())) // its answer may have been lost
	f("one", store.Standing{Generation: 3, Visible: true})
	if err := w.Rollback(t.Context()); err == nil || !strings.Contains(err.Error(), "there is none") {
		t.Errorf("got %v", err)
	}
	if got := fmt.Sprint(tables(t, server, schema)); got != "[sluice_v_g3]" {
		t.Errorf("the tables are %s", got)
	}
}

// Of two rows the newer stays, whoever comes first, in the visible and in the loading generation.
func TestNewerStays(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	g := numbers(t, "v", "f")
	sc := schemaOf(t, g)
	w := writerOf(t, server, schema, "v")
	if err := w.Upsert(t.Context(), sc, []store.Record{record(t, g, 0, 1, 1)}); err == nil || !strings.Contains(err.Error(), "nothing has been loaded") {
		t.Errorf("got %v", err)
	}
	load(t, w, g, "one", 1, 2, 3, 4) // of second 1
	_, err := w.Begin(t.Context(), "two", sc)
	must(t, err)
	up := writerOf(t, server, schema, "v")
	must(t, up.Upsert(t.Context(), sc, []store.Record{
		record(t, g, 0, -5, 50), record(t, g, 1, 1e9, 51), record(t, g, 2, 2e9, 52), record(t, g, 3, 3e9, 53), record(t, g, 4, 1, 54),
	}))
	must(t, w.Write(t.Context(), 0, []store.Record{
		record(t, g, 0, 2e9, 100), record(t, g, 1, 1e9, 101), record(t, g, 2, 2e9, 102), record(t, g, 3, 2e9, 103),
	}))
	s := open(t, server, Options{Schema: schema, Layout: Native})
	r := readerOf(t, s, g)
	f := func(generation uint64, want ...float32) {
		t.Helper()
		rows := newRows(g, len(want))
		must(t, r.Read(t.Context(), generation, ids(0, 1, 2, 3, 4), rows))
		for key, v := range want {
			wantFloat(t, rows, key, v)
		}
	}
	f(1, 1, 2, 52, 53, 54)      // an upsert must be newer
	f(2, 100, 101, 102, 53, 54) // a load's row need not
	seen := map[int]string{}
	keys := [][]byte{ids(1)[0], ids(3)[0], ids(9)[0]}
	must(t, w.Read(t.Context(), keys, func(i int, value []byte) { seen[i] = string(value) }))
	if want := map[int]string{0: string(record(t, g, 1, 1e9, 101).Value), 1: string(record(t, g, 3, 3e9, 53).Value)}; fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("%v is read back, want %v", seen, want)
	}
}

// Rows of other columns are read by the schema that stands with them; rows of other keys are refused.
func TestSchemas(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	wide, narrow := numbers(t, "v", "a", "f", "z"), numbers(t, "v", "f")
	w := writerOf(t, server, schema, "v")
	s := open(t, server, Options{Schema: schema, Layout: Native})
	r := readerOf(t, s, narrow)
	at, err := w.Begin(t.Context(), "one", schemaOf(t, wide))
	must(t, err)
	rows := newRows(wide, 1)
	rows.SetFloat(0, 0, 1)
	rows.SetFloat(0, 1, 2)
	must(t, w.Write(t.Context(), 0, []store.Record{{Key: ids(7)[0], Value: schemaOf(t, wide).Append(nil, rows, 0)}}))
	must(t, w.Flip(t.Context()))
	shows(t, r, at.Generation)
	got, err := read(t, r, narrow, within, ids(7))
	must(t, err)
	wantFloat(t, got, 0, 2)
	// An upsert of columns that no reader knows: the row is read as soon as the reader has learned of them.
	other := numbers(t, "v", "q", "f")
	rows = newRows(other, 1)
	rows.SetFloat(0, 1, 3)
	rows.SetTime(0, 5)
	must(t, w.Upsert(t.Context(), schemaOf(t, other), []store.Record{{Key: ids(7)[0], Value: schemaOf(t, other).Append(nil, rows, 0)}}))
	for {
		got, err = read(t, r, narrow, within, ids(7))
		if err == nil {
			break
		}
		if got.IsDone(0) || !strings.Contains(err.Error(), native.ErrSchema.Error()) {
			t.Fatal(err)
		}
	}
	wantFloat(t, got, 0, 3)
	keyed, err := store.NewGroup(store.Group{
		Name: "g", View: "v", Keys: []store.KeyColumn{{Name: "id", Type: store.Int32}}, Columns: []store.Column{column("f", tensor.FP32, 1)},
	})
	must(t, err)
	r = readerOf(t, s, keyed)
	if _, err := read(t, r, keyed, within, []store.Key{store.AppendInt(nil, store.Int32, 7)}); err == nil || !strings.Contains(err.Error(), "give it the same keys") {
		t.Errorf("got %v", err)
	}
}

// Two views have rows of one schema, which no reader asks for as it is. The second one is read for the first time when the schema of the
// first one is known.
func TestViewsOfOneSchema(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	s := open(t, server, Options{Schema: schema, Layout: Native})
	for _, view := range []string{"v", "w"} {
		wide, narrow := numbers(t, view, "f", "a"), numbers(t, view, "f")
		w := writerOf(t, server, schema, view)
		at, err := w.Begin(t.Context(), "one", schemaOf(t, wide))
		must(t, err)
		must(t, w.Write(t.Context(), 0, []store.Record{record(t, wide, 7, 1e9, 2)}))
		must(t, w.Flip(t.Context()))
		r := readerOf(t, s, narrow)
		shows(t, r, at.Generation)
		got, err := read(t, r, narrow, within, ids(7))
		must(t, err)
		wantFloat(t, got, 0, 2)
	}
}

func TestRefusals(t *testing.T) {
	f := func(o Options, view, want string) {
		t.Helper()
		s, err := New(o)
		if err == nil {
			_, err = s.Reader(numbers(t, view, "f"))
			must(t, s.Close())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v, view %q: %v; want %q", o, view, err, want)
		}
	}
	url := URL([]string{"127.0.0.1:1"}, "d", "u", false)
	f(Options{}, "v", "has a url")
	f(Options{URL: "postgres://u:secret@h:port/d"}, "v", "cannot use the store's url")
	f(Options{URL: url, Conns: -1}, "v", "at least one connection")
	f(Options{URL: url, ChunkKeys: 1 << 20}, "v", "chunks of 1 to 10000 keys")
	f(Options{URL: url, Schema: `a"b`}, "v", "schema")
	f(Options{URL: url, Project: "p"}, `v"; drop table x; --`, "is no name of a table")
	f(Options{URL: url, Project: "p"}, strings.Repeat("v", 63), "is no name of a table")
	f(Options{URL: url, Layout: Native}, "v w", "a name has letters")
	f(Options{URL: url, Layout: Native}, strings.Repeat("v", 41), "at most 40 letters")
	if _, err := NewWriter(Options{URL: url}, "v w"); err == nil {
		t.Error("a writer of a view that cannot be a name")
	}
}

func TestURL(t *testing.T) {
	f := func(hosts []string, database, user string, encrypt bool, want string) {
		t.Helper()
		got := URL(hosts, database, user, encrypt)
		c, err := pgx.ParseConfig(got)
		must(t, err)
		text := fmt.Sprintf("%s:%d %s %s %v", c.Host, c.Port, c.Database, c.User, c.TLSConfig != nil)
		for _, other := range c.Fallbacks {
			text += fmt.Sprintf(", %s:%d", other.Host, other.Port)
		}
		if text != want {
			t.Errorf("%s is %s, want %s", got, text, want)
		}
	}
	f([]string{"h:1"}, "d", "u", false, "h:1 d u false")
	f([]string{"h:1", "[::1]:2"}, "a/b c", "u@?:/", true, "h:1 a/b c u@?:/ true, ::1:2")
}
