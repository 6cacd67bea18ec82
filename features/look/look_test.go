package look

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// memory is a store that fails a few times, as one does that is being connected to. It has of entity n the values n and [n,NaN], at second n;
// nothing of those from 100 on, and of 7 a wrong list.
type memory struct{ failures int }

func (m *memory) Reader(g *store.Group) (store.Reader, error) { return reader{m}, nil }
func (m *memory) Close() error                                { return nil }

func (m *memory) Ping(context.Context) error {
	if m.failures > 0 {
		m.failures--
		return errors.New("it is away")
	}
	return nil
}

type reader struct{ *memory }

func (reader) Generation() uint64 { return 0 }

func (r reader) Read(ctx context.Context, _ uint64, keys []store.Key, into *store.Rows) error {
	if err := r.Ping(ctx); err != nil {
		return err
	}
	for i, key := range keys {
		v, _ := key.Next(store.Int32)
		n := store.Int(store.Int32, v)
		if n < 100 {
			into.SetInt(i, 0, n)
			l := into.SetList(i, 1)
			l.Float(float64(n))
			l.Float(math.NaN())
			l.End()
			into.SetTime(i, n*1e9)
		}
		if n == 7 {
			into.SetWrong(i, 1)
		}
		into.Done(i)
	}
	return nil
}

func group(t testing.TB, maxAge time.Duration) *store.Group {
	t.Helper()
	g, err := store.NewGroup(store.Group{
		Name: "g", View: "v", Keys: []store.KeyColumn{{Name: "zone", Type: store.Int32}, {Name: "shop", Type: store.Text}}, MaxAge: maxAge,
		Columns: []store.Column{{Name: "n", Type: tensor.Int64, Width: 1}, {Name: "list", Type: tensor.FP32, Width: 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func keysOf(t testing.TB, g *store.Group, text string) []store.Key {
	t.Helper()
	keys, err := ReadKeys(strings.NewReader(text), g.Keys)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// Rows come once the store is well, and are summed up.
func TestRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := group(t, 10*time.Second)
		st := &memory{failures: 3}
		keys := keysOf(t, g, "shop,zone\na,5\na,100\na,7\na,20\na,5\n")
		s := NewSummary(g)
		var texts []string
		err := Read(t.Context(), st, g, keys, func(keys []store.Key, rows *store.Rows) error {
			s.Add(rows, time.Unix(21, 0))
			for i, key := range keys {
				texts = append(texts, strings.Join(KeyTexts(g.Keys, key), ",")+" "+Value(rows, i, 0)+" "+Value(rows, i, 1)+" "+string(JSON(rows, i, 1)))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"5,a 5 [5,NaN] [5,null]", "100,a   ", "7,a 7  ", "20,a 20 [20,NaN] [20,null]"}; !slices.Equal(texts, want) {
			t.Errorf("got %q, want %q", texts, want)
		}
		if s.Asked != 4 || s.Found != 3 || s.Stale != 2 || s.Unaged != 0 || !reflect.DeepEqual(s.Columns, []ColumnSummary{{"n", "INT64", 1, 3, 0, 0}, {"list", "FP32", 2, 2, 0, 1}}) {
			t.Errorf("got %+v", s)
		}
		if old, ok := s.Ages(1); !ok || old != 16*time.Second {
			t.Errorf("the oldest is %v", old)
		}
		if want := []string{"list has values that do not fit its type or width"}; !slices.Equal(s.Faults(), want) {
			t.Errorf("the faults are %q", s.Faults())
		}
	})
}

// A store that stays away is waited for until the context ends.
func TestReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := func(failures int, limit time.Duration, well bool) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if _, err := Reach(ctx, &memory{failures: failures}); (err == nil) != well {
				t.Errorf("%d failures in %v: %v", failures, limit, err)
			}
		}
		f(0, time.Second, true)
		f(10, time.Second, true)
		f(1000, time.Second, false)
	})
}

func TestParseKey(t *testing.T) {
	g := group(t, 0)
	f := func(want string, texts ...string) {
		t.Helper()
		key, err := ParseKey(g.Keys, texts)
		if err == nil && !slices.Equal(KeyTexts(g.Keys, key), texts) {
			t.Errorf("%q came back as %q", texts, KeyTexts(g.Keys, key))
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", texts, err, want)
		}
	}
	f("", "-5", "")
	f("", "2147483647", "Zürich, \"1\"")
	f("an entity is named by 2 values, and 1 are given", "5")
	f(`zone is "2147483648": it must be a whole number of 32 bits`, "2147483648", "a")
	f(`zone is "x"`, "x", "a")
	f(`zone is ""`, "", "a")
}

func TestReadKeysRefuses(t *testing.T) {
	g := group(t, 0)
	f := func(text, want string) {
		t.Helper()
		if _, err := ReadKeys(strings.NewReader(text), g.Keys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	f("", "cannot read the first line of the keys")
	f("zone,other\n", `the keys have no column "shop"`)
	f("zone,shop\n1,a\nx,b\n", "line 3 of the keys: zone is \"x\"")
	f("zone,shop\n1\n", "cannot read the keys")
}

func FuzzReadKeys(f *testing.F) {
	f.Add("zone,shop\n1,a\n-2,\"b,c\"\n")
	f.Add("shop,x,zone\n,,0\n")
	f.Add("zone,zone\n1,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		g := group(t, 0)
		keys, err := ReadKeys(strings.NewReader(text), g.Keys)
		if err != nil {
			return
		}
		for _, key := range keys {
			again, err := ParseKey(g.Keys, KeyTexts(g.Keys, key))
			if err != nil || !slices.Equal(again, key) {
				t.Errorf("%x came back as %x, %v", key, again, err)
			}
		}
	})
}
