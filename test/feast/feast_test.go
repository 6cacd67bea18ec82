package feast

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/features"
	"sluice/features/embedded"
	"sluice/features/postgres"
	"sluice/features/redis"
	"sluice/features/store"
	"sluice/internal/child"
	"sluice/internal/clock"
	"sluice/internal/pgtest"
	"sluice/internal/servertest"
	"sluice/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Tests{M: m}) }

// view is what Feast read.
type view struct {
	Keys   []map[string]any
	Values map[string][]any
}

// groups are the views as a model names them.
var groups = []store.Group{
	{
		Name: "driver_stats", View: "driver_stats", Keys: []store.KeyColumn{{Name: "driver_id", Type: store.Int64}},
		Columns: []store.Column{
			{Name: "ids", Type: tensor.Int64, Width: 2},
			{Name: "conv_rate", Type: tensor.FP32, Width: 1},
			{Name: "acc_rate", Type: tensor.FP64, Width: 1},
			{Name: "trips", Type: tensor.Int32, Width: 1},
			{Name: "lifetime", Type: tensor.Int64, Width: 1},
			{Name: "on_shift", Type: tensor.Bool, Width: 1},
			{Name: "last_seen", Type: tensor.Int64, Width: 1},
			{Name: "emb", Type: tensor.FP32, Width: 4},
		},
	},
	{
		Name: "pair_stats", View: "pair_stats", Keys: []store.KeyColumn{{Name: "driver_id", Type: store.Int64}, {Name: "customer_id", Type: store.Text}},
		Columns: []store.Column{{Name: "orders", Type: tensor.Int64, Width: 1}},
	},
	{
		Name: "zone_stats", View: "zone_stats", Keys: []store.KeyColumn{{Name: "zone_id", Type: store.Int32}},
		Columns: []store.Column{{Name: "load", Type: tensor.FP32, Width: 1}},
	},
}

// write has Feast write into a store, and gives what it reads there.
func write(t *testing.T, kind, where string) (views map[string]view) {
	t.Helper()
	python := os.Getenv("SLUICE_FEAST_PYTHON")
	if python == "" {
		t.Skip("Feast is not here: run scripts/feast.sh")
	}
	out := filepath.Join(t.TempDir(), "out.json")
	if text, err := exec.Command(python, "write.py", kind, where, out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	file, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	d := json.NewDecoder(file)
	d.UseNumber()
	if err := d.Decode(&views); err != nil {
		t.Fatal(err)
	}
	return views
}

// hold reads the same keys from the store, and compares.
func hold(t *testing.T, st store.Store, views map[string]view) {
	t.Helper()
	e, err := features.New(features.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close() //nolint:errcheck // all was read
	if err := e.AddStore("s", st, features.StoreOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, def := range groups {
		layout, err := store.NewGroup(def)
		if err != nil {
			t.Fatal(err)
		}
		g, err := e.Group("s", layout, features.GroupOptions{Budget: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		v := views[def.Name]
		values, missing := compare(t, e, g, v)
		if values == 0 || missing == 0 || len(v.Values) != len(def.Columns) {
			t.Errorf("%s: %d values and %d that are missing, of %d keys", def.Name, values, missing, len(v.Keys))
		}
		g.Release()
	}
}

type bell chan struct{}

func (b bell) Fetched() { close(b) }

// compare fetches the keys of a view, each where it stands, and counts what is equal.
func compare(t *testing.T, e *features.Engine, g *features.Group, v view) (values, missing int) {
	t.Helper()
	var f *features.Fetch
	var slots []int
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) { // until the store is connected
		f, slots = e.Fetch(), nil
		for _, k := range v.Keys {
			slots = append(slots, f.Add(g, key(t, g.Layout(), k)))
		}
		if rung := make(bell); !f.Start(clock.Now().Add(5*time.Second), rung) {
			<-rung
		}
		if s := f.Row(0).Status; s != features.Failed || time.Since(begun) > 10*time.Second {
			break
		}
		f.Release()
	}
	defer f.Release()
	for i, slot := range slots {
		row := f.Row(slot)
		for c := range g.Layout().Columns {
			column := &g.Layout().Columns[c]
			want := v.Values[column.Name][i]
			got := valueOf(g.Layout(), &row, c)
			if !equal(got, want, column.Type) {
				t.Errorf("%s of key %d, %v: %v (%v), and Feast has %v", column.Name, i, v.Keys[i], got, row.Status, want)
			}
			if want == nil {
				missing++
			} else {
				values++
			}
		}
	}
	return values, missing
}

func key(t *testing.T, g *store.Group, values map[string]any) (k store.Key) {
	t.Helper()
	for _, c := range g.Keys {
		if c.Type == store.Text {
			k = store.AppendText(k, values[c.Name].(string))
			continue
		}
		n, err := values[c.Name].(json.Number).Int64()
		if err != nil {
			t.Fatal(err)
		}
		k = store.AppendInt(k, c.Type, n)
	}
	return k
}

// valueOf is a column's elements as texts; nil if it is missing.
func valueOf(g *store.Group, row *features.Row, column int) (elements []string) {
	if row.States == nil || row.States[column] != store.Present {
		return nil
	}
	c, at := &g.Columns[column], g.Offset(column)
	for e := range c.Width {
		raw := row.Values[at+e*c.Type.Size():]
		switch {
		case c.Type.Integer():
			elements = append(elements, fmt.Sprint(tensor.IntAt(c.Type, raw)))
		case c.Type == tensor.Bool:
			elements = append(elements, fmt.Sprint(raw[0] == 1))
		default:
			elements = append(elements, fmt.Sprint(tensor.FloatAt(c.Type, raw, 0)))
		}
	}
	return elements
}

// equal compares with what JSON has. Floats of JSON have the digits that give the same bits.
func equal(got []string, want any, kind tensor.DataType) bool {
	if want == nil {
		return got == nil
	}
	list, ok := want.([]any)
	if !ok {
		list = []any{want}
	}
	var texts []string
	for _, v := range list {
		n, number := v.(json.Number)
		if !number || kind.Integer() {
			texts = append(texts, fmt.Sprint(v))
			continue
		}
		x, err := n.Float64()
		if kind == tensor.FP32 {
			x = float64(float32(x))
		}
		if err != nil {
			return false
		}
		texts = append(texts, fmt.Sprint(x))
	}
	return slices.Equal(got, texts)
}

func TestSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "online.db")
	views := write(t, "sqlite", path)
	hold(t, embedded.OpenFeast(embedded.FeastOptions{Path: path, Project: "proof"}), views)
}

func TestRedis(t *testing.T) {
	program := servertest.Redis(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(address)
	server, err := child.Start(exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir(), "--save", "", "--appendonly", "no"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.End()
	views := write(t, "redis", address)
	st, err := redis.New(redis.Options{Addresses: []string{address}, Project: "proof"})
	if err != nil {
		t.Fatal(err)
	}
	hold(t, st, views)
}

func TestPostgres(t *testing.T) {
	server := pgtest.Server(t)
	views := write(t, "postgres", server.Folder)
	st, err := postgres.New(postgres.Options{URL: server.URL, Project: "proof"})
	if err != nil {
		t.Fatal(err)
	}
	hold(t, st, views)
}
