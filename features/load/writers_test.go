package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"sluice/features/embedded"
	"sluice/features/native"
	"sluice/features/postgres"
	"sluice/features/redis"
	"sluice/features/store"
	"sluice/internal/pgtest"
)

// cutting is a Writer of which one step is cut, before it or behind it.
type cutting struct {
	Writer
	steps, cut int
	after      bool
}

func (c *cutting) step(do func() error) error {
	c.steps++
	if c.steps == c.cut && !c.after {
		return errCut
	}
	err := do()
	if c.steps == c.cut && err == nil {
		return errCut
	}
	return err
}

func (c *cutting) Begin(ctx context.Context, source string, schema *native.Schema) (at store.Standing, err error) {
	err = c.step(func() error {
		at, err = c.Writer.Begin(ctx, source, schema)
		return err
	})
	return at, err
}

func (c *cutting) Write(ctx context.Context, from int64, rows []store.Record) error {
	return c.step(func() error { return c.Writer.Write(ctx, from, rows) })
}

func (c *cutting) Read(ctx context.Context, keys [][]byte, each func(int, []byte)) error {
	return c.step(func() error { return c.Writer.Read(ctx, keys, each) })
}

func (c *cutting) Flip(ctx context.Context) error {
	return c.step(func() error { return c.Writer.Flip(ctx) })
}

// place is a store that is loaded: a writer of it, and a reader.
type place struct {
	writer func() (Writer, error)
	store  store.Store
}

// places are one of each kind.
func places(t *testing.T) map[string]func() place {
	must := func(s store.Store, err error) store.Store {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	return map[string]func() place{
		"embedded": func() place {
			dir := t.TempDir()
			return place{
				func() (Writer, error) { return embedded.NewWriter(dir, "v") },
				must(embedded.Open(dir, embedded.Options{Poll: 20 * time.Millisecond}), nil),
			}
		},
		"redis": func() place {
			o := redis.Options{Addresses: []string{miniredis.RunT(t).Addr()}, Layout: redis.Native, Poll: 20 * time.Millisecond}
			s, err := redis.New(o)
			return place{func() (Writer, error) { return redis.NewWriter(o, "v") }, must(s, err)}
		},
		"postgres": func() place {
			server := pgtest.Server(t)
			o := postgres.Options{URL: server.URL, Schema: server.Schema(t), Layout: postgres.Native, Conns: 2, Poll: 20 * time.Millisecond}
			s, err := postgres.New(o)
			return place{func() (Writer, error) { return postgres.NewWriter(o, "v") }, must(s, err)}
		},
	}
}

// Whatever the store is, a load that is cut at any step is resumed, upserts stay, and readers see one generation as a whole.
func TestEveryWriter(t *testing.T) {
	for name, open := range places(t) {
		t.Run(name, func(t *testing.T) {
			p := open()
			s := spec(t, simpleSpec)
			reader, err := p.store.Reader(s.group)
			if err != nil {
				t.Fatal(err)
			}
			with := func(do func(w Writer) error) error {
				t.Helper()
				w, err := p.writer()
				if err == nil {
					err = errors.Join(do(w), w.Close())
				}
				return err
			}
			generation := uint64(0)
			// sees waits for another generation than the last, if there is to be one, and wants its rows.
			sees := func(what string, other bool, want map[int64]store.Record) {
				t.Helper()
				for since := time.Now(); other && reader.Generation() == generation; time.Sleep(time.Millisecond) {
					if time.Since(since) > time.Minute {
						t.Fatalf("%s: generation %d stays visible", what, generation)
					}
				}
				generation = reader.Generation()
				check(t, what, s, reader, want)
			}
			old, fresh := rowsOf(t, s, 40, 1), rowsOf(t, s, 60, 2)
			before, path := fileOf(t, old), fileOf(t, fresh)
			if err := with(func(w Writer) error { _, err := Load(t.Context(), s, before, w, Options{ChunkRows: 7}); return err }); err != nil {
				t.Fatal(err)
			}
			sees("the first load", true, old)
			cuts := 0
			for cut := 1; ; cut++ {
				err := with(func(w Writer) error {
					_, err := Load(t.Context(), s, path, &cutting{Writer: w, cut: cut, after: cut%2 == 0}, Options{ChunkRows: 7})
					return err
				})
				if err == nil {
					break
				}
				if !errors.Is(err, errCut) {
					t.Fatal(err)
				}
				cuts++
				id := int64(cut * 3 % 60)
				newer, older := row(t, s, id, 1000+int64(cut), float64(-cut)), row(t, s, id+1, 0, 99)
				if err := with(func(w Writer) error { return w.Upsert(t.Context(), s.schema, []store.Record{newer, older}) }); err != nil {
					t.Fatal(err)
				}
				upserted(old, id, newer, older)
				if cut > 1 { // before that no load has begun, and the upsert goes to the visible generation alone
					upserted(fresh, id, newer, older)
				}
			}
			if cuts < 10 {
				t.Errorf("the load was cut %d times", cuts)
			}
			sees("the second load", true, fresh)
			if err := with(func(w Writer) error { return w.Rollback(t.Context()) }); err != nil {
				t.Fatal(err)
			}
			sees("the way back", true, old)
		})
	}
}

// upserted puts two rows where an upsert puts them: one that is newer than all, and one that is older.
func upserted(rows map[int64]store.Record, id int64, newer, older store.Record) {
	rows[id] = newer
	if _, there := rows[id+1]; !there {
		rows[id+1] = older
	}
}

// rowsOf are rows of the simple spec, by key.
func rowsOf(t *testing.T, s *Spec, n int, scale float64) map[int64]store.Record {
	rows := map[int64]store.Record{}
	for i := range int64(n) {
		rows[i] = row(t, s, i, 10+i, float64(i)*scale)
	}
	return rows
}

// fileOf is a file with the rows.
func fileOf(t *testing.T, rows map[int64]store.Record) string {
	text := "id,at,f\n"
	for id, r := range rows {
		_, ns, _ := native.Header(r.Value)
		text += fmt.Sprintf("%d,%d,%g\n", id, ns, math.Float32frombits(binary.LittleEndian.Uint32(r.Value[len(r.Value)-4:])))
	}
	return write(t, "rows.csv", text)
}

// check wants the visible generation to have the rows, and none besides up to a number.
func check(t *testing.T, what string, s *Spec, reader store.Reader, want map[int64]store.Record) {
	t.Helper()
	keys := make([]store.Key, 100)
	for i := range keys {
		keys[i] = store.AppendInt(nil, store.Int64, int64(i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got, wanted store.Rows
	got.Reset(s.group, len(keys))
	wanted.Reset(s.group, len(keys))
	if err := reader.Read(ctx, reader.Generation(), keys, &got); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	d, err := native.NewDecoder(s.group)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if err := d.Decode(&wanted, int(id), want[id].Value); err != nil {
			t.Fatal(err)
		}
	}
	for i := range keys {
		if !got.IsDone(i) || string(got.Row(i)) != string(wanted.Row(i)) || got.States(i)[0] != wanted.States(i)[0] || got.Time(i) != wanted.Time(i) {
			t.Errorf("%s: row %d is %x in state %d of time %d, want %x in state %d of time %d",
				what, i, got.Row(i), got.States(i)[0], got.Time(i), wanted.Row(i), wanted.States(i)[0], wanted.Time(i))
		}
	}
}
