package feast

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// dump is what a file of testdata holds: the bytes that Feast wrote.
type dump struct {
	Redis map[string]struct {
		Hash map[string]string
	}
	Tables map[string][]struct {
		Key     string `json:"entity_key"`
		Feature string `json:"feature_name"`
		Value   string
		Time    any `json:"event_ts"`
	}
}

func load(t *testing.T, name string) *dump {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d := new(dump)
	if err := json.Unmarshal(text, d); err != nil {
		t.Fatal(err)
	}
	return d
}

const project = "my_project"

// wrong stands for a value that is Wrong, nil for one that is missing.
type wrong struct{}

// driver is what an entity of the view driver_hourly_stats was given, as the columns of the test's group hold it.
type driver struct {
	id     int64
	time   int64
	values map[string]any
}

var drivers = []driver{
	{1001, 1700000000e9, map[string]any{
		"conv_rate": float32(.5), "acc_rate": .1, "trips": int32(7), "lifetime": int64(1<<53 + 1), "on_shift": true, "last_seen": float64(1700000000),
		"emb": []float32{.5, -.5}, "ids": []int64{1, 1 << 40}, "city": wrong{}, "blob": wrong{}, "tags": wrong{},
	}},
	{1002, 1700000000e9 + 123456000, map[string]any{
		"conv_rate": float32(0), "acc_rate": 2., "trips": int32(0), "lifetime": int64(0), "on_shift": false, "last_seen": float64(1700000000),
		"emb": nil, "ids": nil, "city": wrong{}, "blob": wrong{}, "tags": wrong{},
	}},
	{1003, 1700000000e9, map[string]any{
		"conv_rate": nil, "acc_rate": 3., "trips": int32(-1), "lifetime": int64(-5), "on_shift": true, "last_seen": float64(1700000000),
		"emb": []float32{1, 2}, "ids": wrong{}, "city": wrong{}, "blob": wrong{}, "tags": wrong{},
	}},
	{1004, 1700000000e9, map[string]any{
		"conv_rate": float32(-1.25), "acc_rate": 1e-300, "trips": int32(math.MaxInt32), "lifetime": int64(1), "on_shift": false,
		"last_seen": float64(1700000000), "emb": nil, "ids": nil, "city": nil, "blob": nil, "tags": nil,
	}},
}

func driverGroup(t testing.TB) *store.Group {
	return group(t, "driver_hourly_stats", []store.KeyColumn{{Name: "driver_id", Type: store.Int64}},
		col("conv_rate", tensor.FP32, 1), col("acc_rate", tensor.FP64, 1), col("trips", tensor.Int32, 1), col("lifetime", tensor.Int64, 1),
		col("city", tensor.FP32, 1), col("on_shift", tensor.Bool, 1), col("blob", tensor.FP32, 1), col("last_seen", tensor.FP64, 1),
		col("emb", tensor.FP32, 2), col("tags", tensor.FP32, 2), col("ids", tensor.Int64, 2))
}

func col(name string, kind tensor.DataType, width int) store.Column {
	return store.Column{Name: name, Type: kind, Width: width}
}

