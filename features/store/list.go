package store

import (
	"math"

	"sluice/internal/tensor"
)

// A List is filled element by element. It is good until the next of its Rows.
type List struct {
	kind  tensor.DataType
	rest  []byte
	whole []byte
	state *State
	wrong bool
}

// SetList begins a list; it has exactly as many elements as the column is wide, or it is Wrong.
func (r *Rows) SetList(key, column int) List {
	c, cell, state := r.cell(key, column)
	return List{kind: c.Type, rest: cell, whole: cell, state: state}
}

// Float adds an element. A list keeps NaN, since there it is told from a missing value.
func (l *List) Float(v float64) {
	if size := l.kind.Size(); l.room(size) {
		l.wrong = put(l.rest[:size], l.kind, v) != Present
		l.rest = l.rest[size:]
	}
}

// Int adds an element.
func (l *List) Int(v int64) {
	if size := l.kind.Size(); l.room(size) {
		l.wrong = putInt(l.rest[:size], l.kind, v) != Present
		l.rest = l.rest[size:]
	}
}

func (l *List) room(size int) bool {
	l.wrong = l.wrong || len(l.rest) < size
	return !l.wrong
}

// End says that there are no more elements. Without any the value is Missing.
func (l *List) End() {
	switch {
	case !l.wrong && len(l.rest) == 0:
		*l.state = Present
		return
	case !l.wrong && len(l.rest) == len(l.whole):
		*l.state = Missing
	default:
		*l.state = Wrong
	}
	clear(l.whole)
}

// bits adds an element from the bytes of a whole number or a truth value.
func (l *List) bits(kind tensor.DataType, raw []byte) {
	if !kind.Unsigned() && kind != tensor.Bool {
		l.Int(tensor.IntAt(kind, raw))
		return
	}
	v := tensor.UintAt(kind, raw)
	if v > math.MaxInt64 { // as no signed number: what takes it as it is was served by a copy
		l.Float(float64(v))
		return
	}
	l.Int(int64(v))
}
