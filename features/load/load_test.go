package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sluice/features/store"
	"sluice/internal/pgtest"
)

// childArgs is the variable of the environment by which a test makes this program the process that it kills.
const childArgs = "LOAD_TEST_CHILD"

func TestMain(m *testing.M) {
	if args := os.Getenv(childArgs); args != "" {
		if err := loadAsChild(strings.Split(args, "\n")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(pgtest.Tests{M: m})
}

const simpleSpec = `
view: v
keys: [{name: id, type: INT64}]
columns: [{name: f, type: FP32}]
time: {from: at, unit: ns}
`

func spec(t testing.TB, text string) *Spec {
	t.Helper()
	s, err := ParseSpec([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// row is a row of the simple spec as the store has it.
func row(t testing.TB, s *Spec, id, ns int64, v float64) store.Record {
	t.Helper()
	var rows store.Rows
	rows.Reset(s.group, 1)
	rows.SetFloat(0, 0, v)
	rows.SetTime(0, ns)
	return store.Record{Key: store.AppendInt(nil, store.Int64, id), Value: s.schema.Append(nil, &rows, 0)}
}

// simpleFile has n rows in an odd order, some keys twice; want is what a store then shows.
func simpleFile(t testing.TB, s *Spec, n int, scale float64) (path, want string) {
	t.Helper()
	var text strings.Builder
	text.WriteString("f,more,id,at\n")
	m := newMemory()
	m.visible = 1
	m.generations[1] = &generation{values: map[string][]byte{}}
	for _, i := range rand.New(rand.NewPCG(1, uint64(n))).Perm(n) {
		id, ns, v := int64(i-i%5%2), int64(i), float64(i)*scale
		fmt.Fprintf(&text, "%g,x,%d,%d\n", v, id, ns)
		m.upsert([]store.Record{row(t, s, id, ns, v)})
	}
	return write(t, "rows.csv", text.String()), m.show(1)
}

func TestLoads(t *testing.T) {
	s := spec(t, simpleSpec)
	path, want := simpleFile(t, s, 100, 1)
	m := newMemory()
	var said []string
	r, err := Load(t.Context(), s, path, m, Options{ChunkRows: 30, Progress: func(p Progress) { said = append(said, fmt.Sprint(p)) }})
	if err != nil || r != (Result{Generation: 1, Read: 100, Rows: 60}) {
		t.Errorf("got %+v, %v", r, err)
	}
	if got := m.show(m.visible); got != want || m.visible != 1 || m.loading != 0 {
		t.Errorf("generation %d is visible, with\n%s\nwant\n%s", m.visible, got, want)
	}
	if got := fmt.Sprint(said); got != "[{reading 100 100} {writing 30 100} {writing 60 100} {verifying 30 60} {verifying 60 60}]" {
		t.Errorf("it says %s", got)
	}
	r, err = Load(t.Context(), s, path, m, Options{})
	if err != nil || r != (Result{Generation: 1, Rows: 60, Already: true}) || m.loading != 0 {
		t.Errorf("the second time: %+v, %v", r, err)
	}
}

// A load that is cut at any step, before or after it, is resumed by the next call; meanwhile readers see the old rows, and then
// exactly the file's.
func TestLoadsAreResumedAfterEveryCut(t *testing.T) {
	s := spec(t, simpleSpec)
	before, old := simpleFile(t, s, 40, 1)
	path, want := simpleFile(t, s, 50, 2)
	for _, after := range []bool{false, true} {
		for first := 1; ; first++ {
			m := newMemory()
			if _, err := Load(t.Context(), s, before, m, Options{}); err != nil {
				t.Fatal(err)
			}
			m.steps, m.after = 0, after
			cuts := 0
			// Cut at this step, and then at each later one that is reached, until a load comes to its end.
			for m.cut = first; ; m.cut = m.steps + 1 + 3*cuts {
				_, err := Load(t.Context(), s, path, m, Options{ChunkRows: 7})
				if err == nil {
					break
				}
				if !errors.Is(err, errCut) {
					t.Fatal(err)
				}
				if got := m.show(m.visible); got != old && got != want {
					t.Fatalf("cut at %d: the visible rows are neither the old nor the new ones:\n%s", first, got)
				}
				if cuts++; cuts > 100 {
					t.Fatal("no load comes to its end")
				}
			}
			if got := m.show(m.visible); got != want || m.loading != 0 || m.show(m.previous) != old {
				t.Fatalf("cut at %d, after it %v: generation %d is visible:\n%s\nwant\n%s", first, after, m.visible, got, want)
			}
			if cuts == 0 {
				break // there are no more steps
			}
		}
	}
}

// What is upserted while a load goes on is there afterwards, where it is newer than the file.
func TestUpsertsDuringALoad(t *testing.T) {
	s := spec(t, simpleSpec)
	for seed := range uint64(20) {
		m := newMemory()
		before, _ := simpleFile(t, s, 40, 1)
		path, _ := simpleFile(t, s, 50, 2)
		if _, err := Load(t.Context(), s, before, m, Options{}); err != nil {
			t.Fatal(err)
		}
		draw := rand.New(rand.NewPCG(seed, 1))
		newest := map[int64]int64{}
		m.beside = func() {
			id, ns := draw.Int64N(60), draw.Int64N(100)
			m.upsert([]store.Record{row(t, s, id, ns, -1)})
			if m.loading != 0 && ns > newest[id] {
				newest[id] = ns
			}
		}
		r, err := Load(t.Context(), s, path, m, Options{ChunkRows: 7})
		if err != nil {
			t.Fatal(err)
		}
		m.beside = nil
		for id, ns := range newest {
			value := m.generations[r.Generation].values[string(store.AppendInt(nil, store.Int64, id))]
			if newerThan(row(t, s, id, ns, 0).Value, value) {
				t.Errorf("seed %d: the row %d of time %d is lost", seed, id, ns)
			}
		}
	}
}

// A store that does not give back what was written is found out before readers see it.
func TestVerifies(t *testing.T) {
	s := spec(t, simpleSpec)
	path, _ := simpleFile(t, s, 50, 1)
	f := func(spoil func(values map[string][]byte, key string), want string) {
		t.Helper()
		m := newMemory()
		m.beside = func() {
			if g := m.generations[m.loading]; g != nil && g.rows == 30 {
				spoil(g.values, string(store.AppendInt(nil, store.Int64, 2)))
			}
		}
		_, err := Load(t.Context(), s, path, m, Options{ChunkRows: 10})
		if err == nil || !strings.Contains(err.Error(), want) || m.visible != 0 {
			t.Errorf("got %v, want %q; %d is visible", err, want, m.visible)
		}
	}
	f(func(values map[string][]byte, key string) { delete(values, key) }, "are read back")
	f(func(values map[string][]byte, key string) { values[key] = row(t, s, 2, 3, 99).Value }, "is not read back as it was written")
	f(func(values map[string][]byte, key string) { values[key] = row(t, s, 2, 2, 3).Value }, "is not read back as it was written")
	f(func(values map[string][]byte, key string) { values[key] = nil }, "is not read back as it was written")
}

func TestUpsertsAFile(t *testing.T) {
	s := spec(t, simpleSpec)
	m := newMemory()
	path, _ := simpleFile(t, s, 10, 1)
	if _, err := Load(t.Context(), s, path, m, Options{}); err != nil {
		t.Fatal(err)
	}
	up := write(t, "rows.csv", "id,at,f\n2,1,20\n7,100,70\n7,90,71\n7,100,72\n11,5,110\n2,3,21\n")
	r, err := Upsert(t.Context(), s, up, m, Options{ChunkRows: 4})
	if err != nil || r != (Result{Read: 6, Rows: 4}) {
		t.Errorf("got %+v, %v", r, err)
	}
	for id, want := range map[int64]store.Record{2: row(t, s, 2, 3, 3), 7: row(t, s, 7, 100, 72), 11: row(t, s, 11, 5, 110)} {
		if got := m.generations[1].values[string(want.Key)]; string(got) != string(want.Value) {
			t.Errorf("row %d is %x, want %x", id, got, want.Value)
		}
	}
	if _, err := Upsert(t.Context(), s, write(t, "rows.csv", "id,at,f\n2,200,20\n3,,30\n"), m, Options{}); err == nil || !strings.Contains(err.Error(), "line 3 has no time, and of two rows the newer stays") {
		t.Errorf("got %v", err)
	}
	timeless := spec(t, "view: v\nkeys: [{name: id, type: INT64}]\ncolumns: [{name: f, type: FP32}]")
	if _, err := Upsert(t.Context(), timeless, up, m, Options{}); err == nil || !strings.Contains(err.Error(), "no column of times") {
		t.Errorf("got %v", err)
	}
}

func TestRefusals(t *testing.T) {
	s := spec(t, simpleSpec)
	f := func(name, text string, o Options, want string) {
		t.Helper()
		m := newMemory()
		_, err := Load(t.Context(), s, write(t, name, text), m, o)
		if err == nil || !strings.Contains(err.Error(), want) || m.visible != 0 {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	f("a.csv", "", Options{}, "cannot read its first line")
	f("a.csv", "id,at,f\n", Options{}, "the file has no rows")
	f("a.csv", "id,f\n1,2\n", Options{}, `no column "at"`)
	f("a.csv", "id,at,f\n1,2,x\n", Options{}, `line 2, column "f": "x" is no number`)
	f("a.csv", "id,at,f\n1,2,[1]\n,2,1\n", Options{}, `line 3, column "id": nothing is no INT64`)
	f("a.csv", "id,at,f\n1,soon,3\n", Options{}, `column "at": "soon": it is no time`)
	f("a.csv", "id,at,f\n1,2\n", Options{}, "wrong number of fields")
	f("a.csv", "id,at,f\n1,2,\""+strings.Repeat("x", maxRecord+100_000), Options{}, "is a quotation mark missing?")
	f("a.txt", "id,at,f\n1,2,3\n", Options{}, "must be .parquet or .csv")
	f("a.parquet", "PAR1", Options{}, "no whole Parquet file")
	f("a.csv", "id,at,f\n1,2,3\n", Options{MemoryBytes: 1}, "bytes of memory or more")
	f("a.csv", "id,at,f\n1,2,3\n", Options{ChunkRows: 1 << 30}, "chunks of 1 to 10000 rows")
	if _, err := Load(t.Context(), s, "nowhere.csv", newMemory(), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Load(ctx, s, write(t, "a.csv", "id,at,f\n1,2,3\n"), newMemory(), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