func group(t testing.TB, view string, keys []store.KeyColumn, columns ...store.Column) *store.Group {
	t.Helper()
	g, err := store.NewGroup(store.Group{Name: "g", View: view, Keys: keys, Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// check compares the only row of r with values.
func check(t *testing.T, what string, r *store.Rows, want map[string]any, time int64) {
	t.Helper()
	if got := r.Time(0); got != time {
		t.Errorf("%s: the time is %d, want %d", what, got, time)
	}
	row := r.Row(0)
	for i, state := range r.States(0) {
		c := &r.Group().Columns[i]
		cell := row[:c.Size()]
		row = row[c.Size():]
		var wanted []byte
		wantedState := store.Present
		switch v := want[c.Name].(type) {
		case nil:
			wantedState, wanted = store.Missing, make([]byte, c.Size())
		case wrong:
			wantedState, wanted = store.Wrong, make([]byte, c.Size())
		default:
			wanted, _ = binary.Append(nil, binary.LittleEndian, v)
		}
		if state != wantedState || !bytes.Equal(cell, wanted) {
			t.Errorf("%s: %s is %x in state %d, want %x in state %d", what, c.Name, cell, state, wanted, wantedState)
		}
	}
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readHash decodes an entity's hash as a store does that asked for the group's fields.
func readHash(t *testing.T, r *store.Rows, key []byte, d *dump) {
	t.Helper()
	entity, found := d.Redis[hex.EncodeToString(key)]
	if !found {
		t.Fatalf("no key %x", key)
	}
	g := r.Group()
	r.Reset(g, 1)
	for i := range g.Columns {
		field := Field(Name(g.View, g.Columns[i].Name))
		value, found := entity.Hash[hex.EncodeToString(field[:])]
		if !found {
			t.Fatalf("%x has no field %x for %s", key, field, g.Columns[i].Name)
		}
		Put(r, 0, i, unhex(t, value))
	}
	r.SetTime(0, Time(unhex(t, entity.Hash[hex.EncodeToString([]byte(TimeField(g.View)))])))
}

func TestRedisGolden(t *testing.T) {
	for name, layout := range map[string]KeyLayout{"redis_v3.json": V3, "redis_v2.json": V2, "redis_v3_precompute.json": V3} {
		d := load(t, name)
		var r store.Rows
		r.Reset(driverGroup(t), 1)
		keys := NewKeys(r.Group(), layout, project)
		for _, x := range drivers {
			readHash(t, &r, keys.Append(nil, store.AppendInt(nil, store.Int64, x.id)), d)
			check(t, fmt.Sprintf("%s of %d", name, x.id), &r, x.values, x.time)
		}

		// Two views of one entity, and an entity of two keys, given in another order than that of their names.
		r.Reset(group(t, "driver_flags", r.Group().Keys, col("flags", tensor.FP32, 1)), 1)
		readHash(t, &r, keys.Append(nil, store.AppendInt(nil, store.Int64, 1003)), d)
		check(t, name, &r, map[string]any{"flags": float32(-1)}, 1700000000e9)

		g := group(t, "customer_driver", []store.KeyColumn{{Name: "driver_id", Type: store.Int64}, {Name: "customer_id", Type: store.Text}}, col("orders_30d", tensor.Int64, 1))
		r.Reset(g, 1)
		readHash(t, &r, NewKeys(g, layout, project).Append(nil, store.AppendText(store.AppendInt(nil, store.Int64, 1001), "c-7")), d)
		check(t, name, &r, map[string]any{"orders_30d": int64(12)}, 1700000000e9)

		g = group(t, "zone_load", []store.KeyColumn{{Name: "zone_id", Type: store.Int32}}, col("load", tensor.FP64, 1))
		r.Reset(g, 1)
		readHash(t, &r, NewKeys(g, layout, project).Append(nil, store.AppendInt(nil, store.Int32, math.MaxInt32)), d)
		check(t, name, &r, map[string]any{"load": .75}, 1700000000e9)
		g.Keys[0].Type = store.Int64
		if key := NewKeys(g, layout, project).Append(nil, store.AppendInt(nil, store.Int64, 5)); d.Redis[hex.EncodeToString(key)].Hash != nil {
			t.Errorf("%s: an INT32 entity is found under the key of an INT64", name)
		}
	}
}

// TestTablesGolden reads the tables of SQLite and PostgreSQL, whose keys have no project.
func TestTablesGolden(t *testing.T) {
	for _, name := range []string{"sqlite_v3.json", "postgres_v3.json"} {
		d := load(t, name)
		g := driverGroup(t)
		var r store.Rows
		for _, x := range drivers {
			r.Reset(g, 1)
			key := hex.EncodeToString(NewKeys(g, V3, "").Append(nil, store.AppendInt(nil, store.Int64, x.id)))
			found := 0
			for _, row := range d.Tables["my_project_driver_hourly_stats"] {
				if column := g.Column(row.Feature); row.Key == key && column >= 0 {
					Put(&r, 0, column, unhex(t, row.Value))
					found++
				}
			}
			if found != len(g.Columns) {
				t.Errorf("%s: %d values of %d", name, found, x.id)
			}
			check(t, fmt.Sprintf("%s of %d", name, x.id), &r, x.values, 0)
		}
	}
}

func TestVectorGolden(t *testing.T) {
	d := load(t, "redis_v3_precompute.json")
	g := group(t, "eta_v1", []store.KeyColumn{{Name: "driver_id", Type: store.Int64}},
		col("driver_flags__flags", tensor.Int32, 1), col("driver_hourly_stats__conv_rate", tensor.FP32, 1), col("driver_hourly_stats__unknown", tensor.FP32, 1))
	v := NewVector(g)
	field := Field(Name(VectorView("eta_v1"), VectorFeature))
	if got := hex.EncodeToString(field[:]); got != "dfa428fa" {
		t.Errorf("the field is %s", got)
	}
	var r store.Rows
	for _, x := range drivers {
		r.Reset(g, 1)
		entity := d.Redis[hex.EncodeToString(NewKeys(g, V3, project).Append(nil, store.AppendInt(nil, store.Int64, x.id)))]
		v.Put(&r, 0, unhex(t, entity.Hash[hex.EncodeToString(field[:])]))
		check(t, fmt.Sprintf("the vector of %d", x.id), &r,
			map[string]any{"driver_flags__flags": x.values["trips"], "driver_hourly_stats__conv_rate": x.values["conv_rate"]}, x.time)
		if Time(unhex(t, entity.Hash[hex.EncodeToString([]byte(TimeField(VectorView("eta_v1"))))])) == 0 {
			t.Error("the vector has no time of its own")
		}
	}
}
