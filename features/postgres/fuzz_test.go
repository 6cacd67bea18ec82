package postgres

import (
	"math"
	"testing"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// Whatever a server says in a row, it is taken or refused, and a time is one of this era or none.
func FuzzRow(f *testing.F) {
	g, err := store.NewGroup(store.Group{
		Name: "g", View: "v", Keys: []store.KeyColumn{{Name: "id", Type: store.Int64}},
		Columns: []store.Column{column("f", tensor.FP32, 1), column("l", tensor.Int32, 2), column("f", tensor.Int8, 1)},
	})
	must(f, err)
	features := newFeatures(g)
	f.Add([]byte("f"), []byte("\x35\x00\x00\x80\x3e"), []byte("\x00\x02\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("l"), []byte("\x72\x02\x01\x02"), []byte("\x7f\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("other"), []byte(nil), []byte(nil))
	f.Fuzz(func(t *testing.T, name, value, at []byte) {
		rows := newRows(g, 1)
		must(t, features.put(rows, 0, [][]byte{nil, name, value, at}))
		known := string(name) == "f" || string(name) == "l"
		if states := rows.States(0); !known && (states[0] != store.Missing || states[1] != store.Missing || rows.Time(0) != 0) {
			t.Errorf("%q is put into a column", name)
		}
		if known && len(at) != 8 && rows.Time(0) != 0 {
			t.Errorf("the time %x is %d", at, rows.Time(0))
		}
	})
}

func TestTimes(t *testing.T) {
	f := func(want int64, field ...byte) {
		t.Helper()
		if got := timeOf(field); got != want {
			t.Errorf("%x is %d, want %d", field, got, want)
		}
	}
	f(0)
	f(0, 1, 2, 3, 4)
	f(946684800e9, 0, 0, 0, 0, 0, 0, 0, 0)
	f(946684800e9-1000, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	f(0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // infinity
	f(0, 0x80, 0, 0, 0, 0, 0, 0, 0)                      // -infinity
	f(math.MaxInt64/1000*1000, 0x00, 0x1d, 0x67, 0x9a, 0x6a, 0xab, 0x73, 0xf7)
}
