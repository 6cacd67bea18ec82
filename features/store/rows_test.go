package store

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"sluice/internal/tensor"
)

func TestRowsConvert(t *testing.T) {
	g, err := NewGroup(Group{Name: "g", Keys: []KeyColumn{{"id", Int64}}, Columns: []Column{
		{Name: "f", Type: tensor.FP32, Width: 1},
		{Name: "i", Type: tensor.Int8, Width: 1},
		{Name: "u", Type: tensor.Uint64, Width: 1},
		{Name: "b", Type: tensor.Bool, Width: 1},
		{Name: "l", Type: tensor.FP64, Width: 2},
	}})
	if err != nil || g.RowBytes() != 4+1+8+1+16 {
		t.Fatal(g, err)
	}
	var r Rows
	f := func(column string, set func(key, column int), state State, want ...byte) {
		t.Helper()
		r.Reset(g, 2)
		at := g.Column(column)
		set(1, at)
		c, cell, got := r.cell(1, at)
		if want == nil {
			want = make([]byte, c.Size())
		}
		if *got != state || !slices.Equal(cell, want) || slices.ContainsFunc(r.Row(0), func(b byte) bool { return b != 0 }) {
			t.Errorf("%s: state %d, %x, want %d, %x", column, *got, cell, state, want)
		}
	}
	half := binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.5))
	f("f", func(k, c int) { r.SetFloat(k, c, 0.5) }, Present, half...)
	f("f", func(k, c int) { r.SetFloat(k, c, math.NaN()) }, Missing)
	f("f", func(k, c int) { r.SetFloat(k, c, -1e39) }, Wrong)
	f("f", func(k, c int) { r.SetFloat(k, c, math.Inf(-1)) }, Present, 0, 0, 0x80, 0xff)
	f("f", func(k, c int) { r.SetRowWrong(k) }, Wrong)
	f("f", func(k, c int) { r.SetRaw(k, c, tensor.FP32, half) }, Present, half...)
	f("f", func(k, c int) { r.SetRaw(k, c, tensor.FP32, []byte{0, 0, 0xc0, 0x7f}) }, Missing)
	f("f", func(k, c int) { r.SetRaw(k, c, tensor.FP64, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}) }, Missing)
	f("f", func(k, c int) { r.SetRaw(k, c, tensor.FP32, half[:3]) }, Wrong)
	f("f", func(k, c int) { r.SetBool(k, c, true) }, Present, 0, 0, 0x80, 0x3f)
	f("i", func(k, c int) { r.SetInt(k, c, -128) }, Present, 0x80)
	f("i", func(k, c int) { r.SetInt(k, c, 128) }, Wrong)
	f("i", func(k, c int) { r.SetFloat(k, c, 1.5) }, Wrong)
	f("i", func(k, c int) { r.SetFloat(k, c, math.Inf(1)) }, Wrong)
	f("i", func(k, c int) { r.SetFloat(k, c, 200) }, Wrong)
	f("i", func(k, c int) { r.SetFloat(k, c, -2) }, Present, 0xfe)
	f("i", func(k, c int) { r.SetRaw(k, c, tensor.Int64, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) }, Present, 0xff)
	f("u", func(k, c int) { r.SetInt(k, c, -1) }, Wrong)
	f("u", func(k, c int) { r.SetInt(k, c, math.MaxInt64) }, Present, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)
	most := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	f("u", func(k, c int) { r.SetRaw(k, c, tensor.Uint64, most) }, Present, most...)
	f("f", func(k, c int) { r.SetRaw(k, c, tensor.Uint64, most) }, Present, 0, 0, 0x80, 0x5f)
	f("i", func(k, c int) { r.SetRaw(k, c, tensor.Uint64, most) }, Wrong)
	f("b", func(k, c int) { r.SetBool(k, c, true) }, Present, 1)
	f("b", func(k, c int) { r.SetFloat(k, c, 2) }, Wrong)
	list := func(v ...float64) func(k, c int) {
		return func(k, c int) {
			l := r.SetList(k, c)
			for _, v := range v {
				l.Float(v)
			}
			l.End()
		}
	}
	f("l", list(1, 2), Present, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0x40)
	f("l", list(), Missing)
	f("l", list(1), Wrong)
	f("l", list(1, 2, 3), Wrong)
	f("l", func(k, c int) { r.SetFloat(k, c, 1) }, Wrong)
}

