package native

import (
	"bytes"
	"slices"
	"testing"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// FuzzDecode decodes any bytes as a row of a schema that is read from any record.
func FuzzDecode(f *testing.F) {
	g := group(f, store.Column{Name: "f", Type: tensor.FP32, Width: 1}, store.Column{Name: "g", Type: tensor.Int8, Width: 3})
	other := group(f, store.Column{Name: "g", Type: tensor.Int16, Width: 3}, store.Column{Name: "f", Type: tensor.FP64, Width: 1})
	for _, of := range []*store.Group{g, other} {
		var r store.Rows
		r.Reset(of, 1)
		set(&r, 0, of.Column("g"), []int64{1, 2, 3})
		s := schemaOf(f, of)
		f.Add(s.Record(), s.Append(nil, &r, 0))
	}
	f.Fuzz(func(t *testing.T, record, row []byte) {
		d, err := NewDecoder(g)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := ParseSchema(record); err == nil {
			if same := slices.Equal(s.Keys(), id); (d.Learn(s) == nil) != same {
				t.Fatalf("a schema of the keys %v is learned, or not", s.Keys())
			}
			if again, err := NewSchema(s.Keys(), s.Columns()); err != nil || !bytes.Equal(again.Record(), record) {
				t.Fatalf("%q is written as %q, %v", record, again.Record(), err)
			}
		}
		var r store.Rows
		r.Reset(g, 1)
		err = d.Decode(&r, 0, row)
		var taken store.Rows
		taken.Reset(g, 1)
		if again := d.Take(&taken, 0, row); again != err || !bytes.Equal(taken.Row(0), r.Row(0)) || !slices.Equal(taken.States(0), r.States(0)) {
			t.Fatalf("%x is %x in %v, and %x in %v if it stays", row, r.Row(0), r.States(0), taken.Row(0), taken.States(0))
		}
		for i, state := range r.States(0) {
			if err != nil && state != store.Missing {
				t.Fatalf("%v, but column %d is in state %d", err, i, state)
			}
		}
	})
}
