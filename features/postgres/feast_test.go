package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/features/store"
	"sluice/internal/pgtest"
	"sluice/internal/tensor"
)

// feastTables makes the tables that Feast has made, with the rows that it has written.
func feastTables(t *testing.T, s *pgtest.Postgres, schema string) {
	t.Helper()
	text, err := os.ReadFile("testdata/postgres_v3.json")
	if err != nil {
		t.Fatal(err)
	}
	var dump struct {
		Indexes [][2]string
		Tables  map[string][]struct {
			Key     string `json:"entity_key"`
			Feature string `json:"feature_name"`
			Value   string
			Text    *string   `json:"value_text"`
			Event   time.Time `json:"event_ts"`
			Created time.Time `json:"created_ts"`
		}
	}
	if err := json.Unmarshal(text, &dump); err != nil {
		t.Fatal(err)
	}
	var all []string
	literal := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	for table, rows := range dump.Tables {
		all = append(all, "create table "+schema+"."+table+" (entity_key bytea not null, feature_name text not null, value bytea, value_text text,"+
			" vector_value bytea, event_ts timestamptz, created_ts timestamptz)")
		for _, r := range rows {
			text := "null"
			if r.Text != nil {
				text = literal(*r.Text)
			}
			all = append(all, "insert into "+schema+"."+table+" values ('\\x"+r.Key+"', "+literal(r.Feature)+", '\\x"+r.Value+"', "+text+", null, "+
				literal(r.Event.Format(time.RFC3339Nano))+", "+literal(r.Created.Format(time.RFC3339Nano))+")")
		}
	}
	for _, index := range dump.Indexes {
		all = append(all, strings.ReplaceAll(index[1], "public.", schema+"."))
	}
	s.Do(t, strings.Join(all, ";"))
}

func column(name string, kind tensor.DataType, width int) store.Column {
	return store.Column{Name: name, Type: kind, Width: width}
}

// The values are those that the fixture's program has given to Feast.
func TestReadsWhatFeastWrote(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	feastTables(t, server, schema)
	s := open(t, server, Options{Schema: schema})
	s.o.Project = "my_project"
	type wrong struct{}
	// f wants the columns of keys, in their order: nil for what is missing. A key without columns is not there.
	f := func(view string, keys []store.KeyColumn, columns []store.Column, at []store.Key, times []int64, want ...[]any) {
		t.Helper()
		g, err := store.NewGroup(store.Group{Name: "g", View: view, Keys: keys, Columns: columns})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := read(t, readerOf(t, s, g), g, within, at)
		if err != nil {
			t.Fatal(err)
		}
		for key := range at {
			if rows.Time(key) != times[key] || !rows.IsDone(key) {
				t.Errorf("%s %x: time %d, done %v; want %d", view, at[key], rows.Time(key), rows.IsDone(key), times[key])
			}
			row := rows.Row(key)
			for i := range columns {
				cell := row[:columns[i].Size()]
				row = row[len(cell):]
				state, bytes := store.Present, make([]byte, len(cell))
				switch v := append(want[key], make([]any, len(columns))...)[i].(type) {
				case nil:
					state = store.Missing
				case wrong:
					state = store.Wrong
				default:
					bytes, _ = binary.Append(nil, binary.LittleEndian, v)
				}
				if got := rows.States(key)[i]; got != state || !slices.Equal(cell, bytes) {
					t.Errorf("%s %x: %s is %x in state %d, want %x in state %d", view, at[key], columns[i].Name, cell, got, bytes, state)
				}
			}
		}
	}
	const t0 = 1700000000e9
	driver := []store.KeyColumn{{Name: "driver_id", Type: store.Int64}}
	f("driver_hourly_stats", driver, []store.Column{
		column("trips", tensor.Int32, 1), column("conv_rate", tensor.FP32, 1), column("acc_rate", tensor.FP64, 1), column("lifetime", tensor.Int64, 1),
		column("on_shift", tensor.Bool, 1), column("last_seen", tensor.FP64, 1), column("emb", tensor.FP32, 2), column("ids", tensor.Int64, 2), column("city", tensor.FP32, 1),
	}, ids(1003, 9999, 1001, 1004, 1002), []int64{t0, 0, t0, t0, t0 + 123456000},
		[]any{int32(-1), nil, 3.0, int64(-5), true, float64(1700000000), []float32{1, 2}, wrong{}, wrong{}},
		nil,
		[]any{int32(7), float32(.5), .1, int64(1<<53 + 1), true, float64(1700000000), []float32{.5, -.5}, []int64{1, 1 << 40}, wrong{}},
		[]any{int32(math.MaxInt32), float32(-1.25), 1e-300, int64(1), false, float64(1700000000), nil, nil, nil},
		[]any{int32(0), float32(0), 2.0, int64(0), false, float64(1700000000), nil, nil, wrong{}})
	f("driver_flags", driver, []store.Column{column("flags", tensor.FP32, 1), column("other", tensor.FP32, 1)},
		ids(1001, 1003), []int64{t0, t0}, []any{float32(7)}, []any{float32(-1)})
	both := []store.Key{
		store.AppendInt(store.AppendText(nil, "c-8"), store.Int64, 1002), store.AppendInt(store.AppendText(nil, "c-7"), store.Int64, 1001),
		store.AppendInt(store.AppendText(nil, "c-7"), store.Int64, 1002),
	}
	f("customer_driver", []store.KeyColumn{{Name: "customer_id", Type: store.Text}, driver[0]}, []store.Column{column("orders_30d", tensor.Int64, 1)},
		both, []int64{t0, t0, 0}, []any{int64(0)}, []any{int64(12)}, nil)
	zones := []store.Key{store.AppendInt(nil, store.Int32, 5), store.AppendInt(nil, store.Int32, math.MaxInt32)}
	f("zone_load", []store.KeyColumn{{Name: "zone_id", Type: store.Int32}}, []store.Column{column("load", tensor.FP32, 1)},
		zones, []int64{t0, t0}, []any{float32(.25)}, []any{float32(.75)})
	f("zone_load", []store.KeyColumn{{Name: "zone_id", Type: store.Int64}}, []store.Column{column("load", tensor.FP32, 1)}, ids(5), []int64{0}, nil)
}

