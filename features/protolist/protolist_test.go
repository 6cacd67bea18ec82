package protolist

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// forms are the kinds of elements. The last one has a varint that is no number.
var forms = []Elements{Floats, Doubles, Varints(Int64), Varints(func(v uint64) (int64, bool) { return int64(v), v != 7 })}

func rowsOf(t testing.TB, kind tensor.DataType, width int) *store.Rows {
	t.Helper()
	one := store.Column{Type: tensor.Int16, Width: 1}
	g, err := store.NewGroup(store.Group{Keys: []store.KeyColumn{{Name: "id", Type: store.Int64}}, Columns: []store.Column{
		one, {Type: kind, Width: width}, one,
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := new(store.Rows)
	r.Reset(g, 1)
	return r
}

// cell is the bytes of the column.
func cell(r *store.Rows) []byte { return r.Row(0)[2 : r.Group().RowBytes()-2] }

// alone and packed write elements of fixed size or varints into field 1.
func alone(wire protowire.Type, element []byte) []byte {
	return append(protowire.AppendTag(nil, 1, wire), element...)
}

func packed(elements ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), slices.Concat(elements...))
}

func double(v float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)) }

func float(v float32) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)) }

func varint(v int64) []byte { return protowire.AppendVarint(nil, uint64(v)) }

func TestPut(t *testing.T) {
	f := func(of int, width int, message []byte, state store.State, want ...float64) {
		t.Helper()
		r := rowsOf(t, tensor.FP64, width)
		forms[of].Put(r, 0, 1, message)
		if got := r.States(0)[1]; got != state {
			t.Errorf("%x is in state %d, want %d", message, got, state)
		}
		for i, v := range want {
			if got := tensor.FloatAt(tensor.FP64, cell(r), i); got != v && !(math.IsNaN(got) && math.IsNaN(v)) {
				t.Errorf("element %d of %x is %v, want %v", i, message, got, v)
			}
		}
	}
	const floats, doubles, ints, gaps = 0, 1, 2, 3
	other := protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.VarintType), 300)
	f(doubles, 2, packed(double(1), double(2)), store.Present, 1, 2)
	f(doubles, 2, slices.Concat(alone(protowire.Fixed64Type, double(1)), packed(double(2))), store.Present, 1, 2)
	f(doubles, 2, slices.Concat(other, packed(double(1)), other, alone(protowire.Fixed64Type, double(2)), other), store.Present, 1, 2)
	f(doubles, 1, packed(double(math.NaN())), store.Present, math.NaN())
	f(doubles, 2, packed(double(1), double(math.NaN())), store.Present, 1, math.NaN())
	f(floats, 2, packed(float(0.5), float(-1)), store.Present, 0.5, -1)
	f(floats, 1, alone(protowire.Fixed32Type, float(4)), store.Present, 4)
	f(ints, 3, packed(varint(1), varint(-2), varint(300)), store.Present, 1, -2, 300)
	f(gaps, 2, packed(varint(7), varint(8)), store.Present, math.NaN(), 8)
	f(doubles, 2, nil, store.Missing)
	f(doubles, 2, other, store.Missing)
	f(doubles, 2, packed(), store.Missing)
	f(doubles, 2, packed(double(1)), store.Wrong)
	f(doubles, 1, packed(double(1), double(2)), store.Wrong)
	f(doubles, 2, packed(double(1), double(2))[:9], store.Wrong)
	f(doubles, 2, packed(double(1), double(2)[:7]), store.Wrong)
	f(doubles, 1, alone(protowire.Fixed32Type, float(1)), store.Wrong)
	f(ints, 1, packed([]byte{0x80}), store.Wrong)
	f(ints, 1, []byte{0x80}, store.Wrong)
}

func TestRaw(t *testing.T) {
	f := func(of int, message, want []byte) {
		t.Helper()
		if got, ok := forms[of].Raw(message); ok != (want != nil) || ok && !bytes.Equal(got, want) {
			t.Errorf("%x has %x, %t, want %x", message, got, ok, want)
		}
	}
	f(0, packed(float(1), float(2)), slices.Concat(float(1), float(2)))
	f(0, alone(protowire.Fixed32Type, float(3)), float(3))
	f(1, alone(protowire.Fixed64Type, double(3)), double(3))
	f(1, alone(protowire.Fixed32Type, float(3)), nil)
	f(0, slices.Concat(packed(float(1)), packed(float(2))), nil)
	f(0, packed(), nil)
	f(0, nil, nil)
	f(2, packed(varint(1)), nil)
}

func TestNothingIsAllocated(t *testing.T) {
	r := rowsOf(t, tensor.FP64, 2)
	message := slices.Concat(packed(varint(1)), alone(protowire.VarintType, varint(7)))
	e := forms[3]
	if n := testing.AllocsPerRun(100, func() { e.Put(r, 0, 1, message) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzPut feeds any bytes to columns of several types: the neighbours stay, and what is not present is zeros. A list of
// doubles that is present is the same when its elements are written packed again.
func FuzzPut(f *testing.F) {
	for i := range forms {
		f.Add(byte(i), byte(0), packed(double(1), double(2)))
		f.Add(byte(i), byte(1), slices.Concat(packed(varint(1)), alone(protowire.VarintType, varint(7))))
		f.Add(byte(i), byte(2), alone(protowire.Fixed32Type, float(4)))
	}
	kinds := []tensor.DataType{tensor.FP64, tensor.FP32, tensor.Int64, tensor.Uint8, tensor.Bool, tensor.FP16}
	f.Fuzz(func(t *testing.T, form, kind byte, message []byte) {
		e, of := &forms[int(form)%len(forms)], kinds[int(kind)%len(kinds)]
		for width := range 3 {
			r := rowsOf(t, of, width+1)
			e.Put(r, 0, 1, message)
			row, state := r.Row(0), r.States(0)[1]
			if !bytes.Equal(row[:2], []byte{0, 0}) || !bytes.Equal(row[len(row)-2:], []byte{0, 0}) {
				t.Fatalf("the neighbours are %x", row)
			}
			if state != store.Present && !bytes.Equal(cell(r), make([]byte, len(cell(r)))) {
				t.Fatalf("a list in state %d is %x", state, cell(r))
			}
			if state == store.Present && of == tensor.FP64 && e.Kind() == tensor.FP64 {
				again := rowsOf(t, of, width+1)
				if e.Put(again, 0, 1, packed(cell(r))); !bytes.Equal(again.Row(0), row) {
					t.Fatalf("%x is %x when it is written again", row, again.Row(0))
				}
			}
		}
	})
}
