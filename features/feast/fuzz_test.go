package feast

import (
	"bytes"
	"testing"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// FuzzPut feeds any bytes to columns of several types: the neighbours stay, and what is not present is zeros.
func FuzzPut(f *testing.F) {
	for _, seed := range []string{"350000003f", "18ffffffffffffffffff01", "82010a0a080000003f000000bf", "7207120108080108" + "02", "a20101013500000040", "980100", "4080808080808080808001"} {
		f.Add(unhex(f, seed))
	}
	g := group(f, "v", id, col("a", tensor.Uint8, 1), col("b", tensor.FP32, 1), col("c", tensor.Int64, 2), col("d", tensor.FP16, 3), col("e", tensor.Bool, 1))
	f.Fuzz(func(t *testing.T, value []byte) {
		var r store.Rows
		for column := range g.Columns {
			r.Reset(g, 1)
			Put(&r, 0, column, value)
			at := 0
			for i := range g.Columns {
				size := g.Columns[i].Size()
				untouched := i != column || r.States(0)[i] != store.Present
				if cell := r.Row(0)[at : at+size]; untouched && !bytes.Equal(cell, make([]byte, size)) {
					t.Fatalf("column %d is %x after column %d was set to %x", i, cell, column, value)
				}
				at += size
			}
		}
	})
}

// FuzzVector feeds any bytes to a decoder that has seen a whole vector before, and gives the same as to one that has not.
func FuzzVector(f *testing.F) {
	whole := unhex(f, "0a1e0a04765f5f610a04765f5f62"+"12021801"+"1200"+"1a0a0a01761205"+"0880e2cfaa")
	f.Add(whole)
	f.Add(unhex(f, "0a120a04765f5f61"+"0a04765f5f62"+"12021801"+"1200"))
	f.Add(unhex(f, "0a0a0a04765f5f61"+"12021801"))
	g := group(f, "v", id, col("v__b", tensor.FP32, 1), col("v__a", tensor.FP32, 1))
	f.Fuzz(func(t *testing.T, value []byte) {
		var fresh, used store.Rows
		NewVector(g).Put(rowsOf(&fresh, g), 0, value)
		v := NewVector(g)
		v.Put(rowsOf(&used, g), 0, whole)
		v.Put(rowsOf(&used, g), 0, value)
		if !bytes.Equal(fresh.Row(0), used.Row(0)) || fresh.Time(0) != used.Time(0) || fresh.States(0)[0] != used.States(0)[0] || fresh.States(0)[1] != used.States(0)[1] {
			t.Fatalf("%x: %x, %v at first and %x, %v later", value, fresh.Row(0), fresh.States(0), used.Row(0), used.States(0))
		}
	})
}

// FuzzTime reads any bytes: a time that is known is one that can be written again.
func FuzzTime(f *testing.F) {
	f.Add(unhex(f, "0880e2cfaa06108094ef3a"))
	f.Add(unhex(f, "08ffffffffffffffff7f"))
	f.Fuzz(func(t *testing.T, message []byte) {
		if ns := Time(message); ns != 0 && Nanos(ns/1e9, ns%1e9) != ns && ns > 0 {
			t.Fatalf("%x is %d", message, ns)
		}
	})
}
