package store

import (
	"encoding/binary"
	"math"
	"slices"
	"sync/atomic"

	"sluice/internal/tensor"
)

// State is what became of a value in a store.
type State uint8

// The states. Missing is what a value has that nobody sets: it is not there, or stored as null, which is also how some writers
// store NaN.
const (
	Missing State = iota
	Present
	// Wrong is a value that the column cannot hold: of another type or length, or outside the type's range.
	Wrong
)

// Rows is where a reader puts what it has read: one row for each key asked for. Setters convert to the column's type.
type Rows struct {
	group  *Group
	data   []byte
	states []State
	times  []int64
	done   []uint32 // 1: it is; changed and read atomically
	whole  [][]byte // rows that lie elsewhere; nil for those in data
	dirty  bool     // data and states may be other than zeros
}

// Reset gives r a row for each of n keys, all missing; it keeps its memory.
func (r *Rows) Reset(g *Group, n int) {
	if r.dirty {
		clear(r.data)
		clear(r.states)
		r.dirty = false
	}
	r.group = g
	r.data = slices.Grow(r.data[:0], n*g.rowBytes)[:n*g.rowBytes]
	r.states = slices.Grow(r.states[:0], n*len(g.Columns))[:n*len(g.Columns)]
	r.times = slices.Grow(r.times[:0], n)[:n]
	r.done = slices.Grow(r.done[:0], n)[:n]
	r.whole = slices.Grow(r.whole[:0], n)[:n]
	clear(r.times)
	clear(r.done)
	clear(r.whole)
}

// Len is how many rows there are.
func (r *Rows) Len() int { return len(r.done) }

// Group is whose rows they are.
func (r *Rows) Group() *Group { return r.group }

// Done says that the row of a key is complete, whatever is in it. From then on the row does not change: other goroutines may
// take it while the rest is still being read.
func (r *Rows) Done(key int) { atomic.StoreUint32(&r.done[key], 1) }

// IsDone tells whether the row is complete.
func (r *Rows) IsDone(key int) bool { return atomic.LoadUint32(&r.done[key]) == 1 }

// Row is the decoded values of a key; those that are not Present are zeros. It is not to be changed.
func (r *Rows) Row(key int) []byte {
	if whole := r.whole[key]; whole != nil {
		return whole
	}
	n := r.group.rowBytes
	return r.data[key*n : (key+1)*n : (key+1)*n]
}

// States is what became of a key's values, by column. They are not to be changed.
func (r *Rows) States(key int) []State {
	if r.whole[key] != nil {
		return r.group.present
	}
	n := len(r.group.Columns)
	return r.states[key*n : (key+1)*n : (key+1)*n]
}

// Cells is row and states of a key, to be set as they are.
func (r *Rows) Cells(key int) ([]byte, []State) {
	r.dirty = true
	return r.Row(key), r.States(key)
}

// SetWhole gives a key a row in which all values are present. It lies where it is, and nobody changes it any more.
func (r *Rows) SetWhole(key int, row []byte) { r.whole[key] = row }

// Whole is the row that SetWhole gave a key; nil if it gave none. It is good for as long as anybody has it.
func (r *Rows) Whole(key int) []byte { return r.whole[key] }

// Time is when the values became true, in nanoseconds since 1970; 0 if the store does not say.
func (r *Rows) Time(key int) int64 { return r.times[key] }

// SetTime sets that.
func (r *Rows) SetTime(key int, ns int64) { r.times[key] = ns }

// SetOldest sets it to that of one of its values: a row is as old as the oldest of them whose time is known.
func (r *Rows) SetOldest(key int, ns int64) {
	if ns != 0 && (r.times[key] == 0 || ns < r.times[key]) {
		r.times[key] = ns
	}
}

// cell is a value's bytes and how to say what became of it.
func (r *Rows) cell(key, column int) (c *Column, cell []byte, state *State) {
	r.dirty = true
	c = &r.group.Columns[column]
	at := key*r.group.rowBytes + c.offset
	return c, r.data[at : at+c.Size()], &r.states[key*len(r.group.Columns)+column]
}