// feastTable makes a table with the feature f of the entities from 0 on, of which each third is missing.
func feastTable(t testing.TB, server *pgtest.Postgres, schema string, n int) {
	t.Helper()
	server.Do(t, "create table "+schema+".p_v (entity_key bytea, feature_name text, value bytea, event_ts timestamptz, primary key (entity_key, feature_name))",
		"insert into "+schema+".p_v select "+keySQL+", 'f', '\\x35'::bytea || "+floatSQL+", 'epoch'::timestamptz + interval '1 second'"+
			" from generate_series(0, "+itoa(n-1)+") as i where i % 3 <> 2")
}

var (
	// keySQL is version 3 of the key of the entity id = i, floatSQL the four bytes of i/4 for small i, little-endian.
	keySQL = "'\\x" + hex.EncodeToString([]byte("\x01\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00id\x04\x00\x00\x00\x08\x00\x00\x00")) + "'::bytea || " +
		reversed("int8send(i)", 8)
	floatSQL = reversed("float4send((i / 4.0)::float4)", 4)
)

// reversed turns the bytes of an expression round.
func reversed(expression string, n int) string {
	var parts []string
	for i := n; i > 0; i-- {
		parts = append(parts, "substr("+expression+", "+itoa(i)+", 1)")
	}
	return strings.Join(parts, " || ")
}

// Each key gets its own row, whatever the chunks are and in whatever order the keys come.
func TestReadsInChunks(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	const n = 500
	feastTable(t, server, schema, n)
	g := numbers(t, "v", "f")
	f := func(o Options, ask int) {
		t.Helper()
		o.Schema = schema
		s := open(t, server, o)
		r := readerOf(t, s, g)
		order := rand.New(rand.NewPCG(1, 2)).Perm(n)[:ask]
		var keys []store.Key
		for _, i := range order {
			keys = append(keys, ids(int64(i))...)
		}
		for range 3 { // the second time what the first has left is used again
			rows, err := read(t, r, g, within, keys)
			if err != nil {
				t.Fatal(err)
			}
			for key, i := range order {
				want, ns := float32(i)/4, int64(time.Second)
				if i%3 == 2 {
					want, ns = missing, 0
				}
				wantFloat(t, rows, key, want)
				if rows.Time(key) != ns {
					t.Errorf("the time of %d is %d, want %d", i, rows.Time(key), ns)
				}
			}
		}
	}
	f(Options{}, n)
	f(Options{}, 1)
	f(Options{}, 0)
	f(Options{ChunkKeys: 7, Parallel: 3, Conns: 3}, n)
	f(Options{ChunkKeys: 1, RoleLimit: true}, 50)
}

// A time of another type is told of: its bytes would be a time that nobody has written.
func TestTimeOfAnotherType(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	server.Do(t, "create table "+schema+`.p_v (entity_key bytea, feature_name text, value bytea, event_ts bigint)`)
	g := numbers(t, "v", "f")
	r := readerOf(t, open(t, server, Options{Schema: schema, Project: "p"}), g)
	key := hex.EncodeToString(r.(*feastReader).keys.Append(nil, ids(7)[0]))
	server.Do(t, "insert into "+schema+".p_v values ('\\x"+key+"', 'f', '\\x350000003f', 1700000000)")
	if rows, err := read(t, r, g, within, ids(7)); err == nil || !strings.Contains(err.Error(), "column event_ts is of the type with OID 20: it must be timestamp or timestamptz") {
		t.Errorf("the time is %d, %v", rows.Time(0), err)
	}
}
