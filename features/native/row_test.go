package native

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sluice/features/store"
	"sluice/internal/tensor"
)

var id = []store.KeyColumn{{Name: "id", Type: store.Int64}}

func group(t interface {
	Helper()
	Fatal(...any)
}, columns ...store.Column,
) *store.Group {
	t.Helper()
	g, err := store.NewGroup(store.Group{Name: "g", View: "v", Keys: id, Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func schemaOf(t interface {
	Helper()
	Fatal(...any)
}, g *store.Group,
) *Schema {
	t.Helper()
	s, err := SchemaOf(g)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGoldenRow holds a row and its record to the bytes of doc.go, written by hand.
func TestGoldenRow(t *testing.T) {
	g := group(t, store.Column{Name: "rate", Type: tensor.FP32, Width: 1}, store.Column{Name: "gone", Type: tensor.Int64, Width: 1},
		store.Column{Name: "emb", Type: tensor.FP32, Stored: tensor.FP16, Width: 2})
	stored, err := Stored(g)
	if err != nil {
		t.Fatal(err)
	}
	s := schemaOf(t, g)
	if want := "sluice-row 1\nkey INT64 id\nFP32 1 rate\nINT64 1 gone\nFP16 2 emb\n"; string(s.Record()) != want {
		t.Errorf("the record is %q", s.Record())
	}
	var r store.Rows
	r.Reset(stored, 1)
	r.SetFloat(0, 0, .5)
	l := r.SetList(0, 2)
	l.Float(1)
	l.Float(-2)
	l.End()
	r.SetTime(0, 1700000000e9)
	row := s.Append(nil, &r, 0)
	want := fmt.Sprintf("01%08x", reverse(s.Hash())) + hex.EncodeToString(timeBytes(1700000000e9)) + "05" + "0000003f" + "0000000000000000" + "003c" + "00c0"
	if got := hex.EncodeToString(row); got != want {
		t.Errorf("the row is %s, want %s", got, want)
	}
	if len(row) != s.RowBytes() || !s.Fits(row) || s.Fits(row[1:]) {
		t.Errorf("a row of %d bytes does not fit", len(row))
	}

	d, err := NewDecoder(g)
	if err != nil {
		t.Fatal(err)
	}
	r.Reset(g, 2)
	if err := d.Decode(&r, 1, row); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.States(1), []store.State{store.Present, store.Missing, store.Present}) || r.Time(1) != 1700000000e9 {
		t.Error(r.States(1), r.Time(1))
	}
	if got := hex.EncodeToString(r.Row(1)); got != "0000003f"+"0000000000000000"+"0000803f"+"000000c0" {
		t.Error(got)
	}
}

func reverse(v uint32) uint32 { return v<<24 | v>>24 | v<<8&0xff0000 | v>>8&0xff00 }

func timeBytes(ns int64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(uint64(ns) >> (56 - 8*i))
	}
	b[0] ^= 0x80
	return b
}

// TestTimesCompareAsBytes is what stores rely on that keep the newer row without decoding it.
func TestTimesCompareAsBytes(t *testing.T) {
	s := schemaOf(t, group(t, store.Column{Name: "f", Type: tensor.FP32, Width: 1}))
	g := group(t, store.Column{Name: "f", Type: tensor.FP32, Width: 1})
	var r store.Rows
	var before []byte
	for _, ns := range []int64{math.MinInt64, -1, 0, 1, 255, 256, 1700000000e9, math.MaxInt64} {
		r.Reset(g, 1)
		r.SetTime(0, ns)
		row := s.Append(nil, &r, 0)
		if before != nil && bytes.Compare(before[TimeAt:TimeEnd], row[TimeAt:TimeEnd]) >= 0 {
			t.Errorf("%x is not before %x", before, row)
		}
		if _, got, ok := Header(row); got != ns || !ok {
			t.Errorf("%d is read as %d", ns, got)
		}
		before = row
	}
}

func TestRowsThatAreNone(t *testing.T) {
	g := group(t, store.Column{Name: "f", Type: tensor.FP32, Width: 1}, store.Column{Name: "g", Type: tensor.Int8, Width: 3})
	d, err := NewDecoder(g)
	if err != nil {
		t.Fatal(err)
	}
	var r store.Rows
	r.Reset(g, 1)
	row := schemaOf(t, g).Append(nil, &r, 0)
	f := func(row []byte, want store.State, wantErr error) {
		t.Helper()
		r.Reset(g, 1)
		if err := d.Decode(&r, 0, row); !errors.Is(err, wantErr) || r.States(0)[0] != want || r.States(0)[1] != want {
			t.Errorf("%x: %v, %v", row, err, r.States(0))
		}
	}
	f(row, store.Missing, nil)
	f(nil, store.Wrong, nil)
	f(row[:13], store.Wrong, nil)
	f(row[:len(row)-1], store.Wrong, nil)
	f(append(slices.Clone(row), 0), store.Wrong, nil)
	f(append([]byte{2}, row[1:]...), store.Wrong, nil)
	f(append([]byte{1, row[1] + 1}, row[2:]...), store.Missing, ErrSchema)
}

// TestAnySubsetInAnyOrder writes rows of a drawn schema and reads a part of its columns in another order, some in another
// type and some that are not stored at all.
func TestAnySubsetInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := []tensor.DataType{tensor.FP32, tensor.FP64, tensor.Int8, tensor.Uint16, tensor.Int32, tensor.Int64, tensor.Bool, tensor.FP16}
		var columns []store.Column
		values := map[string][]int64{} // none: absent
		for i := range rapid.IntRange(1, 20).Draw(t, "columns") {
			c := store.Column{Name: fmt.Sprint("c", i), Type: rapid.SampledFrom(kinds).Draw(t, "type"), Width: rapid.IntRange(1, 3).Draw(t, "width")}
			columns = append(columns, c)
			if rapid.Bool().Draw(t, "present") {
				values[c.Name] = rapid.SliceOfN(rapid.Int64Range(0, 1), c.Width, c.Width).Draw(t, "values")
			}
		}
		written := group(t, columns...)
		var r store.Rows
		r.Reset(written, 2)
		for i := range columns {
			set(&r, 1, i, values[columns[i].Name])
		}
		ns := rapid.Int64().Draw(t, "time")
		r.SetTime(1, ns)
		s := schemaOf(t, written)
		row := s.Append(nil, &r, 1)

		wanted := rapid.Permutation(slices.Clone(columns)).Draw(t, "order")
		wanted = append(wanted[:rapid.IntRange(1, len(wanted)).Draw(t, "subset")], store.Column{Name: "other", Type: tensor.FP32, Width: 1})
		for i := range wanted {
			if rapid.Bool().Draw(t, "another type") {
				wanted[i].Type = tensor.FP64
			}
		}
		read := group(t, wanted...)
		d, err := NewDecoder(read)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := ParseSchema(s.Record())
		if err != nil || parsed.Hash() != s.Hash() {
			t.Fatalf("%q is read as %v, %v", s.Record(), parsed, err)
		}
		if err := d.Learn(parsed); err != nil {
			t.Fatal(err)
		}
		var got, want store.Rows
		want.Reset(read, 1)
		for i := range wanted {
			set(&want, 0, i, values[wanted[i].Name])
		}
		for _, decode := range []func(*store.Rows, int, []byte) error{d.Decode, d.Take} {
			got.Reset(read, 1)
			if err := decode(&got, 0, row); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Row(0), want.Row(0)) || !slices.Equal(got.States(0), want.States(0)) || got.Time(0) != ns {
				t.Fatalf("%x in %v at %d, want %x in %v at %d", got.Row(0), got.States(0), got.Time(0), want.Row(0), want.States(0), ns)
			}
		}
	})
}