// SetWrong says that a value is there and cannot be used.
func (r *Rows) SetWrong(key, column int) {
	_, cell, state := r.cell(key, column)
	clear(cell)
	*state = Wrong
}

// SetRowWrong says so of all values of a key.
func (r *Rows) SetRowWrong(key int) {
	for column := range r.group.Columns {
		r.SetWrong(key, column)
	}
}

// SetFloat sets a number. NaN counts as missing; a whole number's column takes whole numbers alone.
func (r *Rows) SetFloat(key, column int, v float64) {
	c, cell, state := r.cell(key, column)
	switch {
	case c.Width != 1:
		*state = Wrong
	case math.IsNaN(v):
		*state = Missing
	default:
		*state = put(cell, c.Type, v)
	}
}

// SetInt sets a whole number.
func (r *Rows) SetInt(key, column int, v int64) {
	c, cell, state := r.cell(key, column)
	if c.Width != 1 {
		*state = Wrong
		return
	}
	*state = putInt(cell, c.Type, v)
}

// SetBool sets a truth value: 1 or 0 in a column of numbers.
func (r *Rows) SetBool(key, column int, v bool) {
	n := int64(0)
	if v {
		n = 1
	}
	r.SetInt(key, column, n)
}

// SetRaw sets a value, or a list, from little-endian elements of a type.
func (r *Rows) SetRaw(key, column int, kind tensor.DataType, raw []byte) {
	c, cell, state := r.cell(key, column)
	if kind == c.Type && len(raw) == len(cell) && !(c.Width == 1 && isNaN(kind, raw)) {
		copy(cell, raw)
		*state = Present
		return
	}
	size := kind.Size()
	if size == 0 || len(raw) != c.Width*size {
		r.SetWrong(key, column)
		return
	}
	l := r.SetList(key, column)
	for ; len(raw) > 0; raw = raw[size:] {
		if kind.Integer() || kind == tensor.Bool {
			l.bits(kind, raw)
			continue
		}
		v := tensor.FloatAt(kind, raw, 0)
		if c.Width == 1 && math.IsNaN(v) {
			r.SetFloat(key, column, v)
			return
		}
		l.Float(v)
	}
	l.End()
}

func isNaN(kind tensor.DataType, raw []byte) bool {
	return kind.Float() && math.IsNaN(tensor.FloatAt(kind, raw, 0))
}

// put writes a number as one element.
func put(cell []byte, kind tensor.DataType, v float64) State {
	switch kind {
	case tensor.FP32:
		binary.LittleEndian.PutUint32(cell, math.Float32bits(float32(v)))
		return inRange(cell, math.Abs(v) > math.MaxFloat32 && tensor.Overflows(kind, v))
	case tensor.FP64:
		binary.LittleEndian.PutUint64(cell, math.Float64bits(v))
		return Present
	}
	if kind.Integer() {
		// A larger number need not be the whole number that was meant.
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			clear(cell)
			return Wrong
		}
		return putInt(cell, kind, int64(v))
	}
	_, err := tensor.AppendNumber(cell[:0], kind, v)
	return inRange(cell, err != nil || tensor.Overflows(kind, v))
}

// inRange clears a cell whose number was beyond the type's range.
func inRange(cell []byte, beyond bool) State {
	if beyond {
		clear(cell)
		return Wrong
	}
	return Present
}

// putInt writes a whole number as one element, exactly where the type is one of whole numbers.
func putInt(cell []byte, kind tensor.DataType, v int64) State {
	if !kind.Integer() {
		return put(cell, kind, float64(v))
	}
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	spare := 64 - 8*kind.Size()
	if kind.Unsigned() {
		low, high = 0, int64(min(uint64(math.MaxUint64)>>spare, math.MaxInt64))
	} else {
		low, high = low>>spare, high>>spare
	}
	if v < low || v > high {
		clear(cell)
		return Wrong
	}
	for i := range cell {
		cell[i] = byte(v >> (8 * i))
	}
	return Present
}