// TestNeighboursStay sets whole numbers from floats in cells of one byte beside each other.
func TestNeighboursStay(t *testing.T) {
	g, err := NewGroup(Group{Keys: []KeyColumn{{"id", Int64}}, Columns: []Column{{Name: "a", Type: tensor.Int8, Width: 1}, {Name: "l", Type: tensor.Uint8, Width: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	var r Rows
	r.Reset(g, 2)
	for key := 1; key >= 0; key-- {
		l := r.SetList(key, 1)
		l.Float(2)
		l.Float(3)
		l.End()
		r.SetFloat(key, 0, 1)
	}
	if want := []byte{1, 2, 3}; !slices.Equal(r.Row(0), want) || !slices.Equal(r.Row(1), want) {
		t.Errorf("%v and %v, want %v", r.Row(0), r.Row(1), want)
	}
}

// TestRowsAreUsedAgain resets rows after some were set, for more and for fewer keys: all are missing again.
func TestRowsAreUsedAgain(t *testing.T) {
	g, err := NewGroup(Group{Keys: []KeyColumn{{"id", Int64}}, Columns: []Column{{Name: "a", Type: tensor.Int8, Width: 1}, {Name: "b", Type: tensor.Int8, Width: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	var r Rows
	for _, n := range []int{3, 1, 8, 2, 40, 3} {
		r.Reset(g, n)
		for key := range n {
			if !slices.Equal(r.Row(key), []byte{0, 0}) || !slices.Equal(r.States(key), []State{Missing, Missing}) || r.Whole(key) != nil {
				t.Errorf("key %d of %d is %v in %v", key, n, r.Row(key), r.States(key))
			}
			switch key % 4 {
			case 0:
				r.SetInt(key, 0, 7)
			case 1:
				data, states := r.Cells(key)
				data[1], states[1] = 8, Present
			case 2:
				r.SetWhole(key, []byte{5, 6})
				if !slices.Equal(r.Row(key), []byte{5, 6}) || !slices.Equal(r.States(key), []State{Present, Present}) || r.Whole(key) == nil {
					t.Errorf("a whole row is %v in %v", r.Row(key), r.States(key))
				}
			}
		}
	}
}

func TestKeysAreReadBack(t *testing.T) {
	k := AppendText(AppendInt(AppendInt(nil, Int64, -5), Int32, -6), "seven")
	v, rest := k.Next(Int64)
	if Int(Int64, v) != -5 {
		t.Error(v)
	}
	v, rest = rest.Next(Int32)
	if Int(Int32, v) != -6 {
		t.Error(v)
	}
	if v, rest = rest.Next(Text); string(v) != "seven" || len(rest) != 0 {
		t.Error(v, rest)
	}
}

func TestRowsDoNotAllocate(t *testing.T) {
	g, err := NewGroup(Group{Keys: []KeyColumn{{"id", Int64}}, Columns: []Column{{Name: "f", Type: tensor.FP32, Width: 1}, {Name: "l", Type: tensor.FP16, Width: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	var r Rows
	if n := testing.AllocsPerRun(100, func() {
		r.Reset(g, 10)
		r.SetFloat(3, 0, 1)
		l := r.SetList(3, 1)
		l.Float(1)
		l.Int(2)
		l.End()
		r.Done(3)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A row is as old as the oldest of its values, of those whose time is known.
func TestSetOldest(t *testing.T) {
	g, err := NewGroup(Group{Name: "g", Keys: []KeyColumn{{"id", Int64}}, Columns: []Column{{Name: "f", Type: tensor.FP32, Width: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	var r Rows
	r.Reset(g, 2)
	for _, ns := range []int64{0, 7, 9, 0, -3, 5} {
		r.SetOldest(1, ns)
	}
	if r.Time(1) != -3 || r.Time(0) != 0 {
		t.Errorf("times of %d and %d", r.Time(0), r.Time(1))
	}
}