func set(r *store.Rows, key, column int, values []int64) {
	if values == nil {
		return
	}
	l := r.SetList(key, column)
	for _, v := range values {
		l.Int(v)
	}
	l.End()
}

func TestDecoderForgets(t *testing.T) {
	g := group(t, store.Column{Name: "f", Type: tensor.FP32, Width: 1})
	d, err := NewDecoder(g)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * maxPlans {
		s, err := NewSchema(id, []Column{{Name: fmt.Sprint(i), Type: tensor.FP32, Width: 1}})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.Learn(s), d.Learn(s)); err != nil {
			t.Fatal(err)
		}
		if !d.Knows(s.Hash()) || len(*d.plans.Load()) > maxPlans {
			t.Fatalf("%d plans after schema %d", len(*d.plans.Load()), i)
		}
	}
}

func hundred(t testing.TB) (*store.Group, []byte) {
	var columns []store.Column
	for i := range 100 {
		columns = append(columns, store.Column{Name: fmt.Sprint("feature_", i), Type: tensor.FP32, Width: 1})
	}
	g := group(t, columns...)
	var r store.Rows
	r.Reset(g, 1)
	for i := range columns {
		r.SetFloat(0, i, float64(i))
	}
	return g, schemaOf(t, g).Append(nil, &r, 0)
}

func TestNothingIsAllocated(t *testing.T) {
	g, row := hundred(t)
	if len(row) != 13+13+400 {
		t.Errorf("a row of 100 floats has %d bytes", len(row))
	}
	d, err := NewDecoder(g)
	if err != nil {
		t.Fatal(err)
	}
	s, dst := schemaOf(t, g), make([]byte, 0, 500)
	var r store.Rows
	if n := testing.AllocsPerRun(100, func() {
		r.Reset(g, 1)
		if d.Decode(&r, 0, row) != nil {
			t.Error("no row")
		}
		dst = s.Append(dst[:0], &r, 0)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if !bytes.Equal(dst, row) {
		t.Error("a decoded row is written as another")
	}
}

func BenchmarkDecode(b *testing.B) {
	g, row := hundred(b)
	d, err := NewDecoder(g)
	if err != nil {
		b.Fatal(err)
	}
	var r store.Rows
	r.Reset(g, 50)
	for b.Loop() {
		for key := range 50 {
			_ = d.Decode(&r, key, row) // its schema is known
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5000, "ns/feature")
}
