package native

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// TestRuns reads rows of many plain columns of which some are absent, or NaN all the same, at each place of the bitmap.
func TestRuns(t *testing.T) {
	const n = 150 // more than 64 in a run
	var columns []store.Column
	for i := range n {
		columns = append(columns, store.Column{Name: fmt.Sprint("f", i), Type: tensor.FP32, Width: 1})
	}
	columns[20].Type = tensor.FP64 // parts two runs
	stored := group(t, columns...)
	s := schemaOf(t, stored)
	f := func(first, last int, absent ...int) {
		t.Helper()
		var r store.Rows
		r.Reset(stored, 1)
		for i := range n {
			if !slices.Contains(absent, i) {
				r.SetFloat(0, i, float64(i))
			}
		}
		row := s.Append(nil, &r, 0)
		g := group(t, columns[first:last]...)
		d, err := NewDecoder(g)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Learn(s); err != nil {
			t.Fatal(err)
		}
		for _, decode := range []func(*store.Rows, int, []byte) error{d.Decode, d.Take} {
			r.Reset(g, 1)
			if err := decode(&r, 0, row); err != nil {
				t.Fatal(err)
			}
			at := 0
			for i := first; i < last; i++ {
				c := &g.Columns[i-first]
				want, value := store.Present, float64(i)
				if slices.Contains(absent, i) {
					want, value = store.Missing, 0
				}
				if got := tensor.FloatAt(c.Type, r.Row(0)[at:], 0); r.States(0)[i-first] != want || got != value {
					t.Errorf("columns %d to %d without %v: column %d is %v in state %d", first, last, absent, i, got, r.States(0)[i-first])
				}
				at += c.Size()
			}
		}
		if inPlace := r.Whole(0) != nil; inPlace != (last <= 20 && len(absent) == 0) {
			t.Errorf("columns %d to %d without %v stay where they are: %t", first, last, absent, inPlace)
		}
	}
	f(0, n)
	f(3, 19)
	f(0, 20)
	for i := range n {
		f(0, n, i)
		f(5, 30, i)
	}

	g := group(t, columns[:9]...)
	plain := schemaOf(t, g)
	for i := range 9 {
		var r store.Rows
		r.Reset(g, 1)
		for column := range 9 {
			r.SetFloat(0, column, 1)
		}
		row := plain.Append(nil, &r, 0)
		binary.LittleEndian.PutUint32(row[plain.RowBytes()-4*(9-i):], math.Float32bits(float32(math.NaN()))|sign)
		d, err := NewDecoder(g)
		if err != nil {
			t.Fatal(err)
		}
		for _, decode := range []func(*store.Rows, int, []byte) error{d.Decode, d.Take} {
			r.Reset(g, 1)
			if err := decode(&r, 0, row); err != nil || r.States(0)[i] != store.Missing || r.States(0)[(i+1)%9] != store.Present {
				t.Error(i, err, r.States(0))
			}
		}
	}
}

func TestNaNIsFound(t *testing.T) {
	f := func(bits uint32, want bool) {
		t.Helper()
		for n := 1; n < 6; n++ {
			for at := range n {
				b := make([]byte, 4*n)
				for i := range n {
					binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(-1.5))
				}
				binary.LittleEndian.PutUint32(b[4*at:], bits)
				if got := anyNaN(b); got != want {
					t.Errorf("%08x at %d of %d: %t", bits, at, n, got)
				}
			}
		}
	}
	f(0, false)
	f(sign, false)
	f(infinity, false)
	f(sign|infinity, false)
	f(infinity+1, true)
	f(sign|infinity+1, true)
	f(1<<32-1, true)
	f(infinity-1, false)
}
